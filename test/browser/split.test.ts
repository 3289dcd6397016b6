/** Training whose batches are divided, in the app, on the software GPU that Chromium brings. */
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DESKTOP, launch, openApp, problemsOf, type Site, serveApp } from './app.ts';
import { save, startDigits, statusIs } from './training.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
  [browser, site] = await Promise.all([
    launch('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'),
    serveApp(true),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

it('batches are divided between processor and GPU where that is chosen', async () => {
  const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
  const problems = problemsOf(page);
  await page.getByText('More options').click();
  await page.getByLabel('Divide each batch between processor and GPU').check();
  await startDigits(page, 640, 1);
  await statusIs(page, /Finished/);
  const log = JSON.parse((await save(page, 'Log (JSON)')).toString());
  expect(log.options.split).toBe(true);
  expect(log.epochs).toHaveLength(1);
  expect(problems).toEqual([]);
  await page.context().close();
});
