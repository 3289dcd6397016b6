import { expect, test } from 'vitest';
import type { Backend, Executable } from '../../src/backend.ts';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { zeros } from '../../src/nn/init.ts';
import { add } from '../../src/ops/binary.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { createBackend } from '../../workers/node.ts';

/** sum += x, output "sum". */
async function accumulator(backend: Backend): Promise<Executable> {
  const graph = new Graph();
  const spec = { name: 'sum', shape: [3], init: zeros, role: 'buffer', parameters: 0 } as const;
  const sum = graph.variable(spec);
  const next = add(sum, graph.input('x', { dtype: 'f32', shape: [3] }));
  graph.update(sum, next);
  graph.output('sum', next);
  const store = backend.createStore();
  store.add(spec);
  return backend.load(graph, store);
}

test.each([
  ['reference', async () => new ReferenceBackend()],
  ['wasm', async () => createBackend({ threads: 2 })],
])('%s: replays with the inputs of the last run, results are read when asked for', async (_, create) => {
  const backend = await create();
  try {
    const executable = await accumulator(backend);
    await expect(executable.replay()).rejects.toMatchObject({ code: 'unknown' });
    const x = tensor([3], [1, 2, 3]);
    await executable.run({ x });
    x.data.fill(100);
    await executable.replay();
    await executable.replay();
    const { sum } = await executable.results();
    expect([...sum.data]).toEqual([3, 6, 9]);
    sum.data.fill(0);
    expect([...(await executable.results()).sum.data]).toEqual([3, 6, 9]);
  } finally {
    backend.dispose();
  }
});
