import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DESKTOP, drawDigit, expectAnswer, launch, openApp, PHONE, type Site, serveApp } from './app.ts';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let site: Site;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(), serveApp(true)]);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** Violations of WCAG 2.2 A and AA and of axe's best practices, as "rule: element". */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const result = await axe.run();
    return result.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)}`));
  });
}

/** Interactive elements a thumb would miss: under 44 × 44 CSS pixels. */
const smallTargets = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('a, button, select, input, summary')]
      .filter((e) => e instanceof HTMLElement && e.checkVisibility() && !e.matches('.skip, .check input'))
      .filter((e) => {
        const box = e.getBoundingClientRect();
        return box.width < 44 || box.height < 44;
      })
      .map((e) => e.outerHTML.slice(0, 120)),
  );

const cases = ['en-GB', 'zh-CN'].flatMap((locale) =>
  (['light', 'dark'] as const).flatMap((colorScheme) =>
    [PHONE, DESKTOP].map((device) => ({ ...device, locale, colorScheme })),
  ),
);

describe.each(cases)('$locale, $colorScheme, $viewport.width wide', (options) => {
  it('has no accessibility violations on any page', async () => {
    const page = await openApp(browser, site, options);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(
      options.locale === 'zh-CN' ? 'zh-Hans' : 'en',
    );
    const check = async () => {
      expect(await violations(page)).toEqual([]);
      expect(await smallTargets(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(options.viewport!.width);
    };
    await check();
    await drawDigit(page, 8);
    await expectAnswer(page, 8);
    await check();
    const at = async (path: string) => {
      await page.goto(site.url + path);
      await page.locator('main h1').first().waitFor();
    };
    await at('#/train');
    await page.locator('summary').click();
    await check();
    for (const kind of ['files', 'own']) {
      await page.locator(`.data input[value=${kind}]`).check();
      await check();
    }
    await page.locator('.data input[value=synthetic]').check();
    await page.locator('select').first().selectOption('lenet5-modern');
    await page.locator('.data input[type=number]').first().fill('640');
    // The usual values follow the number of images.
    await page.keyboard.press('Tab');
    await page.locator('.triple input').first().fill('3');
    await page.locator('button[type=submit]').click();
    await page.locator('.epochs tbody tr').nth(2).waitFor();
    await page.locator('.buttons a.primary').waitFor();
    await check();
    await at('#/models');
    await page.getByTestId('storage').waitFor();
    await page.locator('summary').first().click();
    await check();
    await at('#/inside');
    for (const view of ['filters', 'pixels', 'histograms', 'maps']) {
      await page.locator(`input[value=${view}]`).check();
      await page.locator('.inside-output figure, .histograms li').first().waitFor();
      await check();
    }
    await at('#/playground');
    for (const op of ['transposed', 'max-pool', 'avg-pool', 'conv']) {
      await page.locator(`input[value=${op}]`).check();
      await page.locator('.pass').nth(1).waitFor();
      await check();
    }
    await at('#/device');
    await page.locator('.facts .card').nth(3).waitFor();
    await check();
    await page.context().close();
  });
});
