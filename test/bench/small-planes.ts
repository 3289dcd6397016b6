/**
 * The convolutions of an Inception of CIFAR's size and both gradients, 64 images of few channels on small planes:
 * npx rolldown test/bench/small-planes.ts -p node -f esm -o build/bench/small-planes.mjs && node build/bench/small-planes.mjs [binary] [file]
 */
import { sizeOf } from '../../src/core/tensor.ts';
import type { ConvAttrs } from '../../src/ops/conv-shape.ts';
import { conv2dFilterGradOp, conv2dInputGradOp, conv2dOp } from '../../src/ops/conv2d.ts';
import { type Binary, Machine } from './gemm-machine.ts';

const [binary = 'relaxed', file] = process.argv.slice(2);
const machine = new Machine(binary as Binary, file);
const N = 64;

/** Input and output channels, kernel, size of the images, stride; padded where the stride is 1. */
for (const [c, m, kh, kw, size, stride] of [
  [24, 8, 1, 1, 32, 1],
  [36, 8, 1, 1, 32, 1],
  [3, 24, 3, 3, 32, 1],
  [8, 12, 3, 3, 32, 1],
  [12, 12, 3, 3, 32, 1],
  [6, 8, 5, 5, 32, 1],
  [36, 48, 3, 3, 32, 2],
  [12, 12, 3, 3, 32, 2],
  [96, 24, 1, 1, 15, 1],
  [96, 20, 1, 1, 15, 1],
  [20, 20, 1, 7, 15, 1],
  [20, 20, 7, 1, 15, 1],
  [24, 24, 1, 7, 15, 1],
  [24, 24, 7, 1, 15, 1],
  [24, 40, 3, 3, 15, 2],
  [160, 48, 1, 1, 7, 1],
  [48, 48, 1, 3, 7, 1],
  [48, 48, 3, 1, 7, 1],
]) {
  const [ph, pw] = stride === 1 ? [(kh - 1) / 2, (kw - 1) / 2] : [0, 0];
  const attrs: ConvAttrs = {
    stride: [stride, stride],
    padding: [ph, pw, ph, pw],
    dilation: [1, 1],
    groups: 1,
  };
  const [x, w] = [machine.random(N, c, size, size), machine.random(m, c, kh, kw)];
  const [y] = conv2dOp.infer([x, w, null], attrs);
  const dy = machine.random(...y.shape);
  const macs = sizeOf(y.shape) * c * kh * kw;
  const name = `${kh}×${kw}/${stride} ${c}→${m} ${size}²`;
  machine.time(name, conv2dOp, [x, w, null], attrs, macs);
  machine.time(`${name} dX`, conv2dInputGradOp, [dy, w], { ...attrs, size: [size, size] }, macs);
  machine.time(`${name} dW`, conv2dFilterGradOp, [x, dy], { ...attrs, kernel: [kh, kw] }, macs);
}
console.log(`all: ${machine.total().toFixed(2)} ms`);
