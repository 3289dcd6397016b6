/**
 * WebGPU in Chromium, on the software driver it brings. A browser without an adapter fails this test: it is the only
 * one that shows that pages get one.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { launch } from './app.ts';
import { checks } from './webgpu/checks.ts';
import type { calls as Calls } from './webgpu/page.ts';

declare const calls: typeof Calls;

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}build/test-webgpu`;
let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  await build({
    ...{ configFile: false, root, base: './', logLevel: 'warn', publicDir: false },
    build: {
      ...{ outDir: folder, emptyOutDir: true, target: 'es2022' },
      rolldownOptions: {
        input: { page: `${root}test/browser/webgpu/page.ts` },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  server = createServer(async ({ url = '/' }, response) => {
    response.setHeader('Content-Type', url.endsWith('.js') ? 'text/javascript' : 'text/html');
    const html = '<!doctype html><script type="module" src="/page.js"></script>';
    response.end(url === '/' ? html : await readFile(folder + url).catch(() => ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction('window.calls');
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

test('Chromium has an adapter', async () => {
  expect(await page.evaluate(async () => !!(await navigator.gpu?.requestAdapter()))).toBe(true);
});

test('inference and training give what WASM gives, and leave nothing behind', async () => {
  const { found, usedBytes } = await page.evaluate(() => calls.check());
  const wasm = await createBackend({ threads: 1 });
  const wanted = await checks(wasm);
  wasm.dispose();
  for (const [name, values] of Object.entries(wanted)) {
    const size = Math.max(...values.map(Math.abs));
    const errors = values.map((v, i) => Math.abs(v - (found[name]?.[i] ?? Number.NaN)) / size);
    expect(Math.max(...errors), name).toBeLessThan(1e-4);
  }
  expect(usedBytes).toBe(0);
});

test('a lost device ends the run under way and refuses later ones', async () => {
  expect(await page.evaluate(() => calls.lose())).toEqual({ pending: 'device', later: 'device' });
});
