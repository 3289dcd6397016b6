/** How long a plan takes on a backend, measured on copies of its variables. */
import type { Backend } from '../backend.ts';
import { LensletError } from '../core/error.ts';
import { hashString } from '../core/random.ts';
import { showType, type Tensor } from '../core/tensor.ts';
import type { Graph } from '../ir/graph.ts';

const RUNS = 5;
/** No more runs after so many milliseconds. */
const PATIENCE = 500;

/** The shortest of some warm runs in milliseconds; null where the plan does not fit or cannot run there. */
export async function measure(
  backend: Backend,
  graph: Graph,
  variables: ReadonlyMap<string, Tensor>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<number | null> {
  const store = backend.createStore();
  try {
    for (const { spec } of graph.variables.values()) store.add(spec);
    for (const [name, value] of variables) await store.write(name, value);
    const executable = await backend.load(graph, store);
    try {
      await executable.run(feeds);
      let best = Number.POSITIVE_INFINITY;
      const begin = performance.now();
      for (let i = 0; i < RUNS && performance.now() - begin < PATIENCE; i++) {
        const start = performance.now();
        await executable.run(feeds);
        best = Math.min(best, performance.now() - start);
      }
      return best;
    } finally {
      executable.dispose();
    }
  } catch (error) {
    if (error instanceof LensletError && ['memory', 'unsupported', 'kernel', 'device'].includes(error.code))
      return null;
    throw error;
  } finally {
    store.dispose();
  }
}

/** A number for a graph's operators, types and attributes: equal graphs have equal ones. */
export function fingerprint(graph: Graph): string {
  const inputs = [...graph.inputs].map(([name, type]) => `${name} ${showType(type)}`);
  const nodes = graph.nodes.map((n) => `${n.op.name} ${JSON.stringify(n.attrs)} ${n.outputs.map(showType)}`);
  return hashString([...inputs, ...nodes].join('\n'))
    .toString(16)
    .padStart(8, '0');
}
