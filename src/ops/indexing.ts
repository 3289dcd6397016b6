/** Indices: gather, positions of extremes, positions of pooling's maxima. */
import { Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, sizeOf } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { i32, read, reads, type WasmArg, write, writes } from '../ir/kernel.ts';
import { defineOp, noGrad, type OpDef } from '../ir/op.ts';
import type { PoolAttrs } from './pool.ts';
import { poolIndicesShader } from './pool-webgpu.ts';
import { eachKernel, uint } from './wgsl.ts';

/** The shape as [outer][axis][inner]. */
const split = (shape: Shape, axis: number): [number, number, number] => [
  sizeOf(shape.slice(0, axis)),
  shape[axis],
  sizeOf(shape.slice(axis + 1)),
];

function checkAxis(name: string, x: { readonly shape: Shape }, axis: number): void {
  check(
    Number.isInteger(axis) && axis >= 0 && axis < x.shape.length,
    'shape',
    () => `${name}: [${x.shape}] has no axis ${axis}.`,
  );
}

interface GatherAttrs {
  readonly axis: number;
}

/** Calls back with the offsets of each row of `inner` elements in x and in y. */
function forRows(
  indices: ArrayLike<number>,
  [outer, n, inner]: readonly number[],
  visit: (x: number, y: number) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] < 0 ? indices[i] + n : indices[i];
      check(index >= 0 && index < n, 'value', () => `gather: index ${indices[i]} is outside 0 … ${n - 1}.`);
      visit((o * n + index) * inner, (o * indices.length + i) * inner);
    }
  }
}

const gatherWords = (x: Shape, indices: Shape, axis: number, rows: number): WasmArg[] => {
  const [outer, n, inner] = split(x, axis);
  return [outer, n, sizeOf(indices), inner, rows].map(i32);
};

const gatherGradOp = defineOp<GatherAttrs & { readonly shape: Shape }>({
  name: 'gather_grad',
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  grad: noGrad,
  reference([dy, indices], [dx], { axis }) {
    const [outer, n, inner] = split(dx.shape, axis);
    dx.data.fill(0);
    forRows(indices!.data, [outer, n, inner], (to, from) => {
      for (let j = 0; j < inner; j++) dx.data[to + j] += dy!.data[from + j];
    });
  },
  wasm({ inputs: [dy, indices], outputs: [dx], attrs: { axis } }) {
    const args = [write(dx), read(indices), read(dy), ...gatherWords(dx.shape, indices!.shape, axis, 1)];
    return [{ opcode: Opcode.GATHER_GRAD, tiles: sizeOf(dx.shape.slice(0, axis)), args }];
  },
  webgpu({ inputs: [dy, indices], outputs: [dx], attrs: { axis } }) {
    const [, n, inner] = split(dx.shape, axis);
    const count = sizeOf(indices!.shape);
    const body = `let own = i32(i / ${uint(inner)} % ${uint(n)});
  let first = (i / ${uint(n * inner)}) * ${uint(count * inner)} + i % ${uint(inner)};
  var sum = 0f;
  for (var j = 0u; j < ${uint(count)}; j++) {
    if (indices[j] == own || indices[j] + ${n}i == own) { sum += dy[first + j * ${uint(inner)}]; }
  }
  dx[i] = sum;`;
    const args = [reads('dy', dy!), reads('indices', indices!, 'i32'), writes('dx', dx)];
    return [eachKernel(sizeOf(dx.shape), args, body)];
  },
});

export const gatherOp: OpDef<GatherAttrs> = defineOp<GatherAttrs>({
  name: 'gather',
  infer([x, indices], { axis }) {
    checkAxis('gather', x!, axis);
    check(
      indices!.dtype === 'i32',
      'shape',
      () => `gather: the indices must be i32, not ${showType(indices!)}.`,
    );
    return [
      {
        dtype: x!.dtype,
        shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)],
      },
    ];
  },
  grad: ({ inputs: [x, indices], attrs: { axis } }, [dy]) => [
    apply1(gatherGradOp, [dy, indices], { axis, shape: x!.shape }),
    null,
  ],
  reference([x, indices], [y], { axis }) {
    const [outer, n, inner] = split(x!.shape, axis);
    forRows(indices!.data, [outer, n, inner], (from, to) => {
      for (let j = 0; j < inner; j++) y.data[to + j] = x!.data[from + j];
    });
  },
  wasm({ inputs: [x, indices], outputs: [y], attrs: { axis } }) {
    const [outer, , inner] = split(x!.shape, axis);
    const rows = Math.max(1, Math.floor(8192 / Math.max(1, inner)));
    const args = [read(x), read(indices), write(y), ...gatherWords(x!.shape, indices!.shape, axis, rows)];
    const count = sizeOf(y.shape) ? outer * sizeOf(indices!.shape) : 0;
    return [{ opcode: Opcode.GATHER, tiles: Math.ceil(count / rows), args }];
  },
  webgpu({ inputs: [x, indices], outputs: [y], attrs: { axis } }) {
    const [, n, inner] = split(x!.shape, axis);
    const count = sizeOf(indices!.shape);
    const body = `let given = indices[i / ${uint(inner)} % ${uint(count)}];
  let index = select(given, given + ${n}i, given < 0i);
  let known = index >= 0i && index < ${n}i;
  let at = (i / ${uint(count * inner)}) * ${uint(n * inner)} + u32(select(0i, index, known)) * ${uint(inner)} + i % ${uint(inner)};
  y[i] = select(${x!.dtype === 'f32' ? '0x7fc00000u' : '0x80000000u'}, x[at], known);`;
    const args = [reads('x', x!, 'u32'), reads('indices', indices!, 'i32'), writes('y', y, 'u32')];
    return [eachKernel(sizeOf(y.shape), args, body)];
  },
});

/**
 * Slices of x along `axis` at the indices (i32, negative ones from the end): the axis is replaced by the indices'
 * dimensions. An index outside ends the run with a 'kernel' error ('value' on the reference backend); a GPU cannot stop:
 * there the elements are NaN, or −2³¹ for integers.
 */
export const gather = (x: Value, indices: Value, axis = 0): Value => apply1(gatherOp, [x, indices], { axis });

interface ArgReduceAttrs {
  readonly axis: number;
  readonly keepdims: boolean;
  /** Of equal ones the last, not the first. */
  readonly last: boolean;
}

function defineArgReduce(name: string, sign: 1 | -1): OpDef<ArgReduceAttrs> {
  return defineOp<ArgReduceAttrs>({
    name,
    infer([x], { axis, keepdims }) {
      checkAxis(name, x!, axis);
      check(
        x!.dtype === 'f32' && sizeOf(x!.shape) > 0,
        'shape',
        () => `${name} takes f32 with at least one element, not ${showType(x!)}.`,
      );
      return [
        { dtype: 'i32', shape: x!.shape.flatMap((d, i) => (i === axis ? (keepdims ? [1] : []) : [d])) },
      ];
    },
    grad: noGrad,
    reference([x], [y], { axis, last }) {
      const [, n, inner] = split(x!.shape, axis);
      for (let row = 0; row < y.data.length; row++) {
        const first = Math.floor(row / inner) * n * inner + (row % inner);
        let best = 0;
        for (let i = 1; i < n; i++) {
          const difference = sign * (x!.data[first + i * inner] - x!.data[first + best * inner]);
          if (difference > 0 || (last && difference === 0)) best = i;
        }
        y.data[row] = best;
      }
    },
    wasm({ inputs: [x], outputs: [y], attrs: { axis, last } }) {
      const [outer, n, inner] = split(x!.shape, axis);
      const rows = Math.max(1, Math.floor(8192 / n));
      const args = [read(x), write(y), ...[outer, n, inner, sign, last ? 1 : 0, rows].map(i32)];
      return [{ opcode: Opcode.ARG_REDUCE, tiles: Math.ceil((outer * inner) / rows), args }];
    },
    webgpu({ inputs: [x], outputs: [y], attrs: { axis, last } }) {
      const [, n, inner] = split(x!.shape, axis);
      const better = `v ${sign > 0 ? '>' : '<'}${last ? '=' : ''} best`;
      const body = `let at = (i / ${uint(inner)}) * ${uint(n * inner)} + i % ${uint(inner)};
  var best = x[at];
  var position = 0u;
  for (var k = 1u; k < ${uint(n)}; k++) {
    let v = x[at + k * ${uint(inner)}];
    if (${better}) {
      best = v;
      position = k;
    }
  }
  y[i] = i32(position);`;
      return [eachKernel(sizeOf(y.shape), [reads('x', x!), writes('y', y, 'i32')], body)];
    },
  });
}

export const argReduceOps = { argmax: defineArgReduce('argmax', 1), argmin: defineArgReduce('argmin', -1) };

/** Positions (i32) of the largest or smallest along an axis; the first of equal ones, or the last. */
export const argReduce = (
  name: keyof typeof argReduceOps,
  x: Value,
  axis: number,
  keepdims = false,
  last = false,
): Value => apply1(argReduceOps[name], [x], { axis, keepdims, last });

interface PoolIndicesAttrs {
  readonly pool: Pick<PoolAttrs, 'kernel' | 'stride' | 'padding' | 'dilation'>;
  /** Height and width of the pooled planes. */
  readonly size: readonly [number, number];
  /** Positions in a plane count down columns instead of along rows. */
  readonly columnMajor: boolean;
}

export const poolIndicesOp: OpDef<PoolIndicesAttrs> = defineOp<PoolIndicesAttrs>({
  name: 'max_pool2d_indices',
  infer([x], { size }) {
    check(
      x!.shape.length === 4 && x!.dtype === 'f32',
      'shape',
      () => `max_pool2d_indices takes f32[N×C×H×W], not ${showType(x!)}.`,
    );
    return [{ dtype: 'i32', shape: [x!.shape[0], x!.shape[1], ...size] }];
  },
  grad: noGrad,
  reference([x], [y], { pool: { kernel, stride, padding, dilation }, columnMajor }) {
    const [h, w] = x!.shape.slice(2);
    const [oh, ow] = y.shape.slice(2);
    for (let o = 0; o < y.data.length; o++) {
      const plane = Math.floor(o / (oh * ow)) * h * w;
      let best = -1;
      let answer = -1;
      for (let k = 0; k < kernel[0] * kernel[1]; k++) {
        const iy =
          (Math.floor(o / ow) % oh) * stride[0] + Math.floor(k / kernel[1]) * dilation[0] - padding[0];
        const ix = (o % ow) * stride[1] + (k % kernel[1]) * dilation[1] - padding[1];
        if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
        const at = plane + iy * w + ix;
        if (best >= 0 && !(x!.data[at] > x!.data[best])) continue;
        best = at;
        answer = plane + (columnMajor ? ix * h + iy : iy * w + ix);
      }
      y.data[o] = answer;
    }
  },
  wasm({ inputs: [x], outputs: [y], attrs: { pool, size, columnMajor } }) {
    const [n, c, h, w] = x!.shape;
    const [pt, pl] = pool.padding;
    const words = [
      h,
      w,
      ...size,
      ...pool.kernel,
      ...pool.stride,
      ...pool.dilation,
      pt,
      pl,
      columnMajor ? 1 : 0,
    ];
    return [{ opcode: Opcode.POOL_INDICES, tiles: n * c, args: [read(x), write(y), ...words.map(i32)] }];
  },
  webgpu: ({ inputs: [x], outputs: [y], attrs: { pool, columnMajor } }) => [
    poolIndicesShader(x!, y, pool, columnMajor),
  ],
});

/** Positions (i32, in the whole of x) of the maxima that `maxPool2d` with the same window gives. */
export const maxPool2dIndices = (x: Value, attrs: PoolIndicesAttrs): Value =>
  apply1(poolIndicesOp, [x], attrs);
