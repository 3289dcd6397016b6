/** Order of a graph's nodes, found from its outputs back. */
import { check, LensletError } from '../../core/error.ts';
import type { GraphProto, NodeProto } from './proto.ts';
import { describe } from './reading.ts';

/** Nodes by the names of their outputs. @throws LensletError 'format' when two nodes make one name */
export function producersOf(graph: GraphProto): Map<string, NodeProto> {
  const producers = new Map<string, NodeProto>();
  for (const node of graph.node) {
    for (const name of node.output) {
      if (!name) continue;
      const other = producers.get(name);
      check(
        !other,
        'format',
        () => `ONNX: ${describe(node)} and ${describe(other as NodeProto)} both make "${name}".`,
      );
      producers.set(name, node);
    }
  }
  return producers;
}

/**
 * The nodes that the outputs need, each after those it reads from.
 * @param given names of inputs and initialisers
 * @throws LensletError 'format' for cycles and for names that nothing makes
 */
export function orderNodes(
  producers: ReadonlyMap<string, NodeProto>,
  given: ReadonlySet<string>,
  outputs: readonly string[],
): NodeProto[] {
  const order: NodeProto[] = [];
  const state = new Map<NodeProto, 'open' | 'done'>();
  const find = (name: string, reader: string): NodeProto | null => {
    if (!name || given.has(name)) return null;
    const node = producers.get(name);
    if (node) return node;
    throw new LensletError('format', `ONNX: ${reader} reads "${name}", which nothing in the file makes.`);
  };
  // A stack of its own: files can be deeper than the call stack.
  const stack: { readonly node: NodeProto; next: number }[] = [];
  const enter = (node: NodeProto | null) => {
    if (!node || state.get(node) === 'done') return;
    check(!state.has(node), 'format', () => `ONNX: the network has a cycle through ${describe(node)}.`);
    state.set(node, 'open');
    stack.push({ node, next: 0 });
  };
  for (const output of outputs) {
    enter(find(output, 'the list of outputs'));
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { node } = top;
      if (top.next < node.input.length) {
        enter(find(node.input[top.next++], describe(node)));
      } else {
        state.set(node, 'done');
        order.push(node);
        stack.pop();
      }
    }
  }
  return order;
}
