/** The benchmark's adapter: the backend on a page with one and with two threads, and in a worker with two. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type createAdapter from '../bench/adapter.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}build/test-adapter`;
const html = `<!doctype html><script type="module">
  import create from '/bench-adapter.js';
  window.create = create;
</script>`;
const types: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm' };

let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/bench-build.mjs', folder], { cwd: root });
  server = createServer(async ({ url = '/' }, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.setHeader('Content-Type', types[url.split('.').at(-1) ?? ''] ?? 'text/html');
    response.end(url === '/' ? html : await readFile(folder + url).catch(() => ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction('window.create');
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Outputs of a 3×3 convolution with relu over an image, by an adapter with so many threads; long ones leave the page. */
const convolve = (threads: number, long: boolean): Promise<number[]> =>
  page.evaluate(
    async ([threads, long]) => {
      const { create } = window as unknown as { create: typeof createAdapter };
      const ramp = (...shape: number[]) => {
        const data = new Float32Array(shape.reduce((a, b) => a * b));
        return { shape, data: data.map((_, i) => ((i * 37) % 101) / 50 - 1) };
      };
      const conv = {
        op: 'conv',
        x: 'x',
        y: 'y',
        w: 'w',
        b: 'b',
        k: 3,
        stride: 1,
        pad: 1,
        act: 'relu',
        cin: 4,
        cout: 8,
      } as const;
      const rates = { classes: 0, lr: 0, momentum: 0, bn_momentum: 0, bn_eps: 0 };
      const adapter = await create({ threads });
      const program = await adapter.prepare(
        { id: 'c', kind: 'infer', asset: 'c', batch: 2, flops: long ? 1e9 : 1 },
        {
          ...{ name: 'c', kind: 'infer', ops: [conv], output: 'y', params: ['w', 'b'], stats: [], ...rates },
          t: { x: ramp(2, 4, 12, 12), w: ramp(8, 4, 3, 3), b: ramp(8) },
        },
      );
      await program.run();
      return [...((await program.run())?.data ?? [])];
    },
    [threads, long] as const,
  );

test('the page’s own thread, two with it and two in a worker compute the same bits', async () => {
  const here = await convolve(1, false);
  expect(here).toHaveLength(2 * 8 * 12 * 12);
  expect(here.some((v) => v > 0)).toBe(true);
  expect(await convolve(2, false)).toEqual(here);
  expect(await convolve(2, true)).toEqual(here);
});
