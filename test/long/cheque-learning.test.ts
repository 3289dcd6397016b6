/** The cheque page learns from a correction, in the browser. */
import { expect, it } from 'vitest';
import { launch, openApp, PHONE, problemsOf, serveApp } from '../browser/app.ts';

it('the cheque page learns from a correction, keeps that over a reload, and takes it back', async () => {
  const [browser, site] = await Promise.all([launch(), serveApp(true)]);
  const page = await openApp(browser, site, { ...PHONE, path: '#/cheque' });
  const problems = problemsOf(page);
  const readSample = async () => {
    await page.getByRole('button', { name: 'Try a sample' }).click();
    await page.getByTestId('amount').waitFor();
  };
  await readSample();
  await page.getByRole('button', { name: 'Keep as an example' }).click();
  await page.getByRole('button', { name: 'Learn from them' }).click();
  await page.getByRole('progressbar').waitFor();
  const report = page.getByText(/^Of these examples [\d.]+% were read wrong before/);
  await report.waitFor({ timeout: 600_000 });
  await page.reload();
  await readSample();
  await page.getByText('The reader that learned from them is in use.').waitFor();
  await page.getByRole('button', { name: 'Back to the shipped reader' }).click();
  await page.getByText('The reader has not learned from them yet.').waitFor();
  await page.getByRole('heading', { name: '1 example kept' }).waitFor();
  expect(problems).toEqual([]);
  await browser.close();
  await site.close();
});
