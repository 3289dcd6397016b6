import type { Browser, Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/io/onnx/import.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';
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
  visit,
} from './app.ts';
import { picture, pictureZip } from './data.ts';
import { goOn, losses, prepareResNet, save, smallCifar, startDigits, statusIs } from './training.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(), serveApp(true)]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const accuracyOf = async (page: Page): Promise<number> =>
  Number.parseFloat((await page.getByTestId('accuracy').textContent()) ?? '');

/** What an element says once it has said the same for a second: what was under way is done. */
async function settled(element: Locator): Promise<string | null> {
  for (let before: string | null = null, same = 0; ; ) {
    const now = await element.textContent();
    same = now === before ? same + 1 : 0;
    if (same === 4) return now;
    before = now;
    await element.page().waitForTimeout(250);
  }
}

describe('train page', () => {
  it('trains on generated digits, shows how it goes, and gives the result out', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    const problems = problemsOf(page);
    await startDigits(page, 6400, 3);
    await page.waitForFunction(() =>
      /\d/.test(document.querySelector('[data-testid=accuracy]')?.textContent ?? ''),
    );
    const first = await accuracyOf(page);
    await statusIs(page, /Finished/);
    expect(await accuracyOf(page)).toBeGreaterThan(first);
    const best = Number.parseFloat((await page.getByTestId('best-accuracy').textContent()) ?? '');
    expect(best).toBeGreaterThan(80);
    await expect.poll(() => page.locator('.epochs tbody tr').count()).toBe(3);
    await expect.poll(() => page.locator('.curve canvas').count()).toBe(4);
    await expect.poll(() => page.locator('.samples-of-run canvas').count()).toBe(24);
    const counts = await page.locator('.confusion td[data-shade]').allTextContents();
    expect(counts).toHaveLength(100);
    expect(counts.reduce((sum, c) => sum + Number(c), 0)).toBe(500);

    const { tensors, metadata } = parseSafetensors(await save(page, 'Weights (safetensors)'));
    expect(metadata.model).toBe('lenet5-modern');
    expect(tensors.get('c1.weight')?.shape).toEqual([6, 1, 5, 5]);
    expect(importOnnx(await save(page, 'Network (ONNX)')).outputs).toEqual(['output']);
    const csv = (await save(page, 'Log (CSV)')).toString();
    expect(csv.split('\n')[0]).toMatch(/^kind,epoch,step,loss/);
    expect(csv.match(/^epoch,/gm)).toHaveLength(3);
    expect(JSON.parse((await save(page, 'Log (JSON)')).toString()).epochs).toHaveLength(3);

    await page.getByRole('button', { name: 'New run' }).click();
    await page.getByLabel('Network', { exact: true }).selectOption('lenet5');
    await page.getByLabel('Epochs').fill('1');
    await page.getByRole('button', { name: 'Start training' }).click();
    await statusIs(page, /Finished/);
    await page.getByLabel('Compare with').selectOption({ index: 1 });
    await page.locator('.curve').first().locator('.key').nth(3).waitFor();
    await expect.poll(() => page.locator('.curve').first().locator('.key-second').count()).toBe(2);

    await page.getByRole('link', { name: 'Try it on a digit' }).click();
    await drawDigit(page, 3);
    await expectAnswer(page, 3);
    const shown = await page
      .getByLabel('Network', { exact: true })
      .evaluate((s: HTMLSelectElement) => s.selectedIndex);
    expect(shown).toBe(3);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('pauses, goes on and stops, and keeps running when the page is left', async () => {
    const page = await openApp(browser, site, { ...PHONE, path: '#/train' });
    await startDigits(page, 6400, 500);
    await statusIs(page, /^\s*Training/);
    await page.getByRole('button', { name: 'Pause' }).click();
    await statusIs(page, /Paused/);
    const steps = page.getByTestId('steps');
    const paused = await settled(steps);
    await page.waitForTimeout(500);
    expect(await steps.textContent()).toBe(paused);

    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Digit' }).click();
    await drawDigit(page, 1);
    await expectAnswer(page, 1);
    await page.getByTestId('run-pill').click();
    await page.waitForFunction(
      (before) => document.querySelector('[data-testid=steps]')?.textContent !== before,
      paused,
    );
    await page.getByRole('button', { name: 'Stop' }).click();
    await statusIs(page, /Stopped/);
    await page.context().close();
  });

  it('shows what is wrong with a truncated IDX file, and still recognises', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    const truncated = Buffer.alloc(1000);
    truncated.writeUInt32BE(0x803, 0);
    truncated.writeUInt32BE(60_000, 4);
    truncated.writeUInt32BE(28, 8);
    truncated.writeUInt32BE(28, 12);
    await page.getByRole('radio', { name: 'My files' }).check();
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('alert').getByText('Choose the data first').waitFor();
    await page.locator('input[name=data][type=file]').setInputFiles([
      { name: 'train-images-idx3-ubyte', mimeType: '', buffer: truncated },
      { name: 'train-labels-idx1-ubyte', mimeType: '', buffer: truncated },
    ]);
    const alert = page.getByRole('alert').filter({ hasText: 'no data set yet' });
    await alert.waitFor();
    await expect.poll(() => alert.locator('.alert-detail').textContent()).toContain('train-images');
    await page.getByRole('navigation').getByRole('link', { name: 'Digit' }).click();
    await drawDigit(page, 6);
    await expectAnswer(page, 6);
    await page.context().close();
  });
});

async function prepareSmall(page: Page): Promise<void> {
  await prepareResNet(page, smallCifar(), '320 to train, 64 to validate, 10 classes');
  await page.getByLabel('Batch size').fill('32');
}

describe('ResNet-20 on CIFAR-10 files', () => {
  it('goes on bit for bit after its tab was killed', async () => {
    const whole = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    await prepareSmall(whole);
    await whole.getByLabel('Epochs').fill('4');
    await whole.getByRole('button', { name: 'Start training' }).click();
    await statusIs(whole, /Finished/);
    const expected = await save(whole, 'Weights (safetensors)');
    await whole.context().close();

    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    await prepareSmall(page);
    await page.getByLabel('Epochs').fill('4');
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByTestId('saved').getByText('Saved at').waitFor();
    await page.close({ runBeforeUnload: false });

    const next = await visit(await page.context().newPage(), site, '#/digit');
    await goOn(next);
    await statusIs(next, /Finished/);
    await expect.poll(() => next.locator('.epochs tbody tr').count()).toBe(4);
    expect(Buffer.compare(await save(next, 'Weights (safetensors)'), expected)).toBe(0);
    const [first, ...later] = await losses(next, 'epoch');
    expect(later.at(-1)).toBeLessThan(first! / 2);
    // Finished: nothing is left to go on with.
    await next.reload();
    await next.getByRole('button', { name: 'Start training' }).waitFor();
    await expect.poll(() => next.getByRole('button', { name: 'Go on' }).count()).toBe(0);
    await next.context().close();
  });
});

describe('pictures', () => {
  it('in a zip with a folder a class teach a network', async () => {
    const page = await openApp(browser, site, { ...DESKTOP, path: '#/train' });
    await page.getByRole('radio', { name: 'My files' }).check();
    await page.locator('input[name=data][type=file]').setInputFiles([await pictureZip(page, 20)]);
    await page.getByTestId('set-facts').getByText('32 to train, 8 to validate, 2 classes').waitFor();
    await page.getByLabel('Network', { exact: true }).selectOption('lenet5');
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('alert').getByText('reads the ten digits only').waitFor();
    await page.getByLabel('Network', { exact: true }).selectOption('cifar-alexnet');
    await page.getByLabel('Epochs').fill('4');
    await page.getByRole('button', { name: 'Start training' }).click();
    await statusIs(page, /Finished/);
    await expect.poll(() => page.getByTestId('best-accuracy').textContent()).toBe('100.00%');
    await page.context().close();
  });

  it('taken by class are kept, and teach a network', async () => {
    const page = await openApp(browser, site, { ...PHONE, path: '#/train' });
    await page.getByRole('radio', { name: 'My own classes' }).check();
    for (const [at, colour] of ['#c22', '#22c'].entries()) {
      await page.getByLabel(`Name of class ${at + 1}`).fill(colour);
      const buffer = await picture(page, colour);
      const files = Array.from({ length: 6 }, (_, i) => ({
        name: `${i}.png`,
        mimeType: 'image/png',
        buffer,
      }));
      await page.locator(`input[name=pictures-${at}]`).setInputFiles(files);
      await page.getByTestId(`pictures-${at}`).getByText('6 pictures').waitFor();
    }
    await page.getByText('Saved on this device').waitFor();
    await page.reload();
    await page.getByRole('radio', { name: 'My own classes' }).check();
    await page.getByLabel('Collection').selectOption({ label: 'Own: #c22, #22c' });
    await page.getByTestId('pictures-1').getByText('6 pictures').waitFor();
    const start = page.getByLabel('Start from').locator('option:checked');
    await expect.poll(() => start.textContent()).toBe('ResNet-20, CIFAR');
    await page.getByLabel('Network', { exact: true }).selectOption('cifar-inception');
    await page.getByLabel('Epochs').fill('3');
    await page.getByRole('button', { name: 'Start training' }).click();
    await statusIs(page, /Finished/);
    await page.getByRole('link', { name: 'Look inside' }).waitFor();
    await page.context().close();
  });

  it('come from the camera while the button is held', async () => {
    const withCamera = await launch('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');
    const page = await openApp(withCamera, site, { ...DESKTOP, permissions: ['camera'], path: '#/train' });
    await page.getByRole('radio', { name: 'My own classes' }).check();
    await page.getByRole('button', { name: 'Start the camera' }).click();
    await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
    const shutter = page.getByRole('button', { name: 'Hold to take pictures: Class 1' });
    await shutter.hover();
    await page.mouse.down();
    await page
      .getByTestId('pictures-0')
      .getByText(/^([3-9]|\d\d+) pictures/)
      .waitFor();
    await page.mouse.up();
    const held = await settled(page.getByTestId('pictures-0'));
    await page.getByRole('button', { name: 'Hold to take pictures: Class 2' }).focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('pictures-1').getByText('1 picture').waitFor();
    await page.getByText('Saved on this device').waitFor();
    expect(await page.getByTestId('pictures-0').textContent()).toBe(held);
    await page.getByRole('navigation').getByRole('link', { name: 'Models' }).click();
    await page.getByText('Own: Class 1, Class 2').waitFor();
    await withCamera.close();
  });
});
