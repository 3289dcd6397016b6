/** Operators that take parts of tensors and put them together: slice, pad, concat. */
import { check } from '../core/error.ts';
import { isSize, type Shape, sameShape, showType, stridesOf, type TensorType } from '../core/tensor.ts';
import { apply1, type Value } from '../ir/graph.ts';
import { defineOp } from '../ir/op.ts';
import { type BoxCopy, copyKernels, copyReference, copyShaders, fillKernel, fillShader } from './box.ts';

export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  /** Size of the result. */
  readonly sizes: readonly number[];
}

/** The box of x that a slice takes. */
function sliceBox(x: TensorType, { starts, steps, sizes }: SliceAttrs): BoxCopy {
  const strides = stridesOf(x.shape);
  return {
    dims: sizes,
    xStrides: strides.map((s, i) => s * steps[i]),
    xOffset: strides.reduce((sum, s, i) => sum + s * starts[i], 0),
    yStrides: stridesOf(sizes),
    yOffset: 0,
  };
}

const turned = (b: BoxCopy): BoxCopy => ({
  dims: b.dims,
  xStrides: b.yStrides,
  xOffset: b.yOffset,
  yStrides: b.xStrides,
  yOffset: b.xOffset,
});

/** Checks that the elements which a slice takes of `x` exist. */
function checkSlice(name: string, x: TensorType, { starts, steps, sizes }: SliceAttrs): void {
  const rank = x.shape.length;
  check(
    [starts, steps, sizes].every((l) => l.length === rank && l.every(Number.isInteger)),
    'shape',
    () => `${name}: needs a whole start, step and size for each of the ${rank} dimensions of ${showType(x)}.`,
  );
  x.shape.forEach((n, i) => {
    const last = starts[i] + (sizes[i] - 1) * steps[i];
    const inside = sizes[i] === 0 || (Math.min(starts[i], last) >= 0 && Math.max(starts[i], last) < n);
    check(
      steps[i] !== 0 && sizes[i] >= 0 && inside,
      'shape',
      () =>
        `${name}: dimension ${i} of ${showType(x)} has no ${sizes[i]} elements from ${starts[i]} by ${steps[i]}.`,
    );
  });
}

const sliceOp = defineOp<SliceAttrs>({
  name: 'slice',
  infer([x], attrs) {
    checkSlice('slice', x!, attrs);
    return [{ dtype: x!.dtype, shape: attrs.sizes }];
  },
  grad: ({ inputs: [x], attrs }, [dy]) => [apply1(placeOp, [dy!], { ...attrs, shape: x!.shape, value: 0 })],
  reference: ([x], [y], attrs) => copyReference(x!.data, y.data, sliceBox(x!, attrs)),
  wasm: ({ inputs: [x], outputs: [y], attrs }) => copyKernels('slice', x!, y, sliceBox(x!, attrs)),
  webgpu: ({ inputs: [x], outputs: [y], attrs }) => copyShaders(x!, y, sliceBox(x!, attrs)),
});

/** Elements starts, starts + steps, … of each dimension, `sizes` of them; steps may be negative. */
export const slice = (x: Value, attrs: SliceAttrs): Value => apply1(sliceOp, [x], attrs);

interface PlaceAttrs extends SliceAttrs {
  readonly shape: Shape;
  readonly value: number;
}

/** The adjoint of slice: x put into a tensor of `value`s at the positions a slice would take. Pad is this, too. */
const placeOp = defineOp<PlaceAttrs>({
  name: 'pad',
  infer([x], attrs) {
    const type = { dtype: x!.dtype, shape: attrs.shape };
    check(attrs.shape.every(isSize), 'shape', () => `pad: [${attrs.shape}] is no shape.`);
    checkSlice('pad', type, attrs);
    check(
      sameShape(x!.shape, attrs.sizes),
      'shape',
      () => `pad: ${showType(x!)} does not fill [${attrs.sizes}] elements of ${showType(type)}.`,
    );
    return [type];
  },
  grad: (node, [dy]) => [
    slice(dy!, { starts: node.attrs.starts, steps: node.attrs.steps, sizes: node.attrs.sizes }),
  ],
  reference([x], [y], attrs) {
    y.data.fill(attrs.value);
    copyReference(x!.data, y.data, turned(sliceBox(y, attrs)));
  },
  wasm({ inputs: [x], outputs: [y], attrs }) {
    return [fillKernel(y, attrs.value), ...copyKernels('pad', x!, y, turned(sliceBox(y, attrs)), true)];
  },
  webgpu({ inputs: [x], outputs: [y], attrs }) {
    return [fillShader(y, attrs.value), ...copyShaders(x!, y, turned(sliceBox(y, attrs)), true)];
  },
});

/**
 * Adds `before[i]` and `after[i]` elements of `value` around dimension i; negative numbers cut off.
 * @throws LensletError when more is cut off than there is
 */
export function pad(x: Value, before: readonly number[], after: readonly number[], value = 0): Value {
  check(
    [before, after].every((l) => l.length === x.shape.length && l.every(Number.isInteger)),
    'shape',
    () => `pad: needs two whole numbers for each of the ${x.shape.length} dimensions.`,
  );
  const cut = (n: number) => Math.max(0, -n);
  const kept = x.shape.map((n, i) => n - cut(before[i]) - cut(after[i]));
  check(
    kept.every((n) => n >= 0),
    'shape',
    () => `pad: ${showType(x)} has less than [${before}] and [${after}] cut off.`,
  );
  const steps = x.shape.map(() => 1);
  const inner = kept.every((n, i) => n === x.shape[i])
    ? x
    : slice(x, { starts: before.map(cut), steps, sizes: kept });
  const starts = before.map((n) => Math.max(0, n));
  const shape = kept.map((n, i) => n + starts[i] + Math.max(0, after[i]));
  return apply1(placeOp, [inner], { starts, steps, sizes: kept, shape, value });
}

const concatOp = defineOp<{ readonly axis: number }>({
  name: 'concat',
  infer(xs, { axis }) {
    const first = xs[0]!;
    check(
      Number.isInteger(axis) && axis >= 0 && axis < first.shape.length,
      'shape',
      () => `concat: ${showType(first)} has no axis ${axis}.`,
    );
    for (const x of xs) {
      const fits =
        x!.shape.length === first.shape.length &&
        x!.shape.every((d, i) => i === axis || d === first.shape[i]);
      check(
        fits && x!.dtype === first.dtype,
        'shape',
        () => `concat along ${axis}: ${showType(x!)} does not fit ${showType(first)}.`,
      );
    }
    const total = xs.reduce((sum, x) => sum + x!.shape[axis], 0);
    return [{ dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? total : d)) }];
  },
  grad({ inputs, attrs: { axis } }, [dy]) {
    let at = 0;
    return inputs.map((x) => {
      const starts = x!.shape.map((_, i) => (i === axis ? at : 0));
      at += x!.shape[axis];
      return slice(dy!, { starts, steps: x!.shape.map(() => 1), sizes: x!.shape });
    });
  },
  reference(xs, [y], { axis }) {
    for (const [i, box] of concatBoxes(xs, y, axis).entries()) copyReference(xs[i]!.data, y.data, box);
  },
  wasm({ inputs, outputs: [y], attrs: { axis } }) {
    const boxes = concatBoxes(inputs, y, axis);
    return inputs.flatMap((x, i) => copyKernels('concat', x!, y, boxes[i], true));
  },
  webgpu({ inputs, outputs: [y], attrs: { axis } }) {
    const boxes = concatBoxes(inputs, y, axis);
    return inputs.flatMap((x, i) => copyShaders(x!, y, boxes[i], true));
  },
});

function concatBoxes(xs: readonly (TensorType | null)[], y: TensorType, axis: number): BoxCopy[] {
  const yStrides = stridesOf(y.shape);
  let at = 0;
  return xs.map((x) => {
    const yOffset = at * yStrides[axis];
    at += x!.shape[axis];
    return { dims: x!.shape, xStrides: stridesOf(x!.shape), xOffset: 0, yStrides, yOffset };
  });
}

/** Joins tensors along one axis; their other dimensions are equal. */
export const concat = (xs: readonly Value[], axis: number): Value => apply1(concatOp, xs, { axis });

export const sliceOps = { slice: sliceOp, pad: placeOp, concat: concatOp };
