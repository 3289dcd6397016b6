import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samples } from '../../pwa/digit/samples.ts';
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
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe.each([
  ['phone', PHONE, [...samples.keys()]],
  ['desktop', DESKTOP, [2, 5, 8]],
] as const)('digit page on a %s', (_, device, digits) => {
  it('reads the digits drawn with the mouse', async () => {
    const page = await openApp(browser, site, device);
    const problems = problemsOf(page);
    for (const digit of digits) {
      await drawDigit(page, digit);
      await expectAnswer(page, digit);
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.locator('[data-testid=answer]:text-is("–")').waitFor();
    }
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows pad, result and tools without scrolling', async () => {
    const page = await openApp(browser, site, device);
    await drawDigit(page, 5);
    await expectAnswer(page, 5);
    for (const name of ['.pad', '.tools', '.result']) {
      const box = await page.locator(name).boundingBox();
      expect(box!.y + box!.height).toBeLessThanOrEqual(device.viewport!.height);
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBe(device.viewport!.width);
    await page.context().close();
  });
});

describe('digit page', () => {
  it('shows what the network saw and the feature maps of its layers', async () => {
    const page = await openApp(browser, site, DESKTOP);
    await drawDigit(page, 3);
    await expectAnswer(page, 3);
    for (const name of ['C1', 'S2', 'C3', 'S4']) {
      const maps = page.getByRole('img', { name: new RegExp(`layer ${name}: \\d+ maps`) });
      const values = await maps.evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data).size;
      });
      expect(values, `shades in ${name}`).toBeGreaterThan(8);
    }
    await page.getByRole('img', { name: 'as the network saw it, 32 × 32' }).waitFor();
    await page.context().close();
  });

  it('takes strokes back, one at a time', async () => {
    const page = await openApp(browser, site, DESKTOP);
    await drawDigit(page, 4);
    await expectAnswer(page, 4);
    const undo = page.getByRole('button', { name: 'Undo' });
    await undo.click();
    await expect.poll(() => undo.isEnabled()).toBe(true);
    await undo.click();
    await expect.poll(() => undo.isDisabled()).toBe(true);
    await page.context().close();
  });

  it('is worked by keyboard alone', async () => {
    const page = await openApp(browser, site, DESKTOP);
    await page.getByRole('button', { name: 'Sample digit 7' }).focus();
    await page.keyboard.press('Enter');
    await expectAnswer(page, 7);
    await page.getByRole('status').getByText('Recognised: 7').waitFor();
    await page.context().close();
  });

  it('reads a photograph of dark ink on shaded paper', async () => {
    const page = await openApp(browser, site, DESKTOP);
    const photo = await page.evaluate(async (strokes) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 1200 });
      const context = canvas.getContext('2d')!;
      const light = context.createLinearGradient(0, 0, 900, 1200);
      light.addColorStop(0, '#efe9dc');
      light.addColorStop(1, '#8f8a80');
      context.fillStyle = light;
      context.fillRect(0, 0, 900, 1200);
      context.strokeStyle = '#26304f';
      context.lineWidth = 16;
      context.lineCap = context.lineJoin = 'round';
      for (const stroke of strokes) {
        context.beginPath();
        for (const { x, y } of stroke) context.lineTo(250 + 400 * x, 300 + 400 * y);
        context.stroke();
      }
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.8));
      return [...new Uint8Array(await blob!.arrayBuffer())];
    }, samples[2]!);
    await page
      .locator('input[name=picture]')
      .setInputFiles({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(photo) });
    await expectAnswer(page, 2);
    await page.context().close();
  });

  it('says what to do about a file that is no picture, and goes on', async () => {
    const page = await openApp(browser, site, DESKTOP);
    await page
      .locator('input[name=picture]')
      .setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    await page.getByRole('alert').getByText('Choose a PNG, JPEG or WebP').waitFor();
    await drawDigit(page, 0);
    await expectAnswer(page, 0);
    await expect.poll(() => page.getByRole('alert').count()).toBe(0);
    await page.context().close();
  });
});
