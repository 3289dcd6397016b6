/**
 * The operator harness: one description of a case is checked against the reference on every binary, for 1, 2 and 3
 * threads bit for bit, with guard words around the buffers, and its gradients against finite differences.
 */
import { expect } from 'vitest';
import type { Backend } from '../src/backend.ts';
import { Random } from '../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../src/core/tensor.ts';
import { Graph, type Value } from '../src/ir/graph.ts';
import { mul } from '../src/ops/binary.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { compile } from '../src/plan/compile.ts';
import { gradients } from '../src/plan/grad.ts';
import { ReferenceBackend } from '../src/reference/index.ts';
import type { WasmBackend } from '../src/wasm/index.ts';
import { type WebgpuBackend, webgpuTarget } from '../src/webgpu/index.ts';
import { createBackend } from '../workers/node.ts';
import { createWebgpuBackend } from '../workers/node-webgpu.ts';

const MEMORY = 256 * 1024 * 1024;
let backends: Promise<WasmBackend[]> | undefined;

/** Every binary; the relaxed one with 1, 2 and 3 threads. Made once a test file. */
export function wasmBackends(): Promise<WasmBackend[]> {
  const make = (binary: 'simd' | 'threads' | 'relaxed', threads: number) =>
    createBackend({ binary, threads, memoryBytes: MEMORY, guarded: true });
  backends ??= Promise.all([
    make('relaxed', 1),
    make('relaxed', 2),
    make('relaxed', 3),
    make('threads', 2),
    make('simd', 1),
  ]);
  return backends;
}

let gpu: Promise<WebgpuBackend | null> | undefined;
let plainGpu: Promise<WebgpuBackend> | undefined;

/**
 * The GPU, or what stands in for one; null on a machine without. With LENSLET_WEBGPU=required there must be one, with
 * LENSLET_WEBGPU=only nothing else is tested, which is quick. Made once a test file.
 */
export function webgpuBackend(): Promise<WebgpuBackend | null> {
  gpu ??= createWebgpuBackend().catch((error) => {
    if (process.env.LENSLET_WEBGPU) throw error;
    console.warn(`WebGPU is not tested: ${error.message}`);
    return null;
  });
  return gpu;
}

/** Uniform in [low, high), from a name. */
export function randomTensor(name: string, shape: readonly number[], low = -1, high = 1): Tensor {
  const random = new Random(1).at(name);
  return tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.between(low, high)),
  );
}

/** L2 norm of the difference over the norm of what is expected. */
export function relativeError(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < wanted.length; i++) {
    if (Number.isNaN(actual[i]) !== Number.isNaN(wanted[i])) return Number.NaN;
    if (actual[i] === wanted[i] || Number.isNaN(wanted[i])) continue;
    difference += (actual[i] - wanted[i]) ** 2;
    norm += wanted[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / Math.max(norm, 1e-30));
}

export interface OpCase {
  readonly build: (inputs: readonly Value[]) => Value;
  readonly inputs: readonly Tensor[];
  /** Largest relative error of outputs and gradients against the reference. Default 1e-5. */
  readonly tolerance?: number;
  /** Indices of inputs to differentiate; default: all f32 ones. */
  readonly differentiate?: readonly number[];
  /** False where the values are beyond what WGSL promises (infinities, NaN). */
  readonly webgpu?: boolean;
  /** Step of the finite differences, 0 for none (kinks nearby, no gradient). Default 1e-2. */
  readonly step?: number;
}

/** A graph with outputs y and the gradients d0, d1, … of Σ y·r for a fixed random r. */
function buildGraph(c: OpCase): { graph: Graph; r: Tensor; wrt: readonly number[] } {
  const graph = new Graph();
  const xs = c.inputs.map((t, i) => graph.input(`x${i}`, t));
  const y = c.build(xs);
  graph.output('y', y);
  const r = randomTensor('upstream', y.shape);
  const all = c.inputs.map((_, i) => i).filter((i) => c.inputs[i].dtype === 'f32');
  const wrt = c.step === 0 && !c.differentiate ? [] : (c.differentiate ?? all);
  if (wrt.length) {
    const weighted = mul(y, graph.constant(r));
    const loss = reduceSum(
      weighted,
      weighted.shape.map((_, i) => i),
    );
    const grads = gradients(
      loss,
      wrt.map((i) => xs[i]),
    );
    for (const i of wrt) {
      const d = grads.get(xs[i]);
      if (!d) throw new Error(`no gradient for input ${i}`);
      graph.output(`d${i}`, d);
    }
  }
  return { graph, r, wrt };
}

async function runOn(
  backend: Backend,
  graph: Graph,
  inputs: readonly Tensor[],
): Promise<Record<string, Tensor>> {
  const store = backend.createStore();
  const executable = await backend.load(graph, store);
  const feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]));
  const results = await executable.run(feeds);
  executable.dispose();
  store.dispose();
  return results;
}

/** Runs a case in all modes. */
export async function checkOp(c: OpCase): Promise<void> {
  const { graph, r, wrt } = buildGraph(c);
  const wanted = await runOn(new ReferenceBackend(), graph, c.inputs);
  let first: Record<string, Tensor> | undefined;
  const only = process.env.LENSLET_WEBGPU === 'only';
  for (const backend of only ? [] : await wasmBackends()) {
    const where = `${backend.binary} binary, ${backend.threads} threads`;
    const actual = await runOn(backend, graph, c.inputs);
    expect(backend.guardsIntact(), `guard words, ${where}`).toBe(true);
    for (const [name, w] of Object.entries(wanted)) {
      const error = relativeError(actual[name].data, w.data);
      expect(error, `${name} against the reference, ${where}`).toBeLessThanOrEqual(c.tolerance ?? 1e-5);
      if (backend.binary === 'relaxed' && first) {
        expect(
          Buffer.from(actual[name].data.buffer).equals(Buffer.from(first[name].data.buffer)),
          `${name} bitwise, ${where}`,
        ).toBe(true);
      }
    }
    if (backend.binary === 'relaxed') first ??= actual;
  }
  if (c.webgpu !== false) await checkWebgpu(c, graph, wanted);
  if (c.step !== 0 && !only) await checkGradients(c, r, wrt, wanted, c.step ?? 1e-2);
}

/** As this adapter is, and, where that makes a difference, as a GPU without subgroups of a known size. */
async function checkWebgpu(c: OpCase, graph: Graph, wanted: Record<string, Tensor>): Promise<void> {
  const first = await webgpuBackend();
  if (!first) return;
  const { prologue, steps } = compile(graph, webgpuTarget(first.traits));
  const backends = [first];
  // Twice the shaders take twice the time to compile: where WebGPU is what is tested.
  if (process.env.LENSLET_WEBGPU && [...prologue, ...steps].some(({ kernel }) => kernel.subgroups)) {
    plainGpu ??= createWebgpuBackend({ traits: { subgroup: 0 } });
    backends.push(await plainGpu);
  }
  for (const backend of backends) {
    const actual = await runOn(backend, graph, c.inputs);
    for (const [name, w] of Object.entries(wanted)) {
      const error = relativeError(actual[name].data, w.data);
      const where = `WebGPU, subgroups of ${backend.traits.subgroup}`;
      expect(error, `${name} against the reference, ${where}`).toBeLessThanOrEqual(c.tolerance ?? 1e-5);
    }
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Directional derivatives of the reference along random directions against its gradients. */
async function checkGradients(
  c: OpCase,
  r: Tensor,
  wrt: readonly number[],
  wanted: Record<string, Tensor>,
  step: number,
): Promise<void> {
  const graph = new Graph();
  const xs = c.inputs.map((t, i) => graph.input(`x${i}`, t));
  graph.output('y', c.build(xs));
  const loss = async (inputs: readonly Tensor[]) => {
    const { y } = await runOn(new ReferenceBackend(), graph, inputs);
    return dot(y.data, r.data);
  };
  for (const i of wrt) {
    const direction = randomTensor(`direction${i}`, c.inputs[i].shape);
    const length = Math.sqrt(dot(direction.data, direction.data));
    const moved = (sign: number) =>
      c.inputs.map((t, k) =>
        k === i
          ? {
              ...t,
              data: Float32Array.from(t.data, (v, j) => v + (sign * step * direction.data[j]) / length),
            }
          : t,
      );
    const numeric = ((await loss(moved(1))) - (await loss(moved(-1)))) / (2 * step);
    const d = wanted[`d${i}`].data;
    const analytic = dot(d, direction.data) / length;
    const norm = Math.sqrt(dot(d, d));
    expect(
      Math.abs(numeric - analytic),
      `finite difference of input ${i}: ${numeric} against ${analytic}`,
    ).toBeLessThanOrEqual(5e-3 * Math.max(norm, 1e-3) + 1e-4);
  }
}
