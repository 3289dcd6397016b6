/** Shaders of weight updates: vectors of the weight, its gradient and the optimiser's state. */
import { sizeOf } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { reads, type WebgpuKernel, writes } from '../ir/kernel.ts';
import type { AdamAttrs, SgdAttrs } from './optimizer.ts';
import { float, vectorKernel } from './wgsl.ts';

export function sgdShader(
  [w, g, v, hyper]: readonly (Value | null)[],
  [wOut, vOut]: readonly Value[],
  { momentum, nesterov, weightDecay }: SgdAttrs,
): WebgpuKernel {
  const args = [
    writes('wOut', wOut, 'vec4f'),
    ...[reads('w', w!, 'vec4f'), reads('g', g!, 'vec4f'), reads('hyper', hyper!)],
    ...(v ? [reads('v', v, 'vec4f'), writes('vOut', vOut, 'vec4f')] : []),
  ];
  const body = `let grad = g[i] + ${float(weightDecay)} * w[i];
  let velocity = ${v ? `${float(momentum)} * v[i] + grad` : 'grad'};
  ${v ? 'vOut[i] = velocity;' : ''}
  wOut[i] = w[i] - hyper[0] * ${nesterov ? `(grad + ${float(momentum)} * velocity)` : 'velocity'};`;
  return vectorKernel(sizeOf(w!.shape), args, body);
}

/** 1 − eˣ for x ≤ 0: near 0 by its series, because the difference would have no digits left. */
const SHORT_OF_ONE = `
fn shortOfOne(x: f32) -> f32 {
  if (x < -0.5) { return 1 - exp(x); }
  var sum = 1f;
  for (var k = 9f; k >= 2; k -= 1) { sum = 1 + x / k * sum; }
  return -x * sum;
}`;

export function adamShader(
  [w, g, m, v, hyper]: readonly (Value | null)[],
  [wOut, mOut, vOut]: readonly Value[],
  a: AdamAttrs,
): WebgpuKernel {
  const args = [
    ...[writes('wOut', wOut, 'vec4f'), writes('mOut', mOut, 'vec4f'), writes('vOut', vOut, 'vec4f')],
    ...[reads('w', w!, 'vec4f'), reads('g', g!, 'vec4f'), reads('m', m!, 'vec4f'), reads('v', v!, 'vec4f')],
    reads('hyper', hyper!),
  ];
  const decay = float(a.weightDecay);
  // βᵗ = e^(t ln β)
  const correction = (beta: number) => (beta > 0 ? `shortOfOne(hyper[1] * ${float(Math.log(beta))})` : '1f');
  const body = `let weight = w[i]${a.decoupled ? ` * (1 - hyper[0] * ${decay})` : ''};
  let grad = g[i]${a.decoupled ? '' : ` + ${decay} * w[i]`};
  let mean = ${float(a.beta1)} * m[i] + ${float(1 - a.beta1)} * grad;
  let square = ${float(a.beta2)} * v[i] + ${float(1 - a.beta2)} * grad * grad;
  mOut[i] = mean;
  vOut[i] = square;
  let root = sqrt(square / ${correction(a.beta2)}) + ${float(a.eps)};
  wOut[i] = weight - hyper[0] * (mean / ${correction(a.beta1)}) / root;`;
  return vectorKernel(sizeOf(w!.shape), args, body, SHORT_OF_ONE);
}
