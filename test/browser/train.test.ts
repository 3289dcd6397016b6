import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DESKTOP,
  drawDigit,
  expectAnswer,
  launch,
  openApp,
  PHONE,
  problemsOf,
  type Site,
  serveApp,
} from './app.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(), serveApp(true)]);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const accuracyOf = async (page: Page): Promise<number> =>
  Number.parseFloat((await page.getByTestId('accuracy').textContent()) ?? '');

async function startTraining(page: Page, images: number, epochs: number): Promise<void> {
  await page.getByLabel('Training images').fill(String(images));
  await page.getByLabel('Validation images').fill('500');
  await page.getByLabel('Epochs').fill(String(epochs));
  await page.getByRole('button', { name: 'Start training' }).click();
}

const statusIs = (page: Page, text: RegExp) =>
  page.getByTestId('run-status').filter({ hasText: text }).waitFor({ timeout: 120_000 });

describe('train page', () => {
  it('trains a few hundred steps and sees the accuracy rise', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    const problems = problemsOf(page);
    await startTraining(page, 6400, 3);
    await page.waitForFunction(() =>
      /\d/.test(document.querySelector('[data-testid=accuracy]')?.textContent ?? ''),
    );
    const first = await accuracyOf(page);
    await statusIs(page, /Finished/);
    expect(await accuracyOf(page)).toBeGreaterThan(first);
    const best = Number.parseFloat((await page.getByTestId('best-accuracy').textContent()) ?? '');
    expect(best).toBeGreaterThan(80);
    expect(await page.locator('.epochs tbody tr').count()).toBe(3);
    expect(await page.locator('.curve canvas').count()).toBe(2);

    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the weights' }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/\.safetensors$/);
    expect((await readFile(await file.path())).byteLength).toBeGreaterThan(0);
    expect(problems).toEqual([]);
    await page.context().close();
  }, 180_000);

  it('pauses, goes on and stops, and keeps running when the page is left', async () => {
    const page = await openApp(browser, site, { ...PHONE, path: '#/train' });
    await startTraining(page, 100_000, 20);
    await statusIs(page, /^\s*Training/);
    await page.getByRole('button', { name: 'Pause' }).click();
    await statusIs(page, /Paused/);
    const step = () => page.locator('.control .split span').first().textContent();
    await page.waitForTimeout(300);
    const paused = await step();
    await page.waitForTimeout(500);
    expect(await step()).toBe(paused);

    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Digit' }).click();
    await drawDigit(page, 1);
    await expectAnswer(page, 1);
    await page.getByTestId('run-pill').click();
    expect(await step()).not.toBe(paused);
    await page.getByRole('button', { name: 'Stop' }).click();
    await statusIs(page, /Stopped/);
    await page.context().close();
  }, 180_000);

  it('shows what is wrong with a truncated IDX file, and still recognises', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    const truncated = Buffer.alloc(1000);
    truncated.writeUInt32BE(0x803, 0);
    truncated.writeUInt32BE(60_000, 4);
    truncated.writeUInt32BE(28, 8);
    truncated.writeUInt32BE(28, 12);
    await page.getByRole('radio', { name: 'My files (IDX)' }).check();
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('alert').getByText('Choose the IDX files first').waitFor();
    await page
      .locator('input[name=idx]')
      .setInputFiles({ name: 'train-images-idx3-ubyte', mimeType: '', buffer: truncated });
    await page.getByRole('button', { name: 'Start training' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('Check the files and options').waitFor();
    expect(await alert.locator('.alert-detail').textContent()).not.toBe('');
    await page.getByRole('navigation').getByRole('link', { name: 'Digit' }).click();
    await drawDigit(page, 6);
    await expectAnswer(page, 6);
    await page.context().close();
  }, 60_000);
});
