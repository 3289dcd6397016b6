/** Times the kernels of single nodes on one thread, beside the arithmetic peak of the same binary in the same run. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Layout } from '../../as/protocol.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import type { Buffer as Operand, WasmKernel } from '../../src/ir/kernel.ts';
import type { OpDef } from '../../src/ir/op.ts';

setFlagsFromString('--experimental-wasm-relaxed-simd');

export type Binary = 'simd' | 'threads' | 'relaxed';

/** A module whose run(n, x, y) does 12·n vector multiply–adds: fused, or as product and sum. */
function peakModule(fused: boolean): Uint8Array<ArrayBuffer> {
  const section = (id: number, body: number[]) => [id, ...leb(body.length), ...body];
  const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
  const accumulators = Array.from({ length: 12 }, (_, i) => 5 + i);
  const simd = (opcode: number) => [0xfd, ...leb(opcode)];
  const step = (a: number) =>
    fused
      ? [0x20, 3, 0x20, 4, 0x20, a, ...simd(0x105), 0x21, a]
      : [0x20, a, 0x20, 3, ...simd(0xe6), 0x20, 4, ...simd(0xe4), 0x21, a];
  const body = [
    ...[1, 14, 0x7b],
    ...[0x20, 1, ...simd(0x13), 0x21, 3, 0x20, 2, ...simd(0x13), 0x21, 4],
    ...accumulators.flatMap((a) => [0x43, 0, 0, 0x80 + a, 0x3f, ...simd(0x13), 0x21, a]),
    ...[0x03, 0x40],
    ...accumulators.flatMap(step),
    ...[0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
    ...[0x20, 5, ...accumulators.slice(1).flatMap((a) => [0x20, a, ...simd(0xe4)]), ...simd(0x1f), 0, 0x0b],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7d, 0x7d, 1, 0x7d]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** Milliseconds of the fastest call; processor time where it is less, so that other programs' share does not count. */
const fastest = (times: number, act: () => void): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    act();
    const wall = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    best = Math.min(best, wall > 0.1 ? Math.min(wall, (user + system) / 1000) : wall);
  }
  return best;
};

interface Kernels {
  setup(thread: number): void;
  execute(begin: number, end: number, threads: number): number;
}

/** Whether a kernel of the node works on what changes from run to run; asked in the order of the kernels. */
function changing(node: Node, isStatic: boolean): (k: WasmKernel) => boolean {
  const fixed = new Set<Operand | null>(isStatic ? [null, ...node.inputs.slice(1)] : [null]);
  return ({ args }) => {
    const buffers = args.flatMap((a) => (a.kind === 'buffer' ? [a] : []));
    const isFixed = isStatic && buffers.every((a) => a.access !== 'read' || fixed.has(a.buffer));
    if (isFixed) for (const a of buffers) fixed.add(a.buffer);
    return !isFixed;
  };
}

const PROGRAM = Layout.SCRATCH + Layout.SCRATCH_BYTES;
const HEAP = PROGRAM + 65536;

export class Machine {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: Kernels;
  readonly #peak: (n: number, x: number, y: number) => number;
  readonly #random = new Random(1);
  #total = 0;

  constructor(binary: Binary, file = `build/wasm/${binary}.wasm`) {
    this.#memory = new WebAssembly.Memory({ initial: 8192, maximum: 65536, shared: binary !== 'simd' });
    const code = readFileSync(file);
    const env = { memory: this.#memory, abort() {} };
    this.#kernels = new WebAssembly.Instance(new WebAssembly.Module(code), { env })
      .exports as unknown as Kernels;
    this.#kernels.setup(0);
    const peak = new WebAssembly.Instance(new WebAssembly.Module(peakModule(binary === 'relaxed')));
    this.#peak = peak.exports.run as (n: number, x: number, y: number) => number;
    this.peak();
  }

  /** GFLOP/s that this thread reaches without touching memory. */
  peak(): number {
    return (300000 * 96) / fastest(4, () => this.#peak(300000, 1.0001, 0.5)) / 1e6;
  }

  random(...shape: number[]): Tensor {
    return tensor(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => this.#random.between(-1, 1)),
    );
  }

  /** Milliseconds of all nodes timed since the last call. */
  total(): number {
    const total = this.#total;
    this.#total = 0;
    return total;
  }

  /**
   * Prints the best time of each kernel of a node, and what share of the peak `macs` multiply–adds then are. With
   * `isStatic` only the first input changes: what depends on the others alone is shown, but not counted.
   */
  time<A>(
    name: string,
    op: OpDef<A>,
    inputs: readonly (Tensor | null)[],
    attrs: A,
    macs: number,
    isStatic = false,
  ): void {
    const graph = new Graph();
    graph.apply(
      op,
      inputs.map((t, i) => t && (isStatic && i > 0 ? graph.constant(t) : graph.input(`${i}`, t))),
      attrs,
    );
    const node = graph.nodes[0];
    const place = this.#place(node, inputs);
    const kernels = op.wasm(node as Node<A>);
    const times = Math.max(5, Math.min(400, Math.floor(4e9 / macs)));
    const each = kernels.map((kernel) => {
      const end = this.#encode(kernel, place);
      return fastest(times, () => this.#kernels.execute(PROGRAM, end, 1));
    });
    const isCounted = changing(node, isStatic);
    const ms = each.reduce((sum, t, i) => sum + (isCounted(kernels[i]) ? t : 0), 0);
    this.#total += ms;
    const rate = (2 * macs) / ms / 1e6;
    const parts = kernels.map((k, i) => `${k.opcode}: ${each[i].toFixed(3)} in ${k.tiles}`).join(', ');
    const share = `${((100 * rate) / this.peak()).toFixed(0)} %`;
    console.log(
      `${name.padEnd(24)} ${ms.toFixed(3).padStart(8)} ms ${rate.toFixed(1).padStart(5)} GFLOP/s ${share.padStart(5)}  ${parts}`,
    );
  }

  /** Runs a whole graph; returns what runs the kernels of its first node of an operator again. */
  prepare(graph: Graph, feeds: Readonly<Record<string, Tensor>>, name: string): () => void {
    const place = this.#places();
    const set = (value: Value, { data }: Tensor) =>
      new (data instanceof Int32Array ? Int32Array : Float32Array)(this.#memory.buffer, place(value)).set(
        data,
      );
    const encode = (node: Node) =>
      node.op.wasm(node).reduce((at, kernel) => this.#encode(kernel, place, at), PROGRAM);
    for (const [input, value] of graph.inputs) set(value, feeds[input]);
    for (const node of graph.nodes) {
      for (const v of node.inputs) if (v?.source.kind === 'constant') set(v, v.source.tensor);
      this.#kernels.execute(PROGRAM, encode(node), 1);
    }
    const node = graph.nodes.find((n) => n.op.name === name);
    if (!node) throw new Error(`The graph has no ${name}.`);
    const end = encode(node);
    return () => this.#kernels.execute(PROGRAM, end, 1);
  }

  #places(): (buffer: Operand) => number {
    const places = new Map<Operand, number>();
    let top = HEAP;
    return (buffer) => {
      const known = places.get(buffer);
      if (known !== undefined) return known;
      const at = top;
      const bytes = 'scratch' in buffer ? buffer.bytes : 4 * sizeOf(buffer.shape);
      top += Math.ceil(bytes / Layout.ALIGN) * Layout.ALIGN;
      places.set(buffer, at);
      return at;
    };
  }

  #place(node: Node, inputs: readonly (Tensor | null)[]): (buffer: Operand) => number {
    const place = this.#places();
    node.inputs.forEach((v, i) => {
      if (v) new Float32Array(this.#memory.buffer, place(v)).set(inputs[i]!.data);
    });
    return place;
  }

  #encode(kernel: WasmKernel, place: (buffer: Operand) => number, begin = PROGRAM): number {
    const words = 5 + kernel.args.length;
    const view = new DataView(this.#memory.buffer, begin);
    const header = [kernel.opcode, 4 * words, kernel.tiles, 0, PROGRAM + 4096];
    header.forEach((v, i) => {
      view.setInt32(4 * i, v, true);
    });
    kernel.args.forEach((arg, i) => {
      if (arg.kind === 'f32') view.setFloat32(20 + 4 * i, arg.value, true);
      else
        view.setInt32(20 + 4 * i, arg.kind === 'i32' ? arg.value : arg.buffer ? place(arg.buffer) : 0, true);
    });
    return begin + 4 * words;
  }
}
