/** Matrix products: matmul with broadcast batches and optional transposes, and the linear layer. */
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf, stridesOf, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { broadcastShapes } from './binary.ts';
import { absorbActivation, type Epilogue } from './conv-shape.ts';
import { activationFunction } from './elementwise.ts';
import { gemmKernels, linearKernels, type Operand } from './gemm-kernels.ts';
import { gemmShader, linearShaders } from './gemm-webgpu.ts';
import { reduceSum, sumTo } from './reduce.ts';

export interface MatmulAttrs extends Epilogue {
  /** Take the transpose of the last two dimensions. */
  readonly transA: boolean;
  readonly transB: boolean;
}

interface Batch {
  /** Dimensions over which matrices are counted, neighbours merged, with the steps of both operands in elements. */
  readonly dims: number[];
  readonly a: number[];
  readonly b: number[];
}

/** Strides of the leading dimensions of `shape` against the broadcast `lead`: 0 where stretched. */
function leadStrides(shape: Shape, lead: readonly number[]): number[] {
  const own = stridesOf(shape);
  return lead.map((_, i) => {
    const j = i - lead.length + shape.length - 2;
    return j < 0 || shape[j] === 1 ? 0 : own[j];
  });
}

function batchOf(a: Shape, b: Shape, lead: readonly number[]): Batch {
  const [as, bs] = [leadStrides(a, lead), leadStrides(b, lead)];
  const out: Batch = { dims: [], a: [], b: [] };
  lead.forEach((n, i) => {
    if (n === 1) return;
    const last = out.dims.length - 1;
    if (last >= 0 && out.a[last] === as[i] * n && out.b[last] === bs[i] * n) {
      out.dims[last] *= n;
      [out.a[last], out.b[last]] = [as[i], bs[i]];
    } else {
      out.dims.push(n);
      out.a.push(as[i]);
      out.b.push(bs[i]);
    }
  });
  return out;
}

/** Calls back with the operands' offsets for each matrix of the batch. */
function forBatch({ dims, a, b }: Batch, visit: (a: number, b: number, index: number) => void): void {
  for (let i = 0, count = sizeOf(dims); i < count; i++) {
    let [rest, atA, atB] = [i, 0, 0];
    for (let d = dims.length - 1; d >= 0; d--) {
      const at = rest % dims[d];
      rest = Math.floor(rest / dims[d]);
      atA += at * a[d];
      atB += at * b[d];
    }
    visit(atA, atB, i);
  }
}

function problem(a: Shape, b: Shape, y: Shape, { transA, transB }: MatmulAttrs) {
  const [m, n] = y.slice(-2);
  const k = a[a.length - (transA ? 2 : 1)];
  const as = transA ? { row: 1, column: m } : { row: k, column: 1 };
  const bs = transB ? { row: 1, column: k } : { row: n, column: 1 };
  return { m, n, k, as, bs, batch: batchOf(a, b, y.slice(0, -2)) };
}

/** a […,M,K] · b […,K,N] (each transposed if asked) → […,M,N]; leading dimensions broadcast as in ONNX. */
export const matmulOp: OpDef<MatmulAttrs> = defineOp<MatmulAttrs>({
  name: 'matmul',
  infer([a, b], { transA, transB }) {
    for (const t of [a!, b!]) {
      check(
        t.shape.length >= 2 && t.dtype === 'f32' && sizeOf(t.shape) > 0,
        'shape',
        () => `matmul takes f32 matrices or batches of them, not ${showType(t)}; reshape vectors first.`,
      );
    }
    const [m, ka] = transA ? a!.shape.slice(-2).reverse() : a!.shape.slice(-2);
    const [kb, n] = transB ? b!.shape.slice(-2).reverse() : b!.shape.slice(-2);
    check(
      ka === kb,
      'shape',
      () =>
        `matmul: ${showType(a!)}${transA ? 'ᵀ' : ''} · ${showType(b!)}${transB ? 'ᵀ' : ''}: inner dimensions ${ka} and ${kb} differ.`,
    );
    return [
      { dtype: 'f32', shape: [...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m, n] },
    ];
  },
  grad({ inputs: [a, b], attrs: { transA, transB } }, [dy]) {
    const da = transA ? matmul(b!, dy!, transB, true) : matmul(dy!, b!, false, !transB);
    const db = transB ? matmul(dy!, a!, true, transA) : matmul(a!, dy!, !transA, false);
    return [sumTo(da, a!.shape), sumTo(db, b!.shape)];
  },
  reference([a, b], [y], attrs) {
    const p = problem(a!.shape, b!.shape, y.shape, attrs);
    const f = activationFunction(attrs.activation ?? 0, attrs.alpha);
    forBatch(p.batch, (atA, atB, z) => {
      for (let i = 0; i < p.m * p.n; i++) {
        const [row, column] = [Math.floor(i / p.n), i % p.n];
        let sum = 0;
        for (let k = 0; k < p.k; k++) {
          sum +=
            a!.data[atA + row * p.as.row + k * p.as.column] *
            b!.data[atB + k * p.bs.row + column * p.bs.column];
        }
        y.data[z * p.m * p.n + i] = f(sum);
      }
    });
  },
  wasm({ inputs: [a, b], outputs: [y], attrs }) {
    let { m, n, k, as, bs, batch } = problem(a!.shape, b!.shape, y.shape, attrs);
    // One B for all: the batch is more rows of A.
    if (batch.dims.length === 1 && batch.b[0] === 0 && batch.a[0] === m * k && !attrs.transA) {
      m *= batch.dims[0];
      batch = { dims: [], a: [], b: [] };
    }
    if (batch.dims.length === 0 && !attrs.transA && (attrs.transB || n === 1)) {
      return linearKernels(a!, b!, null, y, { m, n, k }, attrs);
    }
    const inner = batch.dims.pop() ?? 1;
    const [aStep, bStep] = [batch.a.pop() ?? 0, batch.b.pop() ?? 0];
    const parts = sizeOf(batch.dims);
    return Array.from({ length: parts }, (_, z) => z).flatMap((z) => {
      let [offsetA, offsetB] = [0, 0];
      forBatch(batch, (atA, atB, index) => {
        if (index === z) [offsetA, offsetB] = [atA, atB];
      });
      const operand = (o: { row: number; column: number }, step: number, offset: number): Operand => ({
        ...o,
        batch: step,
        offset,
      });
      const product = {
        batch: inner,
        m,
        n,
        k,
        a: operand(as, aStep, offsetA),
        b: operand(bs, bStep, offsetB),
      };
      return gemmKernels(
        a!,
        b!,
        null,
        y,
        { ...product, c: parts > 1 ? z * inner * m * n : undefined },
        attrs,
      );
    });
  },
  webgpu({ inputs: [a, b], outputs: [y], attrs }, gpu) {
    const { m, n, k, as, bs, batch } = problem(a!.shape, b!.shape, y.shape, attrs);
    return [gemmShader(a!, b!, null, y, { m, n, k, a: as, b: bs, batch }, attrs, gpu)];
  },
  absorb: absorbActivation,
});

/** x [N,in], w [out,in], b [out] or null → [N,out]: x·wᵀ + b, as torch.nn.functional.linear. */
export const linearOp: OpDef<Epilogue> = defineOp<Epilogue>({
  name: 'linear',
  infer([x, w, b]) {
    const fits =
      x!.shape.length === 2 &&
      w!.shape.length === 2 &&
      x!.shape[1] === w!.shape[1] &&
      sizeOf(x!.shape) * sizeOf(w!.shape) > 0;
    check(
      fits && x!.dtype === 'f32' && w!.dtype === 'f32',
      'shape',
      () =>
        `linear takes f32[N×in] and f32[out×in] with the same "in", not ${showType(x!)} and ${showType(w!)}; flatten the input first.`,
    );
    check(
      !b || (b.shape.length === 1 && b.shape[0] === w!.shape[0] && b.dtype === 'f32'),
      'shape',
      () => `linear: the bias must be f32[${w!.shape[0]}], not ${showType(b as TensorType)}.`,
    );
    return [{ dtype: 'f32', shape: [x!.shape[0], w!.shape[0]] }];
  },
  grad: ({ inputs: [x, w, b] }, [dy]) => [
    matmul(dy!, w!),
    matmul(dy!, x!, true),
    b ? reduceSum(dy!, [0]) : null,
  ],
  reference([x, w, b], [y], attrs) {
    const f = activationFunction(attrs.activation ?? 0, attrs.alpha);
    const [out, k] = w!.shape;
    for (let i = 0; i < y.data.length; i++) {
      const [row, column] = [Math.floor(i / out), i % out];
      let sum = b ? b.data[column] : 0;
      for (let j = 0; j < k; j++) sum += x!.data[row * k + j] * w!.data[column * k + j];
      y.data[i] = f(sum);
    }
  },
  wasm({ inputs: [x, w, b], outputs: [y], attrs }) {
    const [m, k] = x!.shape;
    const n = w!.shape[0];
    return linearKernels(x!, w!, b, y, { m, n, k }, attrs);
  },
  webgpu({ inputs: [x, w, b], outputs: [y], attrs }, gpu) {
    const [m, k] = x!.shape;
    const n = w!.shape[0];
    const operands = { a: { row: k, column: 1 }, b: { row: 1, column: k } };
    return linearShaders(x!, w!, b, y, { m, n, k, ...operands }, attrs, gpu);
  },
  absorb: absorbActivation,
});

/** a […,M,K] · b […,K,N] → […,M,N], either operand transposed first if asked. */
export const matmul = (a: Value, b: Value, transA = false, transB = false): Value =>
  apply1(matmulOp, [a, b], { transA, transB });

/** x [N,in] · w [out,in]ᵀ + b [out]. */
export const linear = (x: Value, w: Value, b: Value | null = null): Value => apply1(linearOp, [x, w, b], {});

export const matmulOps = { matmul: matmulOp, linear: linearOp };
