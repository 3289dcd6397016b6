/** A hand that trains: the train page from its form to the files it gives out. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { cifarBatch, type Upload } from './data.ts';

/** A run takes some seconds on a quiet machine. */
const RUN_MS = 180_000;

/** Waits until the run's status says so. */
export const statusIs = (page: Page, text: RegExp): Promise<void> =>
  page.getByTestId('run-status').filter({ hasText: text }).waitFor({ timeout: RUN_MS });

/** Fills the form for generated digits and begins. */
export async function startDigits(page: Page, images: number, epochs: number): Promise<void> {
  await page.getByLabel('Training images').fill(String(images));
  await page.getByLabel('Validation images').fill('500');
  await page.getByLabel('Epochs').fill(String(epochs));
  await page.getByRole('button', { name: 'Start training' }).click();
}

/** Three small batches in CIFAR-10's format: 320 images to train, 64 to validate. */
export const smallCifar = (): Upload[] => [
  cifarBatch('data_batch_1.bin', 192, 1),
  cifarBatch('data_batch_2.bin', 128, 2),
  cifarBatch('test_batch.bin', 64, 3),
];

/** Drops files of images on the page and chooses ResNet-20 for them. */
export async function prepareResNet(page: Page, files: readonly Upload[], facts: string): Promise<void> {
  await page.getByRole('radio', { name: 'My files' }).check();
  await page.locator('input[name=data][type=file]').setInputFiles([...files]);
  await page.getByTestId('set-facts').getByText(facts).waitFor();
  await page.getByLabel('Network', { exact: true }).selectOption('cifar-resnet20');
}

/** The file behind a button. */
export async function save(page: Page, button: string): Promise<Buffer> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  return readFile(await file.path());
}

/** Losses in the log, of the epochs or of the reports between them. */
export async function losses(page: Page, kind: 'epoch' | 'step'): Promise<number[]> {
  return (await save(page, 'Log (CSV)'))
    .toString()
    .split('\n')
    .filter((row) => row.startsWith(kind))
    .map((row) => Number(row.split(',')[3]));
}

/** Goes on with the run that a closed tab left behind, as a visitor of the first page finds it. */
export async function goOn(page: Page): Promise<void> {
  await page.getByText('was interrupted and can go on').waitFor();
  await page.getByRole('link', { name: 'Go on…' }).click();
  await page.getByRole('button', { name: 'Go on' }).click();
}
