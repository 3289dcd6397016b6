/** Matrix products and linear layers: npx rolldown test/bench/gemm.ts -p node -f esm -o build/bench/gemm.mjs && node build/bench/gemm.mjs [binary] */
import { linearOp, matmulOp } from '../../src/ops/matmul.ts';
import { type Binary, Machine } from './gemm-machine.ts';

const machine = new Machine((process.argv[2] ?? 'relaxed') as Binary);
for (const s of [64, 128, 256, 512, 1024]) {
  for (const transB of [false, true]) {
    const inputs = [machine.random(s, s), machine.random(s, s)];
    machine.time(`matmul ${s}³${transB ? ' · bᵀ' : ''}`, matmulOp, inputs, { transA: false, transB }, s ** 3);
  }
}
for (const [n, i, o] of [
  [1, 400, 120],
  [1, 120, 84],
  [1, 9216, 4096],
  [8, 512, 1000],
  [64, 400, 120],
  [64, 120, 84],
  [32, 4096, 1024],
  [128, 1024, 1024],
]) {
  const [x, w, b, dy] = [machine.random(n, i), machine.random(o, i), machine.random(o), machine.random(n, o)];
  machine.time(`linear ${n}×${i}→${o}`, linearOp, [x, w, b], {}, n * i * o);
  machine.time(`linear ${n}×${i}→${o} dX`, matmulOp, [dy, w], { transA: false, transB: false }, n * i * o);
  machine.time(`linear ${n}×${i}→${o} dW`, matmulOp, [dy, x], { transA: true, transB: false }, n * i * o);
}
