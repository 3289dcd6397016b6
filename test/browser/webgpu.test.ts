/**
 * WebGPU in Chromium, on the software driver it brings. A browser without an adapter fails this test: it is the only
 * one that shows that pages get one.
 */
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { checks } from './webgpu/checks.ts';
import type { calls as Calls } from './webgpu/page.ts';
import { openGpuPage } from './webgpu/site.ts';

declare const calls: typeof Calls;

let page: Page;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ page, close } = await openGpuPage('test-webgpu'));
});

afterAll(() => close?.());

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
