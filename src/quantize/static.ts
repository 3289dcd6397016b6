/** Values that depend on variables and constants alone, computed without a backend. */
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';

/** Whether no input of the graph is behind a value. */
export function staticValues(): (v: Value) => boolean {
  const known = new Map<Value, boolean>();
  const isStatic = (v: Value): boolean => {
    let answer = known.get(v);
    if (answer === undefined) {
      const { source } = v;
      answer =
        source.kind === 'variable' ||
        source.kind === 'constant' ||
        (source.kind === 'node' && source.node.inputs.every((x) => !x || isStatic(x)));
      known.set(v, answer);
    }
    return answer;
  };
  return isStatic;
}

/** Computes such a value by the references of its operators. */
export function evaluate(v: Value, variable: (name: string) => Tensor): Tensor {
  const { source } = v;
  switch (source.kind) {
    case 'constant':
      return source.tensor;
    case 'variable':
      return variable(source.name);
    case 'input':
      throw new Error(`"${source.name}" is an input.`);
    case 'node': {
      const { op, inputs, attrs, outputs } = source.node;
      const results = outputs.map((y) => tensor(y.shape, undefined, y.dtype));
      op.reference(
        inputs.map((x) => x && evaluate(x, variable)),
        results,
        attrs,
      );
      return results[source.index];
    }
  }
}

/** Name of the first variable behind a value. */
export function firstVariable(v: Value): string | undefined {
  const { source } = v;
  if (source.kind === 'variable') return source.name;
  if (source.kind !== 'node') return undefined;
  for (const x of source.node.inputs) {
    const name = x && firstVariable(x);
    if (name) return name;
  }
  return undefined;
}
