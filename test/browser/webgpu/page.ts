/** What the test calls in the page. */
import { verifyCase } from '../../../cli/commands/verify-case.ts';
import { lenet5Modern } from '../../../models/index.ts';
import { runOps } from '../../../scripts/reference/ops.ts';
import type { CaseResult } from '../../../scripts/reference/result.ts';
import { runSteps } from '../../../scripts/reference/steps.ts';
import { runZoo } from '../../../scripts/reference/zoo.ts';
import { Session, tensor } from '../../../src/index.ts';
import { createWebgpuBackend } from '../../../workers/browser-webgpu.ts';
import { checks } from './checks.ts';

/** A file that the test serves. */
async function fetchFile(name: string): Promise<Uint8Array> {
  const response = await fetch(`/files/${name}`);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const suites = { ops: runOps, steps: runSteps, zoo: runZoo };

/** Names of the files of an ONNX test case. */
export interface OnnxCase {
  readonly name: string;
  readonly model: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export const calls = {
  async check() {
    const backend = await createWebgpuBackend();
    const found = await checks(backend);
    const { usedBytes } = backend;
    backend.dispose();
    return { found, usedBytes };
  },
  /** Results of the cases of a file like ops.json. */
  async reference(suite: keyof typeof suites): Promise<CaseResult[]> {
    const backend = await createWebgpuBackend();
    const results: CaseResult[] = [];
    for await (const result of suites[suite](fetchFile, backend)) results.push(result);
    backend.dispose();
    return results;
  },
  /** What is wrong with each ONNX test case, or null. */
  async onnx(cases: readonly OnnxCase[]): Promise<(string | null)[]> {
    const backend = await createWebgpuBackend();
    const found: (string | null)[] = [];
    for (const { model, inputs, outputs } of cases) {
      const all = (names: readonly string[]) => Promise.all(names.map(fetchFile));
      const files = { model: await fetchFile(model), inputs: await all(inputs), outputs: await all(outputs) };
      found.push(await verifyCase(files, backend).catch((error: Error) => error.message));
    }
    backend.dispose();
    return found;
  },
  /** Loses the device while a run is under way, and runs again after that: the codes of the errors. */
  async lose() {
    const backend = await createWebgpuBackend();
    const session = await Session.create(lenet5Modern, backend);
    const x = tensor([16, ...lenet5Modern.input]);
    await session.infer(x);
    const code = (error: unknown) => (error as { code?: string }).code ?? String(error);
    const pending = session.infer(x).then(() => 'an answer', code);
    backend.device.destroy();
    return { pending: await pending, later: await session.infer(x).then(() => 'an answer', code) };
  },
};

Object.assign(window, { calls });
