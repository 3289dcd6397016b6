/** Initial values of variables. `fanIn` and `fanOut` are taken from the shape [out, in, …kernel]. */
import { type Shape, sizeOf } from '../core/tensor.ts';
import type { Initializer } from '../ir/graph.ts';

const fans = (shape: Shape): { fanIn: number; fanOut: number } => {
  const kernel = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] ?? 1) * kernel, fanOut: shape[0] * kernel };
};

function fill(shape: Shape, next: () => number): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return data;
}

export const constant =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);
export const zeros: Initializer = constant(0);
export const ones: Initializer = constant(1);

/** Given values. */
export const values =
  (data: ArrayLike<number>): Initializer =>
  () =>
    Float32Array.from(data);

export const uniform =
  (bound: number): Initializer =>
  (shape, random) =>
    fill(shape, () => random.between(-bound, bound));

export const normal =
  (std: number): Initializer =>
  (shape, random) =>
    fill(shape, () => std * random.normal());

/** Uniform with variance 1/fanIn (LeCun et al. 1998, "Efficient BackProp", section 4.6). */
export const lecunUniform =
  (fanIn?: number): Initializer =>
  (shape, random) =>
    uniform(Math.sqrt(3 / (fanIn ?? fans(shape).fanIn)))(shape, random);

/** Uniform ±2.4/fanIn, as LeNet-5 was started (LeCun et al. 1998, appendix A). */
export const lenetUniform =
  (fanIn?: number): Initializer =>
  (shape, random) =>
    uniform(2.4 / (fanIn ?? fans(shape).fanIn))(shape, random);

/** Uniform with variance 2/(fanIn + fanOut) (Glorot & Bengio 2010, equation 16). */
export const xavierUniform: Initializer = (shape, random) => {
  const { fanIn, fanOut } = fans(shape);
  return uniform(Math.sqrt(6 / (fanIn + fanOut)))(shape, random);
};

/** Normal with variance 2/fanIn (He et al. 2015, equation 10). */
export const heNormal: Initializer = (shape, random) =>
  normal(Math.sqrt(2 / fans(shape).fanIn))(shape, random);

/** Normal with variance 2/fanOut, as torchvision starts its ResNets. */
export const heNormalFanOut: Initializer = (shape, random) =>
  normal(Math.sqrt(2 / fans(shape).fanOut))(shape, random);
