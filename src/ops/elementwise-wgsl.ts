/** Elementwise functions and their derivatives as WGSL, for vectors of four; also the epilogues of other kernels. */
import { type Activation, Unary } from '../../as/kinds.ts';
import { float } from './wgsl.ts';

interface Attrs {
  readonly alpha?: number;
  readonly beta?: number;
}

/** Functions that expressions use. */
const helpers = {
  /** 1 / (1 + e⁻ˣ), through e^−|x| so that neither end loses digits. */
  sigmoid_: `fn sigmoid_(x: T) -> T {
  let e = exp(-abs(x));
  return select(e, T(1), x >= T(0)) / (1 + e);
}`,
  /** Odd rational function 13/6 of Eigen, as in as/activation.ts: the built-in one may be a few digits off. */
  tanh_: `fn tanh_(x: T) -> T {
  let c = clamp(x, T(-7.99881172180175781), T(7.99881172180175781));
  let z = c * c;
  var p = z * -2.76076847742355e-16 + 2.00018790482477e-13;
  p = p * z - 8.60467152213735e-11;
  p = p * z + 5.12229709037114e-8;
  p = p * z + 1.48572235717979e-5;
  p = p * z + 6.37261928875436e-4;
  p = p * z + 4.89352455891786e-3;
  var q = z * 1.19825839466702e-6 + 1.18534705686654e-4;
  q = q * z + 2.26843463243900e-3;
  q = q * z + 4.89352518554385e-3;
  return select(select(p * c / q, x, abs(x) < T(0.0004)), x + x, x != x);
}`,
};

/** Of x, with the literals A (alpha) and B (beta). `select` keeps a NaN where `max` need not. */
const functions: Partial<Record<Unary, string>> = {
  [Unary.RELU]: 'select(x, T(0), x < T(0))',
  [Unary.LEAKY_RELU]: 'select(x, A * x, x < T(0))',
  [Unary.SIGMOID]: 'sigmoid_(x)',
  [Unary.TANH]: 'tanh_(x)',
  [Unary.SCALED_TANH]: '1.7159 * tanh_(x * 0.66666666)',
  [Unary.NEG]: '-x',
  [Unary.ABS]: 'abs(x)',
  [Unary.EXP]: 'exp(x)',
  [Unary.LOG]: 'log(x)',
  [Unary.SQRT]: 'sqrt(x)',
  [Unary.RECIPROCAL]: '1 / x',
  [Unary.SQUARE]: 'x * x',
  [Unary.CLIP]: 'select(select(x, T(A), x < T(A)), T(B), max(x, T(A)) > T(B))',
  [Unary.ELU]: 'B * select(A * (exp(x) - 1), x, x > T(0))',
  [Unary.HARD_SIGMOID]: 'select(clamp(A * x + B, T(0), T(1)), x, x != x)',
  [Unary.SOFTPLUS]: 'select(x, T(0), x < T(0)) + log(1 + exp(-abs(x)))',
  [Unary.FLOOR]: 'floor(x)',
  [Unary.CEIL]: 'ceil(x)',
  [Unary.AFFINE]: 'A * x + B',
};

/** Of the input or the output, as the operator's rule says (src/ops/elementwise.ts). */
const derivatives: Partial<Record<Unary, string>> = {
  [Unary.RELU]: 'select(T(1), T(0), x <= T(0))',
  [Unary.LEAKY_RELU]: 'select(T(A), T(1), x > T(0))',
  [Unary.SIGMOID]: 'x * (1 - x)',
  [Unary.TANH]: '1 - x * x',
  [Unary.SCALED_TANH]: '0.38852303 * (2.94431281 - x * x)',
  [Unary.NEG]: 'T(-1)',
  [Unary.ABS]: 'select(select(T(0), T(1), x > T(0)), T(-1), x < T(0))',
  [Unary.EXP]: 'x',
  [Unary.LOG]: '1 / x',
  [Unary.SQRT]: '0.5 / x',
  [Unary.RECIPROCAL]: '-x * x',
  [Unary.SQUARE]: 'x + x',
  [Unary.CLIP]: 'select(T(0), T(1), (x >= T(A)) & (x <= T(B)))',
  [Unary.ELU]: 'select(A * B * exp(x), T(B), x > T(0))',
  [Unary.HARD_SIGMOID]: 'select(T(0), T(A), (A * x + B > T(0)) & (A * x + B < T(1)))',
  [Unary.SOFTPLUS]: 'sigmoid_(x)',
  [Unary.FLOOR]: 'T(0)',
  [Unary.CEIL]: 'T(0)',
  [Unary.AFFINE]: 'T(A)',
};

function define(name: string, expression: string, type: string, { alpha = 0, beta = 0 }: Attrs): string {
  const used = Object.entries(helpers).filter(([helper]) => expression.includes(helper));
  const text = [
    ...used.map(([, h]) => h),
    `fn ${name}(x: T) -> T { return ${expression.replace(/\bA\b/g, float(alpha)).replace(/\bB\b/g, float(beta))}; }`,
  ];
  return text.join('\n').replace(/\bT\b/g, type);
}

/** A function of that name that computes `kind`. `type`: vec4f or f32. */
export const unaryFunction = (name: string, kind: Unary, attrs: Attrs, type = 'vec4f'): string =>
  define(name, functions[kind] ?? 'x', type, attrs);

/** `derivative(x: vec4f)`. */
export const derivativeFunction = (kind: Unary, attrs: Attrs): string =>
  define('derivative', derivatives[kind] ?? 'T(1)', 'vec4f', attrs);

/** `activate(x)`: the epilogue of a kernel. */
export const activationFunctionWgsl = (
  e: { readonly activation?: Activation; readonly alpha?: number },
  type = 'vec4f',
): string => unaryFunction('activate', (e.activation ?? 0) as number as Unary, e, type);
