/** The checks of `npm run reference` themselves: they pass what is right and fail what is wrong. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { filled, labels, procedural } from '../../scripts/reference/fill.ts';
import { runOps } from '../../scripts/reference/ops.ts';
import type { CaseResult } from '../../scripts/reference/result.ts';
import { runSteps } from '../../scripts/reference/steps.ts';
import { runZoo } from '../../scripts/reference/zoo.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { wasmBackends } from '../op.ts';

/** A folder that goes when the test ends. */
async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'reference-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

const reader = (dir: string) => (name: string) => readFile(join(dir, name));

async function all(results: AsyncGenerator<CaseResult>): Promise<CaseResult[]> {
  const list: CaseResult[] = [];
  for await (const result of results) list.push(result);
  return list;
}

it('procedural values are those of make_reference.py', () => {
  const expected = [-0.7514986991882324, 0.2585597038269043, 0.7229126691818237, -0.33579862117767334];
  expect([...filled('salt', 'name/x', [4]).data]).toEqual(expected);
  const shifted = [0.17485013604164124, 0.2758559584617615, 0.3222912549972534, 0.21642014384269714];
  expect([...filled('salt', 'name/x', [4], 0.1, 0.25).data]).toEqual(shifted);
  expect([...labels('salt', 'y', 12).data]).toEqual([1, 4, 4, 2, 4, 7, 5, 6, 4, 0, 8, 8]);
  expect(procedural('salt', 'bn.running_var', [4], 1).data.every((v) => v > 0.75 && v < 1.25)).toBe(true);
});

it('operators: right values pass, a wrong gradient and an unknown operator fail', async () => {
  const dir = await folder();
  const tensors = new Map<string, Tensor>();
  const put = (name: string, dx: number[]) => {
    tensors.set(`${name}/x`, tensor([3], [-1, 2, 3]));
    tensors.set(`${name}/y`, tensor([3], [0, 2, 3]));
    tensors.set(`${name}/dy`, tensor([3], [5, 6, 7]));
    tensors.set(`${name}/dx`, tensor([3], dx));
  };
  put('right', [0, 6, 7]);
  put('wrong', [0, 6, 7.01]);
  put('unknown', [0, 6, 7]);
  const cases = ['right', 'wrong', 'unknown'].map((name) => ({
    ...{ op: name === 'unknown' ? 'no_such' : 'relu', name, attrs: {} },
    ...{ inputs: ['x'], outputs: ['y'], grads: ['dx'] },
  }));
  await writeFile(join(dir, 'ops.json'), JSON.stringify({ cases }));
  await writeFile(join(dir, 'ops.safetensors'), writeSafetensors(tensors));
  const results = await all(runOps(reader(dir), new ReferenceBackend()));
  expect(results.map((r) => r.passed)).toEqual([true, false, false]);
  expect(results[1].detail).toMatch(/dx 1\.1e-3 > 0\.0001/);
  expect(results[2].detail).toMatch(/no_such/);
});

it('training runs: a wrong loss, a wrong number of parameters and an unknown network fail', async () => {
  const dir = await folder();
  const run = {
    ...{ name: 'mini_alexnet', tolerance: { losses: 1e-3, final_l2: 1e-3 }, params: 23_505 },
    ...{ input: [2, 3, 31, 31], gain: 1.4, optimizer: { lr: 0.05, momentum: 0.9, weight_decay: 0 } },
    ...{ losses: [100], first_gradients: {}, final: {} },
  };
  const steps = [run, { ...run, name: 'no_such' }];
  await writeFile(join(dir, 'steps.json'), JSON.stringify({ salt: 's', steps }));
  const [wasm] = await wasmBackends();
  const results = await all(runSteps(reader(dir), wasm));
  expect(results.map((r) => r.passed)).toEqual([false, false]);
  expect(results[0].detail).toMatch(/parameters .* \(23506, not 23505\)/);
  expect(results[0].detail).toMatch(/names/);
  expect(results[0].detail).toMatch(/losses .* > 0\.001 \(step 0\)/);
  expect(results[1].detail).toMatch(/no_such/);
});

it('networks: other names, counts and scores fail', async () => {
  const dir = await folder();
  const net = {
    ...{ name: 'cifar-resnet20', input: [1, 3, 32, 32], gain: 1.4, parameters: 1, state_dict: [['w', [2]]] },
    ...{ logits: Array<number>(10).fill(1e6), std: 1, argmax: 10 },
  };
  await writeFile(join(dir, 'zoo.json'), JSON.stringify({ salt: 's', zoo: [net] }));
  const [wasm] = await wasmBackends();
  const [result] = await all(runZoo(reader(dir), wasm));
  expect(result.passed).toBe(false);
  for (const what of ['parameters', 'names', 'logits', 'argmax']) expect(result.detail).toContain(`${what} `);
});
