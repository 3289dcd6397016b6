/** What the app is for, from the first visit on and without a network. */
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import { DESKTOP, drawDigit, expectAnswer, launch, openApp, serveApp, visit } from './app.ts';
import { cifarBatch, realCifarBatch } from './data.ts';
import { goOn, losses, prepareResNet, save, statusIs } from './training.ts';

/** Two epochs of 100 steps. */
const [IMAGES, BATCH, EPOCHS] = [800, 8, 2];

/** As when the system ends the tab: nothing in it runs another instruction. */
async function kill(page: Page): Promise<void> {
  const dead = page.waitForEvent('crash');
  const session = await page.context().newCDPSession(page);
  // The one who would answer is gone.
  void session.send('Page.crash').catch(() => undefined);
  await dead;
}

const mean = (values: readonly number[]): number => values.reduce((a, v) => a + v, 0) / values.length;

it('offline: a digit, a cheque, 200 steps of ResNet-20 with the tab killed among them', async () => {
  const [browser, site] = await Promise.all([launch(), serveApp(true)]);
  const page = await openApp(browser, site, { ...DESKTOP, serviceWorker: true });
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await site.close();
  await page.reload();
  await page.locator('select').first().waitFor();
  await drawDigit(page, 2);
  await expectAnswer(page, 2);

  const open = (name: string) => page.getByRole('navigation').getByRole('link', { name }).click();
  await open('Cheque');
  await page.getByRole('button', { name: 'Try a sample' }).click();
  await page.getByTestId('amount').waitFor();
  await expect.poll(() => page.getByTestId('amount').textContent()).toMatch(/\d/);

  await open('Train');
  const train = await realCifarBatch('data_batch_1.bin', IMAGES);
  const files = [train ?? cifarBatch('data_batch_1.bin', IMAGES, 1), cifarBatch('test_batch.bin', 64, 2)];
  await prepareResNet(page, files, `${IMAGES} to train, 64 to validate, 10 classes`);
  await page.getByLabel('Batch size').fill(String(BATCH));
  await page.getByLabel('Learning rate', { exact: true }).fill('0.02');
  await page.getByLabel('Epochs').fill(String(EPOCHS));
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByTestId('saved').getByText('Saved at').waitFor();
  await kill(page);

  const next = await visit(await page.context().newPage(), site, '#/digit');
  await goOn(next);
  await statusIs(next, /Finished/);
  await expect.poll(() => next.getByTestId('steps').textContent()).toMatch(/200/);
  const course = await losses(next, 'step');
  const part = Math.ceil(course.length / 5);
  expect(mean(course.slice(-part))).toBeLessThan(0.95 * mean(course.slice(0, part)));
  expect((await save(next, 'Weights (safetensors)')).length).toBeGreaterThan(1_000_000);
  await browser.close();
});
