/** Reductions over axes, and their adjoint, expand. */
import { Reduction } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf, stridesOf, type Tensor, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { i32, read, write } from '../ir/kernel.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { type BoxCopy, copyKernels, copyReference, copyShaders } from './box.ts';
import { unary } from './elementwise.ts';
import { reduceShaders } from './reduce-webgpu.ts';
import { reshape, transpose } from './shape.ts';

export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

const resultShape = (shape: Shape, { axes, keepdims }: ReduceAttrs): number[] =>
  shape.flatMap((d, i) => (axes.includes(i) ? (keepdims ? [1] : []) : [d]));

/** The shape as [A][R1][B][R2][C], reduced over R1 and R2; null when the axes alternate more often. */
function pattern(shape: Shape, axes: readonly number[]): number[] | null {
  const runs: { reduced: boolean; size: number }[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const reduced = axes.includes(i);
    const last = runs.at(-1);
    if (last?.reduced === reduced) last.size *= size;
    else runs.push({ reduced, size });
  });
  const out = [1, 1, 1, 1, 1];
  // From the back, so that the contiguous dimensions come last.
  let at = 4;
  for (const run of runs.reverse()) {
    while (at >= 0 && (at % 2 === 1) !== run.reduced) at--;
    if (at < 0) return null;
    out[at--] = run.size;
  }
  return out;
}

const folds: Record<string, { kind: Reduction; start: number; f: (a: number, b: number) => number }> = {
  reduce_sum: { kind: Reduction.SUM, start: 0, f: (a, b) => a + b },
  reduce_mean: { kind: Reduction.MEAN, start: 0, f: (a, b) => a + b },
  reduce_max: { kind: Reduction.MAX, start: Number.NEGATIVE_INFINITY, f: Math.max },
  reduce_min: { kind: Reduction.MIN, start: Number.POSITIVE_INFINITY, f: Math.min },
  reduce_prod: { kind: Reduction.PROD, start: 1, f: (a, b) => a * b },
};

export function defineReduce(name: string, grad: OpDef<ReduceAttrs>['grad']): OpDef<ReduceAttrs> {
  const { kind, start, f } = folds[name];
  return defineOp<ReduceAttrs>({
    name,
    infer([x], attrs) {
      check(x!.dtype === 'f32', 'shape', () => `${name} takes an f32 tensor, not ${showType(x!)}.`);
      check(
        attrs.axes.every((a) => Number.isInteger(a) && a >= 0 && a < x!.shape.length),
        'shape',
        () => `${name}: axes [${attrs.axes}] are not all dimensions of ${showType(x!)}.`,
      );
      check(
        pattern(x!.shape, attrs.axes),
        'unsupported',
        () => `${name}: axes [${attrs.axes}] of ${showType(x!)} alternate too often; transpose first.`,
      );
      return [{ dtype: 'f32', shape: resultShape(x!.shape, attrs) }];
    },
    grad,
    reference([x], [y], { axes }) {
      const { shape, data } = x as Tensor;
      const steps = stridesOf(shape);
      const kept = stridesOf(resultShape(shape, { axes, keepdims: true }));
      const sums = new Float64Array(y.data.length).fill(start);
      for (let i = 0; i < data.length; i++) {
        let to = 0;
        shape.forEach((n, d) => {
          if (!axes.includes(d)) to += (Math.floor(i / steps[d]) % n) * kept[d];
        });
        sums[to] = f(sums[to], data[i]);
      }
      const scale = kind === Reduction.MEAN ? y.data.length / data.length : 1;
      for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] * scale;
    },
    wasm({ inputs: [x], outputs: [y], attrs: { axes } }) {
      const dims = pattern(x!.shape, axes) as number[];
      const [a, r1, b, r2, c] = dims;
      // A tile: this many results when C = 1, this many columns otherwise.
      const items = c === 1 ? Math.max(1, Math.floor(Layout.TILE / (r1 * r2))) : Math.min(c, 256);
      const tiles = c === 1 ? Math.ceil((a * b) / items) : a * b * Math.ceil(c / items);
      return [
        { opcode: Opcode.REDUCE, tiles, args: [read(x), write(y), ...[kind, ...dims, items].map(i32)] },
      ];
    },
    webgpu: ({ inputs: [x], outputs: [y], attrs: { axes } }) =>
      reduceShaders(x!, y, kind, pattern(x!.shape, axes) as number[]),
  });
}

const expandBox = (x: TensorType, shape: Shape): BoxCopy => {
  const own = stridesOf(x.shape);
  const lead = shape.length - x.shape.length;
  const xStrides = shape.map((_, i) => (i < lead || x.shape[i - lead] === 1 ? 0 : own[i - lead]));
  return { dims: shape, xStrides, xOffset: 0, yStrides: stridesOf(shape), yOffset: 0 };
};

const expandOp = defineOp<{ readonly shape: Shape }>({
  name: 'expand',
  infer([x], { shape }) {
    const lead = shape.length - x!.shape.length;
    check(
      lead >= 0 &&
        shape.every((d) => Number.isInteger(d) && d >= 0) &&
        x!.shape.every((d, i) => d === 1 || d === shape[i + lead]),
      'shape',
      () => `${showType(x!)} does not stretch to [${shape}].`,
    );
    return [{ dtype: x!.dtype, shape }];
  },
  grad: ({ inputs: [x] }, [dy]) => [sumTo(dy!, x!.shape)],
  reference: ([x], [y], { shape }) => copyReference(x!.data, y.data, expandBox(x!, shape)),
  wasm: ({ inputs: [x], outputs: [y], attrs }) => copyKernels('expand', x!, y, expandBox(x!, attrs.shape)),
  webgpu: ({ inputs: [x], outputs: [y], attrs }) => copyShaders(x!, y, expandBox(x!, attrs.shape)),
});

/** x stretched to a shape it broadcasts to. */
export const expand = (x: Value, shape: Shape): Value => apply1(expandOp, [x], { shape });

/** Puts a gradient of the result back over the reduced axes. */
export function spread(dy: Value, x: Value, axes: readonly number[]): Value {
  const kept = reshape(
    dy,
    x.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );
  return expand(kept, x.shape);
}

const sumOp = defineReduce('reduce_sum', ({ inputs: [x], attrs: { axes } }, [dy]) => [spread(dy!, x!, axes)]);
const meanOp = defineReduce('reduce_mean', ({ inputs: [x], outputs: [y], attrs: { axes } }, [dy]) => {
  return [spread(unary('affine', dy!, { alpha: sizeOf(y.shape) / sizeOf(x!.shape) }), x!, axes)];
});

/** Reduces over `axes`; kept and reduced dimensions are brought together first where they alternate. */
export function reduceWith(
  op: OpDef<ReduceAttrs>,
  x: Value,
  axes: readonly number[],
  keepdims: boolean,
): Value {
  if (pattern(x.shape, axes)) return apply1(op, [x], { axes, keepdims });
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const moved = transpose(x, [...kept, ...axes]);
  const last = axes.map((_, i) => kept.length + i);
  return reshape(
    apply1(op, [moved], { axes: last, keepdims: false }),
    resultShape(x.shape, { axes, keepdims }),
  );
}

export const reduceSum = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduceWith(sumOp, x, axes, keepdims);
export const reduceMean = (x: Value, axes: readonly number[], keepdims = false): Value =>
  reduceWith(meanOp, x, axes, keepdims);

/** Sums a gradient over the dimensions along which its value was stretched to broadcast. */
export function sumTo(x: Value, shape: Shape): Value {
  const lead = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return axes.length ? reshape(reduceSum(x, axes, true), shape) : x;
}
