/** Ten training steps of six networks as PyTorch takes them, where make_reference.py's folder is beside the project. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runSteps } from '../../scripts/reference/steps.ts';
import { wasmBackends } from '../op.ts';

const dir = fileURLToPath(new URL('../../../shared/reference', import.meta.url));
const read = (name: string) => readFile(join(dir, name));

describe.skipIf(!existsSync(dir))('training runs against PyTorch', () => {
  it('with two threads, and without', async () => {
    const backends = await wasmBackends();
    for (const backend of [backends[1], backends[4]]) {
      const failed: string[] = [];
      let passed = 0;
      for await (const { name, passed: ok, detail } of runSteps(read, backend)) {
        if (ok) passed++;
        else failed.push(`${name}: ${detail}`);
      }
      expect(failed, `${backend.binary} binary`).toEqual([]);
      expect(passed).toBeGreaterThanOrEqual(6);
    }
  });
});
