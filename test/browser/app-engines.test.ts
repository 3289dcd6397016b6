/** The app itself in real Firefox and WebKit: a digit, and a network trained on the page. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Site, serveApp } from './app.ts';
import { type EnginePage, engines } from './engines/drivers.ts';

const PATIENCE_MS = 120_000;

let site: Site;

beforeAll(async () => {
  site = await serveApp(true);
});

afterAll(async () => {
  await site?.close();
});

/** Asks until the expression is true; tells what the page showed when it never is. */
async function until(page: EnginePage, expression: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await page.evaluate<boolean>(`Boolean(${expression})`))) {
    if (Date.now() > end) {
      throw new Error(`Never so: ${expression}. ${await page.evaluate<string>('document.body.innerText')}`);
    }
    await delay(100);
  }
}

const query = (selector: string): string => `document.querySelector(${JSON.stringify(selector)})`;

async function click(page: EnginePage, selector: string): Promise<void> {
  await until(page, `${query(selector)}?.disabled === false`);
  await page.evaluate(`${query(selector)}.click()`);
}

/** Types a number into the field with this label. */
async function fill(page: EnginePage, label: string, value: number): Promise<void> {
  const field = `[...document.querySelectorAll('label')].find((l) => l.textContent.trim() === '${label}')?.control`;
  await until(page, field);
  await page.evaluate(`(() => {
    const field = ${field};
    field.value = '${value}';
    for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, { bubbles: true }));
  })()`);
}

describe.each(engines.filter((e) => e.name !== 'Chromium'))('$name', (engine) => {
  it.skipIf(!engine.path)('recognises a digit and trains', async () => {
    const page = await engine.open();
    try {
      await page.goto(`${site.url}#/digit`);
      await until(page, query('select'));
      await click(page, '.samples li:nth-child(4) button');
      await until(page, `${query('[data-testid=answer]')}?.textContent === '3'`);
      await page.evaluate(`location.hash = '#/train'`);
      await fill(page, 'Training images', 640);
      await fill(page, 'Epochs', 2);
      await click(page, 'button[type=submit]');
      await until(page, `${query('[data-testid=run-status]')}?.textContent.includes('Finished')`);
      await until(page, 'document.querySelectorAll(".epochs tbody tr").length === 2');
      await until(page, 'document.querySelectorAll(".curve canvas").length === 4');
      // What was trained is kept: the next visit finds it on the shelf.
      await page.goto(`${site.url}?again#/models`);
      await until(page, 'document.querySelectorAll("[data-testid=model]").length === 4');
    } finally {
      await page.close();
    }
  });
});
