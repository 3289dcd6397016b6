/** What has to run for one graph: the nodes, the results and the variables' next values. */
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { OpDef } from '../ir/op.ts';
import { identityOp } from '../ops/shape.ts';
import { simplify } from './simplify.ts';
import { hoistUpdates, rootOf } from './updates.ts';

export interface Program {
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, Value>;
  /** Variable name → next value; variables that keep theirs are left out. */
  readonly updates: ReadonlyMap<string, Value>;
}

/**
 * The simplified graph. Values never change, but variables do at the end of a run: a result or a next value that
 * is the old value of such a variable (an exchange of two variables, say) is copied before anything else.
 */
export function programOf(graph: Graph): Program {
  const changes = new Map([...graph.updates].filter(([name, v]) => v !== graph.variables.get(name)?.value));
  const saves = new Map<Value, Value>();
  const nodes: Node[] = [];
  const keep = (v: Value): Value => {
    const root = rootOf(v);
    if (root.source.kind !== 'variable' || !changes.has(root.source.name)) return v;
    const saved = saves.get(v) ?? copyOf(root, v);
    saves.set(v, saved);
    return saved;
  };
  const copyOf = (from: Value, as: Value): Value => {
    const outputs: Value[] = [];
    const node: Node = { id: -1, op: identityOp as OpDef<unknown>, inputs: [from], attrs: null, outputs };
    outputs.push({ ...as, id: -1, source: { kind: 'node', node, index: 0 } });
    nodes.push(node);
    return outputs[0];
  };
  const kept = (values: Iterable<readonly [string, Value]>) =>
    new Map([...values].map(([name, v]) => [name, keep(v)]));
  const outputs = kept(graph.outputs);
  const updates = kept(changes);
  return { nodes: hoistUpdates([...nodes, ...simplify(graph)], updates), outputs, updates };
}
