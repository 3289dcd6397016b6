/** A page of Chromium that has WebGPU on the software driver it brings, and the calls of `page.ts`. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import { build } from 'vite';
import { launch } from '../app.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

async function bundle(folder: string): Promise<void> {
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
}

/** Files below `served` are under /files/ for the page. @param name of the folder to build in, one for each test file */
export async function openGpuPage(
  name: string,
  served?: string,
): Promise<{ page: Page; close: () => Promise<void> }> {
  const folder = `${root}build/${name}`;
  await bundle(folder);
  const server = createServer(async ({ url = '/' }, response) => {
    response.setHeader('Content-Type', url.endsWith('.js') ? 'text/javascript' : 'text/html');
    const html = '<!doctype html><script type="module" src="/page.js"></script>';
    const file = url.startsWith('/files/') && served ? join(served, normalize(url.slice(6))) : folder + url;
    const found = url === '/' ? html : await readFile(file).catch(() => null);
    if (found === null) response.statusCode = 404;
    response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction('window.calls');
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { page, close };
}
