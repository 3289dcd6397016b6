/** ONNX's own test cases, where they are, and small ones made here, on every backend. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { verify } from '../../cli/commands/verify.ts';
import { encodeTensor, type NodeProto, type Partially } from '../../src/io/onnx/proto.ts';
import { file, floats, node } from '../onnx/make.ts';
import { refused } from '../onnx/refused.ts';
import { webgpuBackend } from '../op.ts';

const folder = join(process.env.LENSLET_DATA ?? '../shared/data', '..', 'reference', 'onnx-node');

/** Values with the shape they have. */
type Values = readonly [dims: readonly number[], data: readonly number[]];

const made = mkdtempSync(join(tmpdir(), 'lenslet-onnx-'));
afterAll(() => rmSync(made, { recursive: true }));

function write(
  name: string,
  nodes: readonly Partially<NodeProto>[],
  x: Values,
  y: Values,
  weights = {},
): void {
  const data = join(made, name, 'test_data_set_0');
  mkdirSync(data, { recursive: true });
  const initializers = Object.entries<Values>(weights).map(([w, values]) => floats(w, ...values));
  writeFileSync(join(made, name, 'model.onnx'), file(nodes, { inputs: { x: x[0] }, initializers }));
  writeFileSync(join(data, 'input_0.pb'), encodeTensor(floats('x', ...x)));
  writeFileSync(join(data, 'output_0.pb'), encodeTensor(floats('y', ...y)));
}

const sixteen: Values = [[1, 1, 4, 4], Array.from({ length: 16 }, (_, i) => i)];

write('clip', [node('Clip', ['x', 'low', 'high'], 'y')], [[5], [-3, -1, 0, 1, 3]], [[5], [-1, -1, 0, 1, 2]], {
  low: [[], [-1]],
  high: [[], [2]],
});
// min(max(x, 2), 1) is 1 everywhere.
write(
  'clip_low_above_high',
  [node('Clip', ['x', 'low', 'high'], 'y')],
  [[3], [-3, 1.5, 3]],
  [[3], [1, 1, 1]],
  {
    low: [[], [2]],
    high: [[], [1]],
  },
);
write(
  'conv',
  [node('Conv', ['x', 'w', 'b'], 'y', { kernel_shape: [3, 3] })],
  sixteen,
  [
    [1, 1, 2, 2],
    [46, 55, 82, 91],
  ],
  {
    w: [[1, 1, 3, 3], Array(9).fill(1)],
    b: [[1], [1]],
  },
);
write('pool', [node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2] })], sixteen, [
  [1, 1, 2, 2],
  [5, 7, 13, 15],
]);
write(
  'gemm',
  [node('Gemm', ['x', 'w'], 'y', { transB: 1 })],
  [
    [2, 3],
    [1, 2, 3, 4, 5, 6],
  ],
  [
    [2, 2],
    [4, 2, 10, 5],
  ],
  {
    w: [
      [2, 3],
      [1, 0, 1, 0, 1, 0],
    ],
  },
);
write(
  'softmax',
  [node('Softmax', ['x'], 'y')],
  [
    [1, 4],
    [7, 7, 7, 7],
  ],
  [[1, 4], Array(4).fill(0.25)],
);

const gpu = (await webgpuBackend()) ? (['webgpu', 'auto'] as const) : [];

for (const backend of ['wasm', 'reference', ...gpu] as const) {
  const run = async (dir: string) => {
    const failures: string[] = [];
    const print = (line: string) => void (line.startsWith('FAIL') && failures.push(line));
    return { ...(await verify([dir], { backend, threads: 2, print })), failures };
  };

  it(`small cases on ${backend}`, async () => {
    expect(await run(made)).toEqual({ passed: readdirSync(made).length, failed: 0, failures: [] });
  });

  it.runIf(existsSync(folder))(`ONNX's own test cases on ${backend}`, async () => {
    const { passed, failed, failures } = await run(folder);
    const surprises = failures.filter((line) => {
      const name = /^FAIL {2}([\w]+)/.exec(line)?.[1] ?? '';
      return !refused[name]?.test(line);
    });
    expect(surprises).toEqual([]);
    expect(failed).toBe(Object.keys(refused).length);
    expect(passed).toBe(readdirSync(folder).length - failed);
  });
}
