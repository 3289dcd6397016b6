/** Table rows: constants, shapes, and operators that move elements. */
import { check, LensletError } from '../../core/error.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../core/tensor.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { broadcastShapes } from '../../ops/binary.ts';
import { argReduce, gather } from '../../ops/indexing.ts';
import { cast } from '../../ops/integer.ts';
import { expand } from '../../ops/reduce.ts';
import { reshape, transpose } from '../../ops/shape.ts';
import { concat, pad, type SliceAttrs, slice } from '../../ops/slice.ts';
import { padByIndex } from './ops-resample.ts';
import type { Reading } from './reading.ts';
import type { Rows } from './row.ts';
import { MAX_RANK } from './tensor.ts';
import type { Writing } from './writing.ts';

const intTensor = (list: readonly number[]): Tensor => tensor([list.length], Int32Array.from(list));

function readConstant(r: Reading): Value {
  const stored = r.tensor('value');
  if (stored) return r.constant(stored.tensor('the constant'));
  if (r.given('value_float')) return r.scalar(r.float('value_float', 0));
  const floats = r.floats('value_floats');
  if (floats && r.given('value_floats')) return r.constant(tensor([floats.length], floats));
  if (r.given('value_int'))
    return r.constant({ dtype: 'i32', shape: [], data: Int32Array.of(r.int('value_int', 0)) });
  const ints = r.ints('value_ints');
  if (ints && r.given('value_ints')) return r.constant(intTensor(ints));
  return r.fail('only constants of numbers are supported (no strings, no sparse tensors).');
}

/** A shape of the file: dimensions that a tensor of ours can have. */
function checkedShape(list: readonly number[]): number[] {
  check(
    list.every((d) => Number.isSafeInteger(d) && d >= 0) &&
      list.length <= MAX_RANK &&
      sizeOf(list) <= 2 ** 30,
    'shape',
    () => `[${list}] is no shape, or larger than any memory.`,
  );
  return [...list];
}

function readConstantOfShape(r: Reading): Value {
  const value = r.tensor('value')?.tensor('the value') ?? tensor([1]);
  check(sizeOf(value.shape) === 1, 'shape', () => `the value must be one number, not [${value.shape}].`);
  return expand(r.constant({ ...value, shape: [] }), checkedShape(r.numbers(0) ?? []));
}

function readShape(r: Reading): Value {
  const { shape } = r.x(0);
  const rank = shape.length;
  const at = (v: number) => Math.max(0, Math.min(rank, v < 0 ? v + rank : v));
  return r.constant(intTensor(shape.slice(at(r.int('start', 0)), at(r.int('end', rank)))));
}

/** 0 keeps a dimension (unless `allowzero`), −1 is worked out. */
function readReshape(r: Reading): Value {
  const x = r.x(0);
  const wanted = r.list('shape', 1) ?? [];
  const keep = r.int('allowzero', 0) === 0;
  const shape = wanted.map((d, i) => {
    check(d >= -1, 'shape', () => `[${wanted}] is no shape.`);
    if (d !== 0 || !keep) return d;
    check(
      i < x.shape.length,
      'shape',
      () => `[${wanted}] keeps dimension ${i}, which [${x.shape}] does not have.`,
    );
    return x.shape[i];
  });
  const free = shape.filter((d) => d === -1).length;
  check(free <= 1, 'shape', () => `[${wanted}] leaves more than one dimension open.`);
  check(shape.length <= MAX_RANK, 'shape', () => `${shape.length} dimensions are too many.`);
  // A file traced with one batch size holds it in its reshapes.
  const { batch } = r;
  const holdsBatch = batch && r.isFed(0) && shape[0] === batch.file && x.shape[0] === batch.actual;
  if (holdsBatch && (free || sizeOf(shape) !== sizeOf(x.shape))) shape[0] = batch.actual;
  const known = sizeOf(shape.filter((d) => d !== -1));
  check(
    free ? known > 0 && sizeOf(x.shape) % known === 0 : known === sizeOf(x.shape),
    'shape',
    () => `[${x.shape}] cannot be reshaped to [${wanted}].`,
  );
  return reshape(x, shape);
}

/** The shape that the value has, with −1 for the dimension that follows the batch size. */
function writeReshape(w: Writing, node: Node): void {
  const shape = w.integers(w.shape(node.outputs[0]), 'shape');
  w.emit(
    'Reshape',
    [w.name(node.inputs[0]), shape],
    node,
    sizeOf(node.outputs[0].shape) ? {} : { allowzero: 1 },
  );
}

function readFlatten(r: Reading): Value {
  const x = r.x(0);
  const given = r.int('axis', 1);
  const rank = x.shape.length;
  const axis = given === rank ? rank : r.axis(given, rank);
  return reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function readSqueeze(r: Reading): Value {
  const x = r.x(0);
  const list = r.list('axes', 1);
  const axes = list ? r.axes(list, x.shape.length) : x.shape.map((_, i) => i).filter((i) => x.shape[i] === 1);
  check(
    axes.every((a) => x.shape[a] === 1),
    'shape',
    () => `[${x.shape}] cannot lose axes [${axes}]: they are not all 1.`,
  );
  return reshape(
    x,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

function readUnsqueeze(r: Reading): Value {
  const x = r.x(0);
  const list = r.list('axes', 1) ?? [];
  const rank = x.shape.length + list.length;
  check(rank <= MAX_RANK, 'shape', () => `${rank} dimensions are too many.`);
  const axes = r.axes(list, rank);
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() as number))),
  );
}

function readTranspose(r: Reading): Value {
  const x = r.x(0);
  return transpose(x, r.ints('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i));
}

function readConcat(r: Reading): Value {
  const xs = r.all();
  const floats = xs.some((x) => x.dtype === 'f32');
  const axis = r.axis(r.int('axis', 1), xs[0]?.shape.length ?? 0);
  return concat(floats ? xs.map((x) => cast(x, 'f32')) : xs, axis);
}

function readSplit(r: Reading): Value[] {
  const x = r.x(0);
  const axis = r.axis(r.int('axis', 0), x.shape.length);
  const parts = r.given('num_outputs') ? r.int('num_outputs', 1) : r.node.output.length;
  const even = Math.ceil(x.shape[axis] / Math.max(1, parts));
  const sizes =
    r.list('split', 1) ??
    Array.from({ length: r.node.output.length }, (_, i) =>
      Math.max(0, Math.min(even, x.shape[axis] - i * even)),
    );
  check(
    sizes.every((s) => s >= 0) && sizes.reduce((a, b) => a + b, 0) === x.shape[axis],
    'shape',
    () => `axis ${axis} of [${x.shape}] cannot be split into [${sizes}].`,
  );
  let at = 0;
  return sizes.map((size) => {
    const starts = x.shape.map((_, i) => (i === axis ? at : 0));
    at += size;
    return slice(x, {
      starts,
      steps: x.shape.map(() => 1),
      sizes: x.shape.map((d, i) => (i === axis ? size : d)),
    });
  });
}

/** Attributes up to opset 9, inputs from 10 on. */
function readSlice(r: Reading): Value {
  const x = r.x(0);
  const rank = x.shape.length;
  const starts = r.list('starts', 1) ?? [];
  const ends = r.list('ends', 2) ?? [];
  const axes = r.axes(r.list('axes', 3) ?? starts.map((_, i) => i), rank);
  const steps = r.numbers(4) ?? starts.map(() => 1);
  check(
    [ends, axes, steps].every((l) => l.length === starts.length) && steps.every((s) => s !== 0),
    'shape',
    () => 'starts, ends, axes and steps do not go together.',
  );
  const box = { starts: x.shape.map(() => 0), steps: x.shape.map(() => 1), sizes: [...x.shape] };
  axes.forEach((axis, i) => {
    const n = x.shape[axis];
    const step = steps[i];
    const clamp = (v: number, low: number, high: number) => Math.max(low, Math.min(high, v < 0 ? v + n : v));
    const start = step > 0 ? clamp(starts[i], 0, n) : clamp(starts[i], 0, n - 1);
    const end = step > 0 ? clamp(ends[i], 0, n) : clamp(ends[i], -1, n - 1);
    box.starts[axis] = start;
    box.steps[axis] = step;
    box.sizes[axis] = Math.max(0, Math.ceil((end - start) / step));
    // A step longer than the axis takes one element; a size of 1 needs no step.
    if (box.sizes[axis] <= 1) box.steps[axis] = 1;
    if (box.sizes[axis] === 0) box.starts[axis] = 0;
  });
  return slice(x, box);
}

function writeSlice(w: Writing, node: Node): void {
  const { starts, steps, sizes } = node.attrs as SliceAttrs;
  const x = node.inputs[0] as Value;
  const axes = x.shape.map((_, i) => i).filter((i) => sizes[i] !== x.shape[i] || steps[i] !== 1);
  const ends = axes.map((i) => {
    const end = starts[i] + sizes[i] * steps[i];
    return end < 0 ? -(2 ** 31) : end;
  });
  const list = (values: readonly number[]) => w.integers(values, 'slice');
  const inputs = [
    w.name(x),
    list(axes.map((i) => starts[i])),
    list(ends),
    list(axes),
    list(axes.map((i) => steps[i])),
  ];
  if (axes.length) w.emit('Slice', inputs, node);
  else w.emit('Identity', [w.name(x)], node);
}

/** Attributes up to opset 10, inputs from 11 on; axes from 18 on. */
function readPad(r: Reading): Value {
  const x = r.x(0);
  const rank = x.shape.length;
  const pads = r.list('pads', 1) ?? r.ints('paddings') ?? [];
  const axes = r.axes(r.numbers(3) ?? x.shape.map((_, i) => i), rank);
  check(pads.length === 2 * axes.length, 'shape', () => `[${pads}] are not two numbers for each axis.`);
  const before = x.shape.map(() => 0);
  const after = x.shape.map(() => 0);
  axes.forEach((axis, i) => {
    before[axis] = pads[i];
    after[axis] = pads[axes.length + i];
  });
  checkedShape(x.shape.map((d, i) => d + before[i] + after[i]));
  const mode = r.string('mode', 'constant');
  if (mode !== 'constant') return padByIndex(r, x, mode, before, after);
  const value = r.opset < 11 ? r.float('value', 0) : r.number(2, 0);
  if (x.dtype === 'i32' && value !== 0) r.fail('integers can only be padded with 0.');
  return pad(x, before, after, value);
}

interface PlaceAttrs extends SliceAttrs {
  readonly shape: Shape;
  readonly value: number;
}

function writePad(w: Writing, node: Node): void {
  const { starts, steps, sizes, shape, value } = node.attrs as PlaceAttrs;
  if (steps.some((s) => s !== 1)) {
    throw new LensletError('unsupported', 'Export: spreading with steps has no operator in ONNX.');
  }
  const pads = [...starts, ...shape.map((d, i) => d - starts[i] - sizes[i])];
  w.emit('Pad', [w.name(node.inputs[0]), w.integers(pads, 'pads'), w.scalar(value)], node);
}

function readExpand(r: Reading): Value {
  const x = r.x(0);
  const wanted = checkedShape(r.numbers(1) ?? []);
  return expand(x, checkedShape(broadcastShapes(x.shape, wanted)));
}

function writeExpand(w: Writing, node: Node): void {
  const [x, y] = [node.inputs[0] as Value, node.outputs[0]];
  const lead = y.shape.length - x.shape.length;
  // 1 leaves a dimension as it is.
  const shape = w.shape(y).map((d, i) => (i >= lead && x.shape[i - lead] === y.shape[i] ? 1 : d));
  if (shape.some((d) => d < 0)) {
    throw new LensletError(
      'unsupported',
      'Export: a tensor is stretched over the batch; give a fixed batch size.',
    );
  }
  w.emit('Expand', [w.name(x), w.integers(shape, 'shape')], node);
}

function readGather(r: Reading): Value {
  const x = r.x(0);
  return gather(x, r.x(1), r.axis(r.int('axis', 0), x.shape.length));
}

const readArg = (name: 'argmax' | 'argmin') => (r: Reading) => {
  const x = cast(r.x(0), 'f32');
  const axis = r.axis(r.int('axis', 0), x.shape.length);
  return argReduce(name, x, axis, r.int('keepdims', 1) !== 0, r.int('select_last_index', 0) !== 0);
};

/** [N, C·b², H, W] ↔ [N, C, H·b, W·b]. */
function readDepthToSpace(r: Reading): Value {
  const x = r.x(0);
  const [n, c, h, w] = x.shape;
  const b = r.int('blocksize', 1);
  check(
    x.shape.length === 4 && b > 0 && c % (b * b) === 0,
    'shape',
    () => `[${x.shape}] has no blocks of ${b}×${b}.`,
  );
  const channels = c / (b * b);
  const crd = r.string('mode', 'DCR') === 'CRD';
  const split = reshape(x, crd ? [n, channels, b, b, h, w] : [n, b, b, channels, h, w]);
  return reshape(transpose(split, crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]), [
    n,
    channels,
    h * b,
    w * b,
  ]);
}

function readSpaceToDepth(r: Reading): Value {
  const x = r.x(0);
  const [n, c, h, w] = x.shape;
  const b = r.int('blocksize', 1);
  check(
    x.shape.length === 4 && b > 0 && h % b === 0 && w % b === 0,
    'shape',
    () => `[${x.shape}] has no blocks of ${b}×${b}.`,
  );
  const split = reshape(x, [n, c, h / b, b, w / b, b]);
  const crd = r.string('mode', 'DCR') === 'CRD';
  return reshape(transpose(split, crd ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]), [
    n,
    c * b * b,
    h / b,
    w / b,
  ]);
}

function readTile(r: Reading): Value {
  const x = r.x(0);
  const repeats = r.numbers(1) ?? [];
  check(
    repeats.length === x.shape.length,
    'shape',
    () => `[${repeats}] are not one number for each dimension.`,
  );
  checkedShape(repeats);
  checkedShape(x.shape.map((d, i) => d * repeats[i]));
  return repeats.reduce((y, n, axis) => {
    if (n === 1) return y;
    const [lead, rest] = [y.shape.slice(0, axis), y.shape.slice(axis)];
    const joined = [...lead, n * rest[0], ...rest.slice(1)];
    return reshape(
      expand(reshape(y, [sizeOf(lead), 1, sizeOf(rest)]), [sizeOf(lead), n, sizeOf(rest)]),
      joined,
    );
  }, x);
}

export const shapeRows: Rows = {
  Constant: { read: readConstant },
  ConstantOfShape: { read: readConstantOfShape },
  Shape: { read: readShape },
  Size: {
    read: (r) => r.constant({ dtype: 'i32', shape: [], data: Int32Array.of(sizeOf(r.x(0).shape)) }),
  },
  Identity: {
    read: (r) => r.x(0),
    write: { identity: (w, node) => w.emit('Identity', [w.name(node.inputs[0])], node) },
  },
  Reshape: { read: readReshape, write: { reshape: writeReshape } },
  Flatten: { read: readFlatten },
  Squeeze: { read: readSqueeze },
  Unsqueeze: { read: readUnsqueeze },
  Transpose: {
    read: readTranspose,
    write: {
      transpose: (w, node) =>
        w.emit('Transpose', [w.name(node.inputs[0])], node, {
          perm: (node.attrs as { perm: readonly number[] }).perm,
        }),
    },
  },
  Concat: {
    read: readConcat,
    write: {
      concat: (w, node) =>
        w.emit(
          'Concat',
          node.inputs.map((x) => w.name(x)),
          node,
          { axis: (node.attrs as { axis: number }).axis },
        ),
    },
  },
  Split: { read: readSplit },
  Slice: { read: readSlice, write: { slice: writeSlice } },
  Pad: { read: readPad, write: { pad: writePad } },
  Expand: { read: readExpand, write: { expand: writeExpand } },
  Tile: { read: readTile },
  Gather: { read: readGather },
  ArgMax: { read: readArg('argmax') },
  ArgMin: { read: readArg('argmin') },
  DepthToSpace: { read: readDepthToSpace },
  SpaceToDepth: { read: readSpaceToDepth },
};
