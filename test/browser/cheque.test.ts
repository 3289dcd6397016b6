/** Cheques: a sample, corrections and learning; the camera, with a clip of a generated cheque and without one. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXECUTABLE, openApp, PHONE, problemsOf, type Site, serveApp } from './app.ts';
import { chequeClip } from './clip.ts';
import { statusIs } from './training.ts';

const clip = join(mkdtempSync(join(tmpdir(), 'lenslet-')), 'cheque.y4m');
let site: Site;
let browser: Browser;

beforeAll(async () => {
  writeFileSync(clip, chequeClip([[0, 0]]));
  const args = [
    '--no-sandbox',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${clip}`,
  ];
  [site, browser] = await Promise.all([
    serveApp(true),
    chromium.launch({ ...(EXECUTABLE ? { executablePath: EXECUTABLE } : {}), args }),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function open(before?: (page: Page) => Promise<void>): Promise<Page> {
  const page = await openApp(browser, site, PHONE);
  await before?.(page);
  await page.goto(`${site.url}#/cheque`);
  await page.getByRole('button', { name: 'Try a sample' }).waitFor();
  return page;
}

describe('cheque page', () => {
  it('reads a sample; a correction is kept, and deleted', async () => {
    const page = await open();
    const problems = problemsOf(page);
    await page.getByRole('button', { name: 'Try a sample' }).click();
    await page.locator('[data-testid=amount]').waitFor();
    await expect.poll(() => page.locator('[data-testid=amount]').textContent()).toMatch(/\d/);
    await page.getByLabel('What is written').fill('12,345/-');
    await page.getByRole('button', { name: 'Keep as an example' }).click();
    await page.getByRole('heading', { name: '1 example kept' }).waitFor();
    await page.getByText('The reader has not learned from them yet.').waitFor();
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete all' }).click();
    await page.getByRole('heading', { name: '1 example kept' }).waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('digits of corrected amounts are a data set to train on, until the amounts are deleted', async () => {
    const page = await open();
    const problems = problemsOf(page);
    const toTrain = async () => {
      await page.goto(`${site.url}#/train`);
      await page.getByRole('radio', { name: 'Cheque digits' }).check();
    };
    await toTrain();
    await page.getByText('There are no corrected amounts').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Read a cheque' }).click();
    await page.getByRole('button', { name: 'Try a sample' }).click();
    await page.getByRole('button', { name: 'Keep as an example' }).click();
    await page.getByRole('heading', { name: '1 example kept' }).waitFor();

    await toTrain();
    await page
      .getByTestId('cheque-digits')
      .getByText(/^[2-9] digits, cut out of 1 corrected/)
      .waitFor();
    await expect.poll(() => page.getByLabel('Start from').inputValue()).toBe('lenet5-modern');
    for (const network of ['lenet5-modern', 'lenet5']) {
      await page.getByLabel('Network', { exact: true }).selectOption(network);
      await page.getByLabel('Epochs').fill('1');
      await page.getByRole('button', { name: 'Start training' }).click();
      await statusIs(page, /Finished/);
      await page.getByRole('button', { name: 'New run' }).click();
    }

    await page.goto(`${site.url}#/cheque`);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete all' }).click();
    await page.getByRole('heading', { name: '1 example kept' }).waitFor({ state: 'detached' });
    await toTrain();
    await page.getByText('There are no corrected amounts').waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('finds the cheque in the camera’s picture, shows where, and takes the picture', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Use the camera' }).click();
    await page.locator('.overlay-box').waitFor();
    const capture = page.getByRole('button', { name: 'Take the picture' });
    // It may be taken by itself sooner.
    await capture.click({ timeout: 5_000 }).catch(() => undefined);
    await page.locator('.cheque-result').waitFor();
    await page.locator('[data-testid=amount]').waitFor();
    await expect.poll(() => page.locator('video').count()).toBe(0);
    await page.context().close();
  });

  it.each([
    ['NotAllowedError', /permission was denied/],
    ['NotFoundError', /No camera was found/],
    ['NotReadableError', /another program may be using it/],
  ])('says what to do when the camera answers %s', async (name, words) => {
    const page = await open(async (p) => {
      await p.addInitScript((error) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', error));
      }, name);
    });
    await page.reload();
    await page.getByRole('button', { name: 'Use the camera' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    await expect.poll(() => alert.textContent()).toMatch(words);
    await expect.poll(() => alert.textContent()).toContain('You can choose a picture instead.');
    await page.context().close();
  });

  it('says so when the camera is taken away', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Use the camera' }).click();
    await page.locator('video').waitFor();
    await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
    await page.evaluate(() => {
      const [track] = (document.querySelector('video')!.srcObject as MediaStream).getVideoTracks();
      track!.dispatchEvent(new Event('ended'));
    });
    await page.getByText('The camera was taken away.').waitFor();
    await page.context().close();
  });
});
