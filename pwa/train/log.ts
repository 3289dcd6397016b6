/** A run's log as files. */
import type { RunLog } from '../../workers/api.ts';

const cell = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One table: a row for each report of steps and each epoch, empty where a kind has no value. */
export function logToCsv({ points, epochs }: RunLog): string {
  const columns = [
    ...['kind', 'epoch', 'step', 'loss', 'accuracy', 'learning_rate', 'images_per_second'],
    ...['validation_loss', 'validation_accuracy', 'seconds'],
  ];
  const rows = [
    ...points.map((p) => [
      'step',
      p.epoch,
      p.step,
      p.loss,
      p.accuracy,
      p.lr,
      p.imagesPerSecond,
      null,
      null,
      null,
    ]),
    ...epochs.map((e) => [
      ...['epoch', e.epoch, e.step, e.trainLoss, e.trainAccuracy, null, null],
      ...[e.validationLoss, e.validationAccuracy, e.seconds],
    ]),
  ].sort((a, b) => Number(a[2]) - Number(b[2]) || (a[0] === 'step' ? -1 : 1));
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

export const logToJson = (log: RunLog): string => `${JSON.stringify(log, null, 2)}\n`;
