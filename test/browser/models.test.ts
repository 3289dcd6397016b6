import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lenet5 } from '../../models/index.ts';
import { exportOnnx } from '../../src/io/onnx/export.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import {
  DESKTOP,
  drawDigit,
  expectAnswer,
  launch,
  openApp,
  PHONE,
  type Site,
  serveApp,
  visit,
} from './app.ts';

let browser: Browser;
let site: Site;
let weights: Buffer;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(), serveApp(true)]);
  weights = await readFile(fileURLToPath(new URL('../../models/lenet5.safetensors', import.meta.url)));
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const offer = (page: Page, name: string, bytes: Uint8Array) =>
  page.locator('input[name=model]').setInputFiles({ name, mimeType: '', buffer: Buffer.from(bytes) });

/** Files of models in the origin private file system. */
const storedModels = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('lenslet');
    const names: string[] = [];
    for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys())
      names.push(name);
    return names.filter((name) => name.startsWith('model-'));
  });

const card = (page: Page, title: string) => page.getByTestId('model').filter({ hasText: title });

describe('model shelf', () => {
  it('imports a network as ONNX, recognises with it, renames and deletes it', async () => {
    const page = await openApp(browser, site, { ...PHONE, path: '#/models' });
    await offer(page, 'mine.onnx', exportOnnx(lenet5, parseSafetensors(weights).tensors));
    await card(page, 'mine').getByRole('link', { name: 'Recognise digits' }).click();
    await drawDigit(page, 4);
    await expectAnswer(page, 4);

    await page.goto(`${site.url}#/models`);
    await card(page, 'mine')
      .getByRole('button', { name: /^Rename/ })
      .click();
    await page.getByLabel('New name').fill('Reader');
    await page.keyboard.press('Enter');
    await card(page, 'Reader').waitFor();
    await page.reload();
    await card(page, 'Reader').waitFor();

    await card(page, 'Reader')
      .getByRole('button', { name: /^Delete/ })
      .click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await card(page, 'Reader')
      .getByRole('button', { name: /^Delete/ })
      .click();
    await page.getByText('“Reader” was deleted.').waitFor();
    // It goes when the message does, or at the latest when the page is left.
    await page.getByText('“Reader” was deleted.').waitFor({ state: 'detached' });
    await expect.poll(() => storedModels(page)).toEqual([]);
    await page.reload();
    await card(page, 'LeNet-5 (1998)').waitFor();
    await expect.poll(() => card(page, 'Reader').count()).toBe(0);
    await page.context().close();
  });

  it('asks what a file of weights is for, and refuses those that do not fit', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/models' });
    await offer(page, 'bare.safetensors', writeSafetensors(parseSafetensors(weights).tensors));
    await page.getByLabel('Network of the weights').selectOption('cifar-resnet20');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByRole('alert').getByText('does not fit ResNet-20').waitFor();
    await offer(page, 'bare.safetensors', writeSafetensors(parseSafetensors(weights).tensors));
    await page.getByLabel('Network of the weights').selectOption('lenet5');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await card(page, 'bare').getByText('Imported').waitFor();
    await offer(page, 'broken.onnx', new Uint8Array(40).fill(7));
    await page.getByRole('alert').getByText('could not be imported').waitFor();
    await card(page, 'bare').getByRole('link', { name: 'Train further' }).click();
    const start = page.getByLabel('Start from');
    await expect.poll(() => start.locator('option:checked').textContent()).toBe('bare');
    await page.context().close();
  });
});

describe('a browser without a private file system', () => {
  it('keeps models in IndexedDB', async () => {
    const context = await browser.newContext({ ...DESKTOP, locale: 'en-GB', serviceWorkers: 'block' });
    await context.route(/engine-.*\.js$/, async (route) => {
      const response = await route.fetch();
      const body = `delete FileSystemFileHandle.prototype.createSyncAccessHandle;${await response.text()}`;
      await route.fulfill({ response, body });
    });
    const page = await visit(await context.newPage(), site, '#/models');
    await offer(page, 'mine.onnx', exportOnnx(lenet5, parseSafetensors(weights).tensors));
    await card(page, 'mine').waitFor();
    expect(await page.evaluate(async () => (await indexedDB.databases()).map((d) => d.name))).toEqual([
      'lenslet',
    ]);
    await page.reload();
    await card(page, 'mine').getByRole('link', { name: 'Recognise digits' }).click();
    await drawDigit(page, 5);
    await expectAnswer(page, 5);
    await context.close();
  });
});

describe('look inside', () => {
  it('shows layers, filters, pixels and gradients of a drawn digit', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/inside' });
    await drawDigit(page, 7);
    await page.locator('.layer').nth(4).waitFor();
    await expect
      .poll(() => page.locator('.layer strong').allTextContents())
      .toEqual(['c1', 's2', 'c3', 's4', 'c5']);
    await expect
      .poll(() => page.locator('.answers li').first().locator('span').first().textContent())
      .toBe('7');
    await page.getByRole('radio', { name: 'Filters' }).check();
    await page.locator('.kernels').nth(2).waitFor();
    await page.getByRole('radio', { name: 'What mattered' }).check();
    await page.getByText('Occlusion').waitFor();
    await page.getByLabel('Look back from').selectOption('1');
    await page.getByText('the score of “1”').waitFor();
    await page.getByRole('radio', { name: 'Histograms' }).check();
    await expect.poll(() => page.getByLabel('Gradients of the weights').locator('li').count()).toBe(5);
    await page.context().close();
  });
});

describe('kernel playground', () => {
  it('computes with the real kernels, forward and back', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/playground' });
    const cells = (name: string) =>
      page.getByRole('table', { name }).or(page.getByRole('grid', { name })).locator('td').allTextContents();
    await page.getByText('∂L/∂w').first().waitFor();
    await page.getByLabel('Input', { exact: true }).selectOption('dot');
    await page.getByLabel('Padding p').selectOption('0');
    await page.getByTestId('output-size').getByText('4', { exact: true }).waitFor();
    // A single dot at (3, 3) of 6 × 6: the output is the kernel turned by half a circle around it.
    await expect
      .poll(async () => (await cells('Output y, channel 1')).join(' '))
      .toBe('0 0 0 0 0 1 0 -1 0 2 0 -2 0 1 0 -1');
    // With δ = 1 everywhere, ∂L/∂w is the sum of x in each window: 1 everywhere.
    expect((await cells('∂L/∂w, output 1, input 1')).join(' ')).toBe('1 1 1 1 1 1 1 1 1');
    await page.getByRole('radio', { name: 'Max pooling' }).check();
    await page.getByLabel('Kernel k').selectOption('2');
    await page.getByLabel('Stride s').selectOption('2');
    await page.getByTestId('output-size').getByText('3', { exact: true }).waitFor();
    await page.getByRole('radio', { name: 'δ is 1 at the chosen value' }).check();
    const output = page.getByRole('grid', { name: 'Output y, channel 1' });
    await output.focus();
    for (const key of ['ArrowDown', 'ArrowUp', 'ArrowLeft']) await page.keyboard.press(key);
    // The winner of the window at row 2, column 1 of the outputs.
    await expect.poll(async () => (await cells('∂L/∂x, channel 1')).indexOf('1')).toBe(12);
    await page.context().close();
  });
});
