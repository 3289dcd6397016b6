import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DESKTOP,
  drawDigit,
  expectAnswer,
  FOLDER,
  launch,
  openApp,
  type Site,
  serveApp,
  visit,
} from './app.ts';
import { startDigits, statusIs } from './training.ts';

let browser: Browser;
let plain: Site;
let isolated: Site;

beforeAll(async () => {
  [browser, plain, isolated] = await Promise.all([launch(), serveApp(false), serveApp(true)]);
});

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
  });

  it('gains isolation from the service worker by one reload', async () => {
    const page = await openApp(browser, plain, { ...DESKTOP, serviceWorker: true });
    await page.waitForFunction(() => crossOriginIsolated);
    await page.locator('select').first().waitFor();
    await drawDigit(page, 9);
    await expectAnswer(page, 9);
    expect(await threadsOn(page)).toBeGreaterThan(1);
    await page.context().close();
  });

  it('never reloads a page with a drawing on it', async () => {
    const release = plain.hold('sw.js');
    const page = await openApp(browser, plain, { ...DESKTOP, serviceWorker: true });
    await drawDigit(page, 3);
    await expectAnswer(page, 3);
    release();
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.waitForTimeout(1000);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await expectAnswer(page, 3);
    await page.context().close();
  });
});

const buildOf = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.querySelector('meta[name=build]')?.getAttribute('content') ?? null);

/** Makes the page find the build that the site serves now. */
const lookForUpdate = (page: Page): Promise<void> =>
  page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));

describe('updates', () => {
  it('wait until the user loads them', async () => {
    const site = await serveApp(true);
    const page = await openApp(browser, site, { ...DESKTOP, serviceWorker: true });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.reload();
    await page.locator('select').first().waitFor();
    site.update();
    await lookForUpdate(page);
    const load = page.getByRole('button', { name: 'Load it now' });
    await load.waitFor();
    await drawDigit(page, 1);
    await expectAnswer(page, 1);
    expect(await buildOf(page)).toBe(null);
    await Promise.all([page.waitForEvent('load'), load.click()]);
    await page.locator('[data-testid=answer]:text-is("–")').waitFor();
    expect(await buildOf(page)).toBe('1');
    await expect.poll(() => load.count()).toBe(0);
    await page.context().close();
    await site.close();
  });

  it('are withheld while a tab trains', async () => {
    const site = await serveApp(true);
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train', serviceWorker: true });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.reload();
    await startDigits(page, 6400, 500);
    await statusIs(page, /^\s*Training/);
    site.update();
    await lookForUpdate(page);
    const load = page.getByRole('button', { name: 'Load it now' });
    await page.getByText('It can be loaded when the training has ended.').waitFor();
    await expect.poll(() => load.isDisabled()).toBe(true);

    const other = await visit(await page.context().newPage(), site, '#/digit');
    await other.getByRole('button', { name: 'Load it now' }).click();
    await other.getByText('Another tab of the app is training.').waitFor();
    expect([await buildOf(page), await buildOf(other)]).toEqual([null, null]);

    // A tab behind another one draws no frames, and clicks wait for two.
    await page.bringToFront();
    await page.getByRole('button', { name: 'Stop' }).click();
    await statusIs(page, /Stopped/);
    await Promise.all([page.waitForEvent('load'), load.click()]);
    await page.getByRole('button', { name: 'Start training' }).waitFor();
    expect(await buildOf(page)).toBe('1');
    await page.context().close();
    await site.close();
  });
});

describe('a broken engine', () => {
  it('is told, with the way out', async () => {
    plain.missing.add(/engine-.*\.js$/);
    const page = await (await browser.newContext({ locale: 'en-GB', serviceWorkers: 'block' })).newPage();
    await page.goto(plain.url);
    await page.getByRole('alert').getByText('Reload the page').waitFor();
    plain.missing.clear();
    await page.getByRole('button', { name: 'Reload' }).click();
    await page.locator('select').first().waitFor();
    await drawDigit(page, 5);
    await expectAnswer(page, 5);
    await page.context().close();
  });
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
  });

  it('opens every page and trains without a network', async () => {
    const page = await openApp(browser, isolated, { ...DESKTOP, serviceWorker: true });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.context().setOffline(true);
    await page.reload();
    for (const name of ['Models', 'Inside', 'Kernels', 'Train']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.waitForFunction((title) => document.title.startsWith(title), name);
      await page.locator('main h1').waitFor();
    }
    await page.getByLabel('Training images').fill('640');
    await page.getByLabel('Training images').press('Tab');
    await page.getByLabel('Epochs').fill('1');
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByTestId('run-status').filter({ hasText: 'Finished' }).waitFor();
    await page.context().close();
  });

  it('takes at most 2 MB without its optional models', async () => {
    const files = await readdir(FOLDER, { recursive: true, withFileTypes: true });
    const sizes = files
      .filter((f) => f.isFile() && !/^(cheque-reader|cifar-resnet20)/.test(f.name))
      .map((f) => stat(join(f.parentPath, f.name)));
    const total = (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
    expect(total).toBeLessThan(2_000_000);
  });

  it('stores every file of the app', async () => {
    const worker = await readFile(join(FOLDER, 'sw.js'), 'utf8');
    const files = await readdir(FOLDER, { recursive: true, withFileTypes: true });
    const names = files
      // Screenshots are for whoever offers the app to be installed.
      .filter((f) => f.isFile() && f.name !== 'sw.js' && !f.parentPath.endsWith('/screenshots'))
      .map((f) => join(f.parentPath, f.name).slice(FOLDER.length + 1));
    expect(names).toContain('index.html');
    expect(names.filter((name) => !worker.includes(`"${name}"`))).toEqual([]);
    if (!process.env.LENSLET_APP) {
      expect(names.filter((name) => name.endsWith('.wasm'))).toHaveLength(3);
      expect(names.filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(0);
    }
  });
});
