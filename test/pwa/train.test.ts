import { describe, expect, it } from 'vitest';
import { usualSettings } from '../../pwa/train/defaults.ts';
import { warningFor } from '../../pwa/train/health.ts';
import { logToCsv } from '../../pwa/train/log.ts';
import type { EpochReport, RunLog, StepReport } from '../../workers/api.ts';

const point = (step: number, loss: number): StepReport => ({
  ...{ step, steps: 1000, epoch: 1, loss, accuracy: 0.5, lr: 0.1, imagesPerSecond: 100 },
});
const epoch = (n: number, train: number, validation: number, accuracy = 0.9): EpochReport => ({
  ...{ epoch: n, step: 10 * n, trainLoss: train, trainAccuracy: accuracy, seconds: 1 },
  ...{ validationLoss: validation, validationAccuracy: 0.8 },
});
const curve = (count: number, loss: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => point(i + 1, loss(i)));

describe('warnings', () => {
  it('are silent while the loss falls, however noisy', () => {
    const points = curve(200, (i) => 2.3 * Math.exp(-i / 60) * (1 + 0.4 * Math.sin(7 * i)) + 0.1);
    for (let n = 1; n <= 200; n++) expect(warningFor(points.slice(0, n), [], 10)).toBeNull();
  });

  it('tell a loss that rises far above where it began', () => {
    expect(
      warningFor(
        curve(60, (i) => (i < 30 ? 2.3 - i / 30 : 1.3 + (i - 30) / 3)),
        [],
        10,
      ),
    ).toBe('diverging');
  });

  it('tell training that is no better than chance after an epoch', () => {
    expect(warningFor([], [epoch(1, 2.3, 2.3, 0.101)], 10)).toBe('chance');
    expect(warningFor([], [epoch(1, 2.0, 2.1, 0.25)], 10)).toBeNull();
  });

  it('tell learning by heart', () => {
    const epochs = [1, 2, 3, 4].map((n) => epoch(n, 1 / n, 0.5 + n / 10));
    expect(warningFor([], epochs, 10)).toBe('overfitting');
    expect(warningFor([], epochs.slice(1), 10)).toBeNull();
  });
});

describe('usual settings', () => {
  it('follow the papers on much data, and are careful on little', () => {
    const resnet = usualSettings('cifar-resnet20', { images: 50_000, generated: false }, false);
    expect(resnet).toMatchObject({
      optimizer: 'sgd',
      lr: 0.1,
      weightDecay: 0.0001,
      batch: 64,
      augment: true,
    });
    const few = usualSettings('cifar-resnet20', { images: 40, generated: false }, false);
    expect(few.batch).toBe(4);
    expect(few.lr).toBeLessThan(0.1);
    expect(few.epochs).toBeGreaterThan(resnet.epochs);
    expect(usualSettings('resnet18', { images: 40, generated: false }, true).lr).toBeLessThan(
      usualSettings('resnet18', { images: 40, generated: false }, false).lr,
    );
    expect(usualSettings('lenet5', { images: 10_000, generated: true }, false)).toMatchObject({
      optimizer: 'adamw',
      augment: false,
    });
  });
});

describe('a log as a table', () => {
  it('has a row for each report and epoch, in the order of steps', () => {
    const log = {
      title: 't',
      options: {},
      points: curve(25, () => 1),
      epochs: [epoch(1, 1, 2), epoch(2, 1, 2)],
    };
    const [head, ...rows] = logToCsv(log as unknown as RunLog)
      .trim()
      .split('\n');
    expect(rows).toHaveLength(27);
    expect(rows[10]).toBe('epoch,1,10,1,0.9,,,2,0.8,1');
    expect(rows.every((r) => r.split(',').length === head!.split(',').length)).toBe(true);
  });
});
