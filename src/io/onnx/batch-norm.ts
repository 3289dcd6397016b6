/** Finds the batch normalisation that a by-channel scale and shift in a graph stands for. */
import type { Node, Value } from '../../ir/graph.ts';
import type { UnaryAttrs } from '../../ops/elementwise.ts';

interface BatchNorm {
  readonly x: Value;
  readonly gamma: Value;
  readonly beta: Value;
  readonly mean: Value;
  readonly variance: Value;
  readonly eps: number;
}

/** The node that makes the value, if it is that operator's. */
function maker(value: Value | null | undefined, op: string): Node | null {
  return value?.source.kind === 'node' && value.source.node.op.name === op ? value.source.node : null;
}

/** x·s + (beta − mean·s) with s = gamma / √(variance + eps), as `batchNormInference` builds it. */
export function matchBatchNorm(node: Node): BatchNorm | null {
  const [x, scale, shift] = node.inputs;
  const gain = maker(scale, 'mul');
  const root = maker(maker(gain?.inputs[1], 'reciprocal')?.inputs[0], 'sqrt');
  const variance = maker(root?.inputs[0], 'affine');
  const difference = maker(shift, 'sub');
  const moved = maker(difference?.inputs[1], 'mul');
  const { alpha, beta: eps } = (variance?.attrs ?? {}) as UnaryAttrs;
  if (!gain || !variance || !difference || !moved || moved.inputs[1] !== scale || alpha !== 1) return null;
  return {
    x: x as Value,
    gamma: gain.inputs[0] as Value,
    beta: difference.inputs[0] as Value,
    mean: moved.inputs[0] as Value,
    variance: variance.inputs[0] as Value,
    eps: eps as number,
  };
}
