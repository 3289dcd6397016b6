/** PyTorch's outputs and gradients, where the folder made by make_reference.py is beside the project. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runOps } from '../../scripts/reference/ops.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { wasmBackends } from '../op.ts';

const dir = fileURLToPath(new URL('../../../shared/reference', import.meta.url));
const read = (name: string) => readFile(join(dir, name));

describe.skipIf(!existsSync(dir))('operators against PyTorch', () => {
  it('on the reference, and on every binary', async () => {
    for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
      const failed: string[] = [];
      let passed = 0;
      for await (const { name, passed: ok, detail } of runOps(read, backend)) {
        if (ok) passed++;
        else failed.push(`${name}: ${detail}`);
      }
      expect(failed, backend.name).toEqual([]);
      expect(passed).toBeGreaterThanOrEqual(75);
    }
  });
});
