/** ResNet-18 from weights with torchvision's names is taught the user's own classes on the train page. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resnet18 } from '../../models/index.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { Session } from '../../src/session.ts';
import { createBackend } from '../../workers/node.ts';
import { DESKTOP, launch, openApp, serveApp } from '../browser/app.ts';
import { pictureZip } from '../browser/data.ts';
import { statusIs } from '../browser/training.ts';

/** Initial values stand for trained ones: what is tested is the way, not the weights. */
async function weightsFile(): Promise<string> {
  const backend = await createBackend({ threads: 1 });
  const session = await Session.create(resnet18, backend, { seed: 1 });
  const path = join(mkdtempSync(join(tmpdir(), 'lenslet-')), 'resnet18.safetensors');
  writeFileSync(path, writeSafetensors(await session.stateDict()));
  await session.dispose();
  backend.dispose();
  return path;
}

it('ResNet-18 is fine-tuned on pictures by class', async () => {
  const weights = await weightsFile();
  const [browser, site] = await Promise.all([launch(), serveApp(true)]);
  const page = await openApp(browser, site, { ...DESKTOP, path: '#/models' });
  await page.locator('input[name=model]').setInputFiles(weights);
  await page.getByLabel('Network of the weights').selectOption('resnet18');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const card = page.getByTestId('model').filter({ hasText: 'Imported' });
  await card.getByRole('link', { name: 'Train further' }).click();
  await page.getByRole('radio', { name: 'My files' }).check();
  await page.locator('input[name=data][type=file]').setInputFiles([await pictureZip(page, 20)]);
  await page.getByTestId('set-facts').getByText('32 to train, 8 to validate, 2 classes').waitFor();
  expect(await page.getByLabel('Start from').locator('option:checked').textContent()).toBe('resnet18');
  await page.getByLabel('Size of the images').selectOption('64');
  await page.getByLabel('Epochs').fill('3');
  await page.getByRole('button', { name: 'Start training' }).click();
  await statusIs(page, /Finished/);
  expect(await page.getByTestId('best-accuracy').textContent()).toBe('100.00%');
  await browser.close();
  await site.close();
});
