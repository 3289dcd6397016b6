import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, openApp, PHONE, problemsOf, type Site, serveApp } from './app.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
  const software = launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  [browser, site] = await Promise.all([software, serveApp(true)]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

it('the device page measures which side is faster for which work', async () => {
  const page = await openApp(browser, site, PHONE);
  await page.goto(`${site.url}#/device`);
  const problems = problemsOf(page);
  await page.getByRole('button', { name: 'Measure here' }).click();
  const rows = page.locator('.work li');
  await rows.first().waitFor();
  await expect.poll(() => rows.count()).toBe(4);
  const gpu = page.locator('.sides');
  await expect.poll(() => gpu.textContent()).toMatch(/SwiftShader.*: software, never chosen by itself/i);
  expect(await gpu.textContent()).toMatch(/Features used: .*subgroups/);
  expect(await gpu.textContent()).toMatch(/Largest buffer: [\d,]+ MiB/);
  const texts = await rows.allTextContents();
  expect(texts[0]).toMatch(/LeNet-5.*inference, 1WASM: over sooner than a GPU answersWASM 0\.\d+ ms/);
  expect(texts[3]).toMatch(/ResNet-20.*training step, 32(WASM|WebGPU): /);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(PHONE.viewport!.width);
  expect(problems).toEqual([]);
  await page.context().close();
});
