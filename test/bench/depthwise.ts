/** Depthwise convolutions and both gradients: npx rolldown test/bench/depthwise.ts -p node -f esm -o build/bench/depthwise.mjs && node build/bench/depthwise.mjs [binary] */

import type { ConvAttrs } from '../../src/ops/conv-shape.ts';
import { conv2dFilterGradOp, conv2dInputGradOp, conv2dOp } from '../../src/ops/conv2d.ts';
import { type Binary, Machine } from './gemm-machine.ts';

const machine = new Machine((process.argv[2] ?? 'relaxed') as Binary);

for (const [n, c, size, k, stride] of [
  [1, 32, 112, 3, 1],
  [1, 96, 112, 3, 2],
  [1, 384, 14, 3, 1],
  [1, 240, 14, 5, 1],
  [16, 64, 16, 3, 1],
  [16, 64, 16, 3, 2],
]) {
  const p = (k - 1) / 2;
  const attrs: ConvAttrs = { stride: [stride, stride], padding: [p, p, p, p], dilation: [1, 1], groups: c };
  const [x, w, b] = [machine.random(n, c, size, size), machine.random(c, 1, k, k), machine.random(c)];
  const out = Math.floor((size - 1) / stride) + 1;
  const dy = machine.random(n, c, out, out);
  const macs = n * c * out * out * k * k;
  const name = `${n}×${c} ${size}² ${k}×${k}/${stride}`;
  machine.time(name, conv2dOp, [x, w, b], attrs, macs);
  machine.time(`${name} dX`, conv2dInputGradOp, [dy, w], { ...attrs, size: [size, size] }, macs);
  machine.time(`${name} dW`, conv2dFilterGradOp, [x, dy], { ...attrs, kernel: [k, k] }, macs);
}
