/**
 * How long a first visit takes on a mid-range phone: Chromium with its page thread four times as slow, the app as
 * `npm start` serves it, behind a slow network. Needs a quiet machine.
 */
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../scripts/serve.mjs';
import { FOLDER, launch, PHONE } from '../browser/app.ts';
import { FAST_4G, type Network, SLOW_4G, slowDown } from '../browser/network.ts';

const SLOWDOWN = 4;
const ROUNDS = 5;
/** Longest time to a pad that takes strokes, milliseconds. */
const WANTED = 1000;

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), serve(FOLDER, 0)]);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Milliseconds from the beginning of the visit to the pad, to the engine, and to the answer to a digit given at once. */
interface Times {
  readonly pad: number;
  readonly engine: number;
  readonly answer: number;
}

async function visit(network: Network): Promise<Times> {
  const slow = await slowDown((server.address() as AddressInfo).port, network);
  const context = await browser.newContext({ ...PHONE, locale: 'en-GB', serviceWorkers: 'block' });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  await page.addInitScript(() => {
    const times: Record<string, number> = {};
    Object.assign(window, { times });
    const look = () => {
      const sample = document.querySelector<HTMLElement>('.samples button');
      if (document.querySelector('.pad canvas') && sample && !times.pad) {
        times.pad = performance.now();
        sample.click();
      }
      if (document.querySelector('select')) times.engine ??= performance.now();
      if (/\d/.test(document.querySelector('[data-testid=answer]')?.textContent ?? '')) {
        times.answer ??= performance.now();
      }
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await page.goto(`http://localhost:${slow.port}/`);
  await page.waitForFunction(() => (window as unknown as { times: Partial<Times> }).times.answer);
  const times = await page.evaluate(() => (window as unknown as { times: Times }).times);
  await context.close();
  slow.close();
  return times;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

describe('first visit', () => {
  it.each([FAST_4G, SLOW_4G])('$name', async (network) => {
    const all: Times[] = [];
    for (let round = 0; round < ROUNDS; round++) all.push(await visit(network));
    const of = (key: keyof Times) => median(all.map((t) => t[key]));
    console.log(
      `${network.name}, page thread ${SLOWDOWN}× slower: pad after ${of('pad').toFixed(0)} ms, engine after ` +
        `${of('engine').toFixed(0)} ms, answer to a digit given at once after ${of('answer').toFixed(0)} ms`,
    );
    if (network === FAST_4G) expect(of('pad')).toBeLessThan(WANTED);
  });
});
