/** Convolutions and both gradients: npx rolldown test/bench/conv.ts -p node -f esm -o build/bench/conv.mjs && node build/bench/conv.mjs [binary] */
import { sizeOf } from '../../src/core/tensor.ts';
import type { ConvAttrs } from '../../src/ops/conv-shape.ts';
import { conv2dFilterGradOp, conv2dInputGradOp, conv2dOp } from '../../src/ops/conv2d.ts';
import { linearOp, matmulOp } from '../../src/ops/matmul.ts';
import { type Binary, Machine } from './gemm-machine.ts';

const machine = new Machine((process.argv[2] ?? 'relaxed') as Binary);

interface Layer {
  /** x is N × C × size × size. */
  readonly x: readonly [n: number, c: number, size: number];
  /** Output channels and kernel size. */
  readonly w: readonly [m: number, k: number];
  readonly stride?: number;
  readonly padding?: number;
}

function layer(
  name: string,
  { x: [n, c, size], w: [m, k], stride = 1, padding = 0 }: Layer,
  inputGrad = true,
): void {
  const p = padding;
  const attrs: ConvAttrs = { stride: [stride, stride], padding: [p, p, p, p], dilation: [1, 1], groups: 1 };
  const [x, w, b] = [machine.random(n, c, size, size), machine.random(m, c, k, k), machine.random(m)];
  const [y] = conv2dOp.infer([x, w, b], attrs);
  const dy = machine.random(...y.shape);
  const macs = sizeOf(y.shape) * c * k * k;
  machine.time(`${name} static`, conv2dOp, [x, w, b], attrs, macs, true);
  machine.time(name, conv2dOp, [x, w, b], attrs, macs);
  if (inputGrad)
    machine.time(`${name} dX`, conv2dInputGradOp, [dy, w], { ...attrs, size: [size, size] }, macs);
  machine.time(`${name} dW`, conv2dFilterGradOp, [x, dy], { ...attrs, kernel: [k, k] }, macs);
}

layer('LeNet-5 C1', { x: [64, 1, 32], w: [6, 5] }, false);
layer('LeNet-5 C3', { x: [64, 6, 14], w: [16, 5] });
layer('LeNet-5 C5', { x: [64, 16, 5], w: [120, 5] });
for (const [i, o] of [
  [120, 84],
  [84, 10],
]) {
  const [x, w, b, dy] = [
    machine.random(64, i),
    machine.random(o, i),
    machine.random(o),
    machine.random(64, o),
  ];
  machine.time(`linear ${i}→${o}`, linearOp, [x, w, b], {}, 64 * i * o);
  machine.time(`linear ${i}→${o} dX`, matmulOp, [dy, w], { transA: false, transB: false }, 64 * i * o);
  machine.time(`linear ${i}→${o} dW`, matmulOp, [dy, x], { transA: true, transB: false }, 64 * i * o);
}
console.log(`LeNet-5, batch 64, all of the above: ${machine.total().toFixed(2)} ms\n`);

layer('3×3 3→16 32²', { x: [32, 3, 32], w: [16, 3], padding: 1 });
layer('3×3 16 32²', { x: [32, 16, 32], w: [16, 3], padding: 1 });
layer('3×3 32 16²', { x: [32, 32, 16], w: [32, 3], padding: 1 });
layer('3×3 64 8²', { x: [32, 64, 8], w: [64, 3], padding: 1 });
layer('3×3/2 16→32 32²', { x: [32, 16, 32], w: [32, 3], stride: 2, padding: 1 });
layer('3×3 64 56²', { x: [1, 64, 56], w: [64, 3], padding: 1 });
layer('1×1 256→64 56²', { x: [1, 256, 56], w: [64, 1] });
layer('7×7/2 3→64 224²', { x: [1, 3, 224], w: [64, 7], stride: 2, padding: 3 });
layer('3×3 128 28²', { x: [1, 128, 28], w: [128, 3], padding: 1 });
layer('3×3 256 14²', { x: [1, 256, 14], w: [256, 3], padding: 1 });
layer('3×3 512 7²', { x: [1, 512, 7], w: [512, 3], padding: 1 });
for (const [c, size] of [
  [64, 56],
  [128, 28],
  [256, 14],
  [512, 7],
]) {
  layer(`3×3 ${c} ${size}², batch 8`, { x: [8, c, size], w: [c, 3], padding: 1 });
}
layer('11×11/4 3→64 224²', { x: [1, 3, 224], w: [64, 11], stride: 4, padding: 2 });
