import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asClassifier } from '../../src/io/onnx/classifier.ts';
import { importOnnx } from '../../src/io/onnx/import.ts';
import { Session } from '../../src/session.ts';
import { evaluate } from '../../src/train/evaluate.ts';
import { createBackend } from '../../workers/node.ts';
import { realDigits } from '../data/real.ts';

const folder = join(process.env.LENSLET_DATA ?? '../shared/data', 'onnx');

/** Accuracies on MNIST's 10,000 test images, as onnxruntime gives them. */
const published = { 'mnist-8.onnx': 0.9891, 'lenet-kanav99.onnx': 0.9804 };

describe('networks trained elsewhere', () => {
  for (const [file, accuracy] of Object.entries(published)) {
    const path = join(folder, file);
    it.runIf(realDigits && existsSync(path))(`${file} scores ${accuracy} on MNIST`, async () => {
      const model = asClassifier(importOnnx(readFileSync(path)));
      const backend = await createBackend({ threads: 1 });
      const session = await Session.create(model, backend);
      const images = await realDigits?.();
      if (!images) throw new Error('MNIST has no test images');
      const { accuracy: actual } = await evaluate(session, images);
      backend.dispose();
      expect(actual).toBeCloseTo(accuracy, 10);
    });
  }
});
