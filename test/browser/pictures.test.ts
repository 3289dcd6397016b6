/**
 * Pages compared as pictures with those of record in `pictures/`, at an eighth of their size: what moves, vanishes or
 * changes colour is seen, how a machine draws its letters is not. `UPDATE_PICTURES=1 npx vitest run --project browser
 * test/browser/pictures.test.ts` writes them anew; look at them before you commit them.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DESKTOP, drawDigit, expectAnswer, launch, openApp, PHONE, type Site, serveApp } from './app.ts';

/** Pixels of the page, each way, that are one of the picture. */
const CELL = 8;
/** Of 255: the difference in a channel from which a pixel of the picture counts as another. */
const OTHER = 40;
/** Another typeface changes up to 0.2 % of these pages, a panel that is not there 5.7 % and more. */
const MOST_OTHER = 0.03;

const RECORD = fileURLToPath(new URL('./pictures', import.meta.url));
const FOUND = fileURLToPath(new URL('../../test-results/pictures', import.meta.url));

interface Picture {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Pages that say the same on every machine: not the shelf of models, nor the device's. */
const scenes: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  async digit(page) {
    await drawDigit(page, 5);
    await expectAnswer(page, 5);
  },
  train: (page) => page.locator('button[type=submit]').waitFor(),
  cheque: (page) => page.locator('.cheque button').first().waitFor(),
  async inside(page) {
    await drawDigit(page, 5);
    await page.locator('.inside-output figure').first().waitFor();
  },
  playground: (page) => page.locator('.pass').nth(1).waitFor(),
};

const looks: Readonly<Record<string, BrowserContextOptions>> = {
  phone: { ...PHONE, deviceScaleFactor: 1, colorScheme: 'light' },
  'phone-zh': { ...PHONE, deviceScaleFactor: 1, colorScheme: 'light', locale: 'zh-CN' },
  desktop: { ...DESKTOP, colorScheme: 'dark' },
};

async function pixels(image: Sharp): Promise<Picture> {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

async function small(png: Buffer): Promise<Picture> {
  const { width, height } = await sharp(png).metadata();
  const size = [width, height].map((n) => Math.round(n / CELL)) as [number, number];
  return pixels(sharp(png).resize(...size, { kernel: 'linear', fit: 'fill' }));
}

const write = async (file: string, { data, width, height }: Picture) =>
  writeFileSync(
    file,
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png({ effort: 10 })
      .toBuffer(),
  );

const read = (file: string): Promise<Picture> => pixels(sharp(file));

/** The picture of a page that has come to rest. */
async function pictureAtRest(page: Page): Promise<Picture> {
  let last = await pictureOf(page);
  const moved = async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const next = await pictureOf(page);
    const difference = differenceOf(next, last);
    last = next;
    return difference;
  };
  await expect.poll(moved).toBe(0);
  return last;
}

/** Share of the pixels that differ; 1 where the sizes do. */
function differenceOf(a: Picture, b: Picture): number {
  if (a.width !== b.width || a.height !== b.height) return 1;
  let count = 0;
  for (let i = 0; i < a.data.length; i += 3) {
    const channels = [0, 1, 2].map((c) => Math.abs(a.data[i + c]! - b.data[i + c]!));
    if (Math.max(...channels) > OTHER) count++;
  }
  return (3 * count) / a.data.length;
}

async function pictureOf(page: Page): Promise<Picture> {
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
  });
  return small(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
}

let browser: Browser;
let site: Site;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(), serveApp(true)]);
  mkdirSync(FOUND, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function open(look: string, scene: string): Promise<Page> {
  const page = await openApp(browser, site, { ...looks[look], reducedMotion: 'reduce', path: `#/${scene}` });
  await scenes[scene]!(page);
  return page;
}

const NO_CHINESE = 'This machine has no Chinese font (Debian: apt-get install fonts-wqy-zenhei).';

/** Whether two signs look different: without a font for them both are the same box. */
const hasChinese = (page: Page): Promise<boolean> =>
  page.evaluate(() => {
    const canvas = new OffscreenCanvas(40, 40);
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    const [one, other] = ['中', '文'].map((sign) => {
      context.clearRect(0, 0, 40, 40);
      context.font = '32px sans-serif';
      context.fillText(sign, 4, 32);
      return context.getImageData(0, 0, 40, 40).data.join();
    });
    return one !== other;
  });

describe.each(Object.keys(looks))('%s', (look) => {
  it.for(Object.keys(scenes))('%s looks as recorded', async (scene, { skip }) => {
    const page = await open(look, scene);
    if (look.endsWith('zh')) skip(!(await hasChinese(page)), NO_CHINESE);
    const [record, file] = [`${RECORD}/${scene}-${look}.png`, `${FOUND}/${scene}-${look}.png`];
    if (process.env.UPDATE_PICTURES) await write(record, await pictureAtRest(page));
    expect(existsSync(record), `no picture ${record}: see the head of this test`).toBe(true);
    const wanted = await read(record);
    // What is still being drawn comes.
    const difference = async () => {
      const found = await pictureOf(page);
      await write(file, found);
      return differenceOf(found, wanted);
    };
    await expect.poll(difference, { message: `${file} differs from ${record}` }).toBeLessThan(MOST_OTHER);
    await page.context().close();
  });

  it('a page without its main panel is another', async () => {
    const page = await open(look, 'train');
    await page.locator('.data').evaluate((panel: HTMLElement) => panel.style.setProperty('display', 'none'));
    const wanted = await read(`${RECORD}/train-${look}.png`);
    expect(differenceOf(await pictureOf(page), wanted)).toBeGreaterThan(MOST_OTHER);
    await page.context().close();
  });
});
