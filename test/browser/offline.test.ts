import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DESKTOP, drawDigit, expectAnswer, FOLDER, launch, openApp, type Site, serveApp } from './app.ts';

let browser: Browser;
let plain: Site;
let isolated: Site;

beforeAll(async () => {
  [browser, plain, isolated] = await Promise.all([launch(), serveApp(false), serveApp(true)]);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await Promise.all([plain?.close(), isolated?.close()]);
});

const threadsOn = async (page: Awaited<ReturnType<typeof openApp>>): Promise<number> => {
  await page.goto(page.url().replace(/#.*/, '#/device'));
  return Number(await page.getByTestId('fact-threads').textContent());
};

describe('hosts without the isolation headers', () => {
  it('works on one thread', async () => {
    const page = await openApp(browser, plain, DESKTOP);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await drawDigit(page, 8);
    await expectAnswer(page, 8);
    expect(await threadsOn(page)).toBe(1);
    await page.context().close();
  }, 60_000);

  it('gains isolation from the service worker by one reload', async () => {
    const page = await openApp(browser, plain, { ...DESKTOP, serviceWorker: true });
    await page.waitForFunction(() => crossOriginIsolated);
    await page.locator('select').first().waitFor();
    await drawDigit(page, 9);
    await expectAnswer(page, 9);
    expect(await threadsOn(page)).toBeGreaterThan(1);
    await page.context().close();
  }, 60_000);

  it('never reloads what the user has begun', async () => {
    const page = await openApp(browser, plain, { ...DESKTOP, serviceWorker: true, path: '#/train' });
    // The reload may win the race on this page; on the next one nothing is left to gain.
    await page.evaluate(() => sessionStorage.clear());
    await page.waitForFunction(() => crossOriginIsolated);
    let loads = 0;
    page.on('load', () => loads++);
    await page.waitForTimeout(1500);
    expect(loads).toBe(0);
    await page.context().close();
  }, 60_000);
});

describe('offline', () => {
  it('starts and recognises without a network', async () => {
    const page = await openApp(browser, isolated, { ...DESKTOP, serviceWorker: true });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.context().setOffline(true);
    await page.reload();
    await page.locator('select').first().waitFor();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await drawDigit(page, 2);
    await expectAnswer(page, 2);
    await page.context().close();
  }, 60_000);

  it('stores every file of the app', async () => {
    const worker = await readFile(join(FOLDER, 'sw.js'), 'utf8');
    const files = await readdir(FOLDER, { recursive: true, withFileTypes: true });
    const names = files
      .filter((f) => f.isFile() && f.name !== 'sw.js')
      .map((f) => join(f.parentPath, f.name).slice(FOLDER.length + 1));
    expect(names).toContain('index.html');
    expect(names.filter((name) => !worker.includes(`"${name}"`))).toEqual([]);
    if (!process.env.LENSLET_APP) {
      expect(names.filter((name) => name.endsWith('.wasm'))).toHaveLength(3);
      expect(names.filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(0);
    }
  });
});
