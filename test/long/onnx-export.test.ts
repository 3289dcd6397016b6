/** Every network, at its own size, exported and run in onnxruntime. */
import { describe, it } from 'vitest';
import { models } from '../../models/index.ts';
import { createBackend } from '../../workers/node.ts';
import { checkExport } from '../onnx/export.ts';

describe('networks exported to ONNX run alike in onnxruntime', () => {
  for (const model of models) {
    // A fresh LeNet-5's penalties are all but equal; test/io/onnx-export.test.ts has the trained one.
    if (model.name === 'lenet5') continue;
    it(model.name, async () => {
      const backend = await createBackend({ threads: 2 });
      await checkExport(model, backend);
      backend.dispose();
    });
  }
});
