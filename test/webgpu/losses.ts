/** Training runs on a real device that is destroyed in the middle of what it does. */
import { expect } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { HybridBackend } from '../../src/hybrid/index.ts';
import type { WasmBackend } from '../../src/wasm/index.ts';
import type { WebgpuBackend } from '../../src/webgpu/index.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { type Setup, stepsOf, trainResidual } from '../hybrid/residual-run.ts';
import { relativeError } from '../op.ts';

/** Calls at which a device is taken away: while a plan is loaded, a step is handed over, results are waited for. */
const DEVICE_CALLS = [
  'createBuffer',
  'createBindGroup',
  'createComputePipelineAsync',
  'pushErrorScope',
] as const;
const QUEUE_CALLS = ['writeBuffer', 'onSubmittedWorkDone', 'submit'] as const;

/** A device's calls in order; in a run without losses, and the call to be lost at. */
type Kind = 'any' | 'submit';
interface Fate {
  readonly kind: Kind;
  /** From 1. */
  readonly call: number;
}

/** Tells every call of the device, before it is made. */
function watchCalls(device: GPUDevice, onCall: (kind: string) => void): void {
  const watch = (on: object, name: string) => {
    const target = on as Record<string, (...args: unknown[]) => unknown>;
    const method = target[name]!.bind(on);
    target[name] = (...args) => {
      onCall(name);
      return method(...args);
    };
  };
  for (const name of DEVICE_CALLS) watch(device, name);
  for (const name of QUEUE_CALLS) watch(device.queue, name);
}

/** A run whose devices meet the given fates, one after the other; later ones live. */
async function run(wasm: WasmBackend, setup: Setup, fates: readonly Fate[]) {
  let gpu: WebgpuBackend | undefined;
  let [opened, struck] = [0, 0];
  const calls: Record<Kind, number> = { any: 0, submit: 0 };
  const moves: string[] = [];
  const backend = new HybridBackend({
    wasm,
    use: 'webgpu',
    openGpu: async () => {
      const made = await createWebgpuBackend();
      gpu = made;
      const fate = fates[opened++];
      calls.any = calls.submit = 0;
      watchCalls(made.device, (kind) => {
        calls.any++;
        if (kind === 'submit') calls.submit++;
        if (!fate || calls[fate.kind] !== fate.call || (fate.kind === 'submit' && kind !== 'submit')) return;
        struck++;
        made.device.destroy();
      });
      return made;
    },
    onLoss: (_, next) => moves.push(next),
  });
  const result = await trainResidual(backend, undefined, setup);
  gpu?.dispose();
  return { ...result, moves, struck, calls };
}

/**
 * Runs that lose their devices at random calls, until so many were lost. All count every step once, and end with the
 * weights of the undisturbed run: exactly, or within `tolerance` after the fourth loss, from which on they use WASM.
 * @param tell called after each run
 * @returns how many runs moved to WASM
 */
export async function survive(
  wasm: WasmBackend,
  setup: Setup,
  losses: number,
  tolerance: number,
  tell: (lost: number, runs: number) => void = () => {},
): Promise<number> {
  const undisturbed = await run(wasm, setup, []);
  expect(undisturbed.moves).toEqual([]);
  const random = new Random(2012);
  const draw = (): Fate => {
    const kind = random.below(2) ? 'any' : 'submit';
    return { kind, call: 1 + random.below(undisturbed.calls[kind]) };
  };
  let [lost, runs, moved] = [0, 0, 0];
  while (lost < losses) {
    const fates = Array.from({ length: Math.min(losses - lost, 1 + random.below(4)) }, draw);
    const found = await run(wasm, setup, fates);
    const label = `run ${runs}, ${JSON.stringify(fates)}`;
    const onWasm = found.moves.includes('wasm');
    // A loss after the last step is found by whoever uses the device next.
    expect([found.struck, found.struck - 1], label).toContain(found.moves.length);
    expect(found.moves.indexOf('wasm'), label).toBe(onWasm ? 3 : -1);
    expect(found.report.steps, label).toBe(stepsOf(setup));
    expect(found.report.epochs.length, label).toBe(setup.epochs);
    expect([...found.losses.keys()].sort((a, b) => a - b)).toEqual([...undisturbed.losses.keys()]);
    for (const [name, { data }] of found.weights) {
      const error = relativeError(data, undisturbed.weights.get(name)!.data);
      expect(error, `${label}: ${name}`).toBeLessThanOrEqual(onWasm ? tolerance : 0);
    }
    lost += found.struck;
    runs++;
    moved += onWasm ? 1 : 0;
    tell(lost, runs);
  }
  return moved;
}
