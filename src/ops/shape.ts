/** Operators that keep all elements and move them: reshape, transpose, identity. Parts are the matter of slice.ts. */
import { check } from '../core/error.ts';
import { isSize, type Shape, showType, sizeOf, stridesOf, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { defineOp } from '../ir/op.ts';
import { type BoxCopy, copyKernels, copyReference, copyShaders } from './box.ts';

export const reshapeOp = defineOp<{ readonly shape: Shape }>({
  name: 'reshape',
  infer([x], { shape }) {
    check(
      shape.every(isSize) && sizeOf(shape) === sizeOf(x!.shape),
      'shape',
      () => `${showType(x!)} cannot be reshaped to [${shape}].`,
    );
    return [{ dtype: x!.dtype, shape }];
  },
  grad: ({ inputs: [x] }, [dy]) => [reshape(dy!, x!.shape)],
  reference([x], [y]) {
    y.data.set(x!.data);
  },
  wasm: () => [],
  webgpu: () => [],
  view: true,
});

/** The same elements under another shape; one dimension may be −1 and is worked out. Costs nothing. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.filter((d) => d !== -1).reduce((a, b) => a * b, 1);
  return apply1(reshapeOp, [x], { shape: shape.map((d) => (d === -1 ? sizeOf(x.shape) / known : d)) });
}

/** Joins the dimensions from `axis` on. */
export const flatten = (x: Value, axis = 1): Value =>
  reshape(x, [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))]);

const transposeBox = (x: TensorType, perm: readonly number[]): BoxCopy => {
  const strides = stridesOf(x.shape);
  const dims = perm.map((p) => x.shape[p]);
  return { dims, xStrides: perm.map((p) => strides[p]), xOffset: 0, yStrides: stridesOf(dims), yOffset: 0 };
};

const transposeOp = defineOp<{ readonly perm: readonly number[] }>({
  name: 'transpose',
  infer([x], { perm }) {
    const isPermutation = perm.length === x!.shape.length && new Set(perm).size === perm.length;
    check(
      isPermutation && perm.every((p) => p >= 0 && p < perm.length),
      'shape',
      () => `transpose: [${perm}] is no permutation of the ${x!.shape.length} dimensions of ${showType(x!)}.`,
    );
    return [{ dtype: x!.dtype, shape: perm.map((p) => x!.shape[p]) }];
  },
  grad({ attrs: { perm } }, [dy]) {
    return [
      transpose(
        dy!,
        perm.map((_, i) => perm.indexOf(i)),
      ),
    ];
  },
  reference: ([x], [y], { perm }) => copyReference(x!.data, y.data, transposeBox(x!, perm)),
  wasm: ({ inputs: [x], outputs: [y], attrs }) =>
    copyKernels('transpose', x!, y, transposeBox(x!, attrs.perm)),
  webgpu: ({ inputs: [x], outputs: [y], attrs }) => copyShaders(x!, y, transposeBox(x!, attrs.perm)),
});

/** Permutes dimensions: y.shape[i] = x.shape[perm[i]]. */
export const transpose = (x: Value, perm: readonly number[]): Value => apply1(transposeOp, [x], { perm });

const wholeBox = (x: TensorType): BoxCopy => {
  const strides = stridesOf(x.shape);
  return { dims: x.shape, xStrides: strides, xOffset: 0, yStrides: strides, yOffset: 0 };
};

/** A copy in memory of its own. The planner needs it where a variable's next value cannot be written in place. */
export const identityOp = defineOp<null>({
  name: 'identity',
  infer: ([x]) => [x!],
  grad: (_, [dy]) => [dy],
  reference: ([x], [y]) => copyReference(x!.data, y.data, wholeBox(x!)),
  wasm: ({ inputs: [x], outputs: [y] }) => copyKernels('identity', x!, y, wholeBox(x!)),
  webgpu: ({ inputs: [x], outputs: [y] }) => copyShaders(x!, y, wholeBox(x!)),
});

export const shapeOps = {
  identity: identityOp,
  reshape: reshapeOp,
  transpose: transposeOp,
};
