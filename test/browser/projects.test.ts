/**
 * The app on kinds of devices: size, pixels, touch, processor, network, isolation, WebGPU. Of each page the layout is
 * checked by facts (nothing outside, nothing on top of another thing), not by pictures: the app uses the system's
 * fonts, which differ from machine to machine.
 */
import type { BrowserContextOptions, Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import { drawDigit, expectAnswer, launch, openApp, PHONE, problemsOf, serveApp } from './app.ts';
import { FAST_4G, type Network, slowDown } from './network.ts';
import { startDigits, statusIs } from './training.ts';

interface Project {
  readonly name: string;
  readonly device: BrowserContextOptions;
  /** How many times slower the page's thread is. */
  readonly slowdown?: number;
  readonly isolated: boolean;
  readonly webgpu?: boolean;
  /** To come by; the rest happens without one. */
  readonly network?: Network;
}

const sized = (width: number, height: number, pixels: number, touch: boolean): BrowserContextOptions => ({
  viewport: { width, height },
  deviceScaleFactor: pixels,
  hasTouch: touch,
  isMobile: touch,
});

const projects: readonly Project[] = [
  { name: 'small phone, slow processor', device: sized(320, 640, 2, true), slowdown: 4, isolated: true },
  { name: 'phone, slow network and then none', device: PHONE, isolated: true, network: FAST_4G },
  { name: 'phone on its side, no isolation', device: sized(844, 390, 3, true), isolated: false },
  { name: 'tablet', device: sized(820, 1180, 2, true), isolated: true },
  { name: 'laptop, WebGPU', device: sized(1366, 768, 1, false), isolated: true, webgpu: true },
  { name: 'wide screen, no isolation', device: sized(1920, 1080, 1, false), isolated: false },
];

const PAGES = ['Cheque', 'Models', 'Inside', 'Kernels', 'Train'];
const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Controls that reach out of the page, or lie on another one; what stays in place over the page may cover it. */
const layoutFaults = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const floats = (e: Element | null): boolean =>
      e !== null && (/fixed|sticky/.test(getComputedStyle(e).position) || floats(e.parentElement));
    const scrolls = (e: Element | null): boolean =>
      e !== null && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const name = (e: Element) => e.outerHTML.slice(0, 80);
    const found = [
      ...document.querySelectorAll('main :is(a, button, select, input, summary, canvas), header a'),
    ]
      .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      .filter((e) => !e.matches('.skip') && !scrolls(e.parentElement))
      .map((e) => ({ e, box: e.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 1 && box.height > 1);
    const faults = found
      .filter(({ box }) => box.left < -0.5 || box.right > innerWidth + 0.5)
      .map(({ e }) => `outside: ${name(e)}`);
    const still = found.filter(({ e }) => !floats(e));
    still.forEach(({ e, box }, i) => {
      for (const { e: other, box: b } of still.slice(i + 1)) {
        const width = Math.min(box.right, b.right) - Math.max(box.left, b.left);
        const height = Math.min(box.bottom, b.bottom) - Math.max(box.top, b.top);
        const label = e.closest('label');
        const related = e.contains(other) || other.contains(e) || (label && label === other.closest('label'));
        if (width > 1 && height > 1 && !related) faults.push(`on each other: ${name(e)} and ${name(other)}`);
      }
    });
    return faults;
  });

describe.each(projects)('$name', ({ device, slowdown, isolated, webgpu, network }) => {
  it('opens every page, recognises and trains', async () => {
    const [browser, site] = await Promise.all([launch(...(webgpu ? WEBGPU : [])), serveApp(isolated)]);
    const slow = network && (await slowDown(Number(new URL(site.url).port), network));
    const from = slow ? { ...site, url: site.url.replace(/:\d+/, `:${slow.port}`) } : site;
    const page = await openApp(browser, from, { ...device, serviceWorker: !!network });
    const problems = problemsOf(page);
    if (slowdown) {
      const session = await page.context().newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    }
    if (slow) {
      await page.evaluate(async () => void (await navigator.serviceWorker.ready));
      slow.close();
      await page.reload();
      await page.locator('select').first().waitFor();
    }
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
    await drawDigit(page, 4);
    await expectAnswer(page, 4);
    await page.getByRole('button', { name: 'Clear' }).click();
    const sample = page.getByRole('button', { name: 'Sample digit 7' });
    await (device.hasTouch ? sample.tap() : sample.click());
    await expectAnswer(page, 7);
    expect(await layoutFaults(page)).toEqual([]);
    for (const name of PAGES) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.waitForFunction((title) => document.title.startsWith(title), name);
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBe(
        device.viewport!.width,
      );
      expect(await layoutFaults(page), name).toEqual([]);
    }
    await startDigits(page, 640, 1);
    await statusIs(page, /Finished/);
    await page.goto(`${from.url}#/device`);
    const threads = Number(await page.getByTestId('fact-threads').textContent());
    expect(threads > 1).toBe(isolated);
    const adapter = await page.evaluate(async () => !!(await navigator.gpu?.requestAdapter()));
    expect(adapter).toBe(!!webgpu);
    expect(problems).toEqual([]);
    await browser.close();
    await site.close();
  });
});
