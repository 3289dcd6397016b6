// Takes the manifest's screenshots from the built app (dist/app), narrow for phones and wide, as small PNG files.
// Usage: node scripts/screenshots.mjs [CHROMIUM]
import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright';
import sharp from 'sharp';
import { root } from './project.mjs';
import { serve } from './serve.mjs';

const folder = `${root}pwa/public/screenshots`;
const FORMS = {
  narrow: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1, isMobile: true, hasTouch: true },
  wide: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
/** Not in the middle of a movement. */
const STILL = { locale: 'en-GB', reducedMotion: 'reduce', serviceWorkers: 'block' };
/** Few colours: the app has few, and every byte of a screenshot is stored on the device. */
const COLOURS = 24;

const server = await serve(`${root}dist/app`, 0);
const executablePath = process.argv[2] ?? process.env.CHROMIUM_PATH;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const at = `http://localhost:${server.address().port}/`;

const scenes = {
  async digit(page) {
    await page.goto(`${at}#/digit`);
    await page.locator('.samples li:nth-child(6) button').click();
    await page.locator('[data-testid=answer]:text-is("5")').waitFor();
  },
  async train(page) {
    await page.goto(`${at}#/train`);
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByTestId('run-status').filter({ hasText: 'Finished' }).waitFor({ timeout: 120_000 });
  },
};

for (const [form, options] of Object.entries(FORMS)) {
  const context = await browser.newContext({ ...options, ...STILL });
  for (const [name, scene] of Object.entries(scenes)) {
    const page = await context.newPage();
    await scene(page);
    await page.evaluate(() => scrollTo(0, 0));
    const picture = await sharp(await page.screenshot())
      .png({ palette: true, colours: COLOURS, effort: 10 })
      .toBuffer();
    await writeFile(`${folder}/${name}-${form}.png`, picture);
    console.log(`${name}-${form}.png: ${picture.length} bytes`);
  }
}
await browser.close();
server.close();
