/** Reverse-mode differentiation: one walk back over the nodes, emitting the gradient as nodes of the same graph. */
import { check } from '../core/error.ts';
import { sizeOf, tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { noGrad } from '../ir/op.ts';
import { add } from '../ops/binary.ts';

/**
 * Gradients of a scalar with respect to values of its graph, by value; a value on which `loss` does not depend
 * is absent.
 * @throws LensletError when `loss` is not a scalar, or an operator on the way has no gradient
 */
export function gradients(loss: Value, wrt: readonly Value[]): Map<Value, Value> {
  check(sizeOf(loss.shape) === 1, 'shape', () => `The loss must be one number, not [${loss.shape}].`);
  const { graph } = loss;
  const needed = dependents(wrt, loss);
  const grads = new Map<Value, Value>([[loss, graph.constant(tensor(loss.shape, new Float32Array([1])))]]);
  // Only nodes that exist now: the walk itself appends.
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((y) => needed.has(y))) continue;
    const dOut = node.outputs.map((y) => grads.get(y) ?? null);
    if (dOut.every((d) => d === null)) continue;
    check(
      node.op.grad !== noGrad,
      'unsupported',
      () => `The loss depends on the parameters through "${node.op.name}", which has no gradient.`,
    );
    const dIn = node.op.grad(node, dOut);
    node.inputs.forEach((x, k) => {
      const d = dIn[k];
      if (!x || !d || !needed.has(x)) return;
      const sum = grads.get(x);
      grads.set(x, sum ? add(sum, d) : d);
    });
  }
  return new Map(wrt.filter((v) => grads.has(v)).map((v) => [v, grads.get(v) as Value]));
}

/** All values computed from any of `sources`, themselves included, up to `last`. */
function dependents(sources: readonly Value[], last: Value): Set<Value> {
  const found = new Set(sources);
  for (const node of last.graph.nodes) {
    if (node.inputs.some((x) => x && found.has(x))) for (const y of node.outputs) found.add(y);
  }
  return found;
}
