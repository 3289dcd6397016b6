/** Pooling of bytes [N,H,W,C]; no gradients. Attributes as of the f32 operators, dilation and ceil mode left out. */
import { PoolKind } from '../../as/kinds.ts';
import { Layout, Opcode } from '../../as/protocol.ts';
import { check } from '../core/error.ts';
import { showType, type TensorType } from '../core/tensor.ts';
import { apply1, type Node, type Value } from '../ir/graph.ts';
import { f32, i32, read, type WasmKernel, write } from '../ir/kernel.ts';
import { defineOp, noGrad } from '../ir/op.ts';
import {
  checkQuantized,
  checkScale,
  fround,
  int8Type,
  noWebgpu,
  type Quantization,
  toByte,
} from './quantization.ts';

export interface QlinearPoolAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** top, left, bottom, right; smaller than the kernel. */
  readonly padding: readonly [number, number, number, number];
  readonly x: Quantization;
}

export interface QlinearAveragePoolAttrs extends QlinearPoolAttrs {
  /** Scale of the result; type and zero point are those of x. */
  readonly scale: number;
  /** Whether padding counts into the divisor. */
  readonly countIncludePad: boolean;
}

function infer(name: string, x: TensorType, a: QlinearPoolAttrs): TensorType[] {
  checkQuantized(name, 'input', x, a.x);
  check(x.shape.length === 4, 'shape', () => `${name} takes [N×H×W×C], not ${showType(x)}.`);
  const [n, h, w, c] = x.shape;
  const [t, l, b, r] = a.padding;
  const [kh, kw] = a.kernel;
  check(
    [kh, kw, ...a.stride].every((v) => Number.isInteger(v) && v > 0) &&
      a.padding.every((v, i) => Number.isInteger(v) && v >= 0 && v < (i % 2 ? kw : kh)),
    'shape',
    () =>
      `${name}: kernel [${a.kernel}], stride [${a.stride}] and padding [${a.padding}] do not fit together.`,
  );
  const oh = Math.floor((h + t + b - kh) / a.stride[0]) + 1;
  const ow = Math.floor((w + l + r - kw) / a.stride[1]) + 1;
  check(oh > 0 && ow > 0, 'shape', () => `${name}: a ${kh}×${kw} window does not fit into ${showType(x)}.`);
  return [{ dtype: x.dtype, shape: [n, oh, ow, c] }];
}

/** Calls back for each output element with those of its window that are inside the image. */
function forWindows(
  x: TensorType,
  y: TensorType,
  a: QlinearPoolAttrs,
  visit: (o: number, window: number[]) => void,
) {
  const [, h, w, c] = x.shape;
  const [n, oh, ow] = y.shape;
  const inside = (o: number, stride: number, before: number, kernel: number, size: number) =>
    Array.from({ length: kernel }, (_, k) => o * stride - before + k).filter((v) => v >= 0 && v < size);
  for (let o = 0; o < n * oh * ow * c; o++) {
    const [k, ox, oy] = [o % c, Math.floor(o / c) % ow, Math.floor(o / (c * ow)) % oh];
    const image = Math.floor(o / (c * ow * oh));
    const ys = inside(oy, a.stride[0], a.padding[0], a.kernel[0], h);
    const xs = inside(ox, a.stride[1], a.padding[1], a.kernel[1], w);
    visit(
      o,
      ys.flatMap((iy) => xs.map((ix) => ((image * h + iy) * w + ix) * c + k)),
    );
  }
}

/** Rows of a window, so that sums fit into 16 bits (as/int8-pool.ts). */
const MOST_ROWS = 128;

function kernel(
  { inputs: [x], outputs: [y], attrs: a }: Node<QlinearPoolAttrs>,
  kind: PoolKind,
  includePad: boolean,
  factor: number,
): WasmKernel[] {
  const [n, h, w, c] = x!.shape;
  const [, oh, ow] = y.shape;
  check(
    a.kernel[0] <= MOST_ROWS && 2 * w * c + 16 <= Layout.SCRATCH_BYTES,
    'unsupported',
    () =>
      `Pooling of ${showType(x!)} with a ${a.kernel.join('×')} window: at most ${MOST_ROWS} rows and ${Layout.SCRATCH_BYTES / 2} bytes a row are possible.`,
  );
  const shape = [kind, n, c, h, w, oh, ow, ...a.kernel, ...a.stride, a.padding[0], a.padding[1]];
  const words = [...shape, int8Type(a.x), includePad ? 1 : 0, a.x.zeroPoint].map(i32);
  return [{ opcode: Opcode.INT8_POOL, tiles: n * oh, args: [read(x!), write(y), ...words, f32(factor)] }];
}

/** Maxima; scale and zero point stay. */
export const qlinearMaxPoolOp = defineOp<QlinearPoolAttrs>({
  name: 'qlinear_max_pool',
  infer: ([x], a) => infer('qlinear_max_pool', x!, a),
  grad: noGrad,
  reference: ([x], [y], a) =>
    forWindows(x!, y, a, (o, window) => {
      y.data[o] = Math.max(...window.map((i) => x!.data[i]));
    }),
  webgpu: noWebgpu,
  wasm: (node) => kernel(node, PoolKind.MAX, false, 1),
});

/** Means; also of whole images. */
export const qlinearAveragePoolOp = defineOp<QlinearAveragePoolAttrs>({
  name: 'qlinear_average_pool',
  infer([x], a) {
    checkScale('qlinear_average_pool', 'result', a.scale);
    return infer('qlinear_average_pool', x!, a);
  },
  grad: noGrad,
  reference([x], [y], a) {
    const factor = fround(a.x.scale / a.scale);
    forWindows(x!, y, a, (o, window) => {
      const divisor = a.countIncludePad ? a.kernel[0] * a.kernel[1] : window.length;
      const sum = window.reduce((s, i) => s + x!.data[i] - a.x.zeroPoint, 0);
      y.data[o] = toByte(fround(fround(sum) * fround(factor / divisor)), a.x);
    });
  },
  webgpu: noWebgpu,
  wasm: (node) =>
    kernel(node, PoolKind.AVERAGE, node.attrs.countIncludePad, node.attrs.x.scale / node.attrs.scale),
});

export const qlinearMaxPool = (x: Value, attrs: QlinearPoolAttrs): Value =>
  apply1(qlinearMaxPoolOp, [x], attrs);
export const qlinearAveragePool = (x: Value, attrs: QlinearAveragePoolAttrs): Value =>
  apply1(qlinearAveragePoolOp, [x], attrs);
