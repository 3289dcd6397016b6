/** Shapes of convolutions: attributes, the shape rule, and the geometry every convolution kernel is given. */
import type { Activation } from '../../as/kinds.ts';
import { check } from '../core/error.ts';
import { type Shape, showType, type TensorType } from '../core/tensor.ts';
import type { Node } from '../ir/graph.ts';
import { type Buffer, f32, i32, read, type WasmArg } from '../ir/kernel.ts';
import type { Absorbed } from '../ir/op.ts';
import { activationOf } from './elementwise.ts';

/** An activation computed at the end of a kernel. */
export interface Epilogue {
  readonly activation?: Activation;
  /** Slope of a leaky ReLU. */
  readonly alpha?: number;
}

/** A residual, a tensor like the output, is added before the activation. */
export interface ConvEpilogue extends Epilogue {
  readonly residual?: Buffer | null;
}

export interface ConvAttrs extends Epilogue {
  readonly stride: readonly [number, number];
  /** top, left, bottom, right; a negative one crops. */
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** A number for both dimensions, or [height, width]. */
export type Pair = number | readonly [number, number];
/** A number for all sides, [height, width], or [top, left, bottom, right]. */
export type Padding = Pair | readonly [number, number, number, number];

export const pairOf = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p);

export function paddingOf(p: Padding): readonly [number, number, number, number] {
  if (typeof p !== 'number' && p.length === 4) return p;
  const [h, w] = pairOf(p as Pair);
  return [h, w, h, w];
}

/**
 * One convolution per group g < G: Y[m] = Σ X[c] over taps, M and C channels a group; pixel (oy, ox) of OH × OW
 * reads (oy·sh + ky·dh − pt, ox·sw + kx·dw − pl) of H × W.
 */
export interface ConvGeometry {
  readonly n: number;
  readonly g: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly m: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
  readonly sh: number;
  readonly sw: number;
  readonly dh: number;
  readonly dw: number;
  readonly pt: number;
  readonly pl: number;
}

/** The geometry of a convolution of `x` [N,C,H,W] with `w` [M,C/groups,KH,KW] to `y` [N,M,OH,OW]. */
export function geometryOf(x: Shape, w: Shape, y: Shape, a: ConvAttrs): ConvGeometry {
  const [sh, sw] = a.stride;
  const [dh, dw] = a.dilation;
  const [pt, pl] = a.padding;
  const sizes = { n: x[0], g: a.groups, c: w[1], h: x[2], w: x[3], m: w[0] / a.groups, oh: y[2], ow: y[3] };
  return { ...sizes, kh: w[2], kw: w[3], sh, sw, dh, dw, pt, pl };
}

/** The words that all convolution kernels share, from N to RESIDUAL (`ConvArgs`). */
export const convArgs = (s: ConvGeometry, e: ConvEpilogue): WasmArg[] => [
  ...[s.n, s.g, s.c, s.h, s.w, s.m, s.oh, s.ow, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.pt, s.pl].map(i32),
  i32(e.activation ?? 0),
  f32(e.alpha ?? 0),
  read(e.residual ?? null),
];

/** Checks what all convolutions have in common. */
export function checkConv(
  name: string,
  x: TensorType,
  w: TensorType,
  b: TensorType | null,
  channels: number,
  a: ConvAttrs,
): void {
  for (const [what, t] of [
    ['input', x],
    ['weight', w],
  ] as const) {
    check(
      t.shape.length === 4 && t.dtype === 'f32',
      'shape',
      () => `${name}: the ${what} must be f32 with four dimensions, not ${showType(t)}.`,
    );
  }
  const whole = [...a.stride, ...a.dilation, a.groups].every((v) => Number.isInteger(v) && v > 0);
  check(
    whole && a.padding.every(Number.isInteger),
    'shape',
    () =>
      `${name}: stride [${a.stride}], dilation [${a.dilation}] and groups ${a.groups} must be positive integers, padding [${a.padding}] integers.`,
  );
  check(
    !b || (b.shape.length === 1 && b.shape[0] === channels && b.dtype === 'f32'),
    'shape',
    () => `${name}: the bias must be f32[${channels}], not ${showType(b as TensorType)}.`,
  );
  check(
    [...x.shape, ...w.shape].every((d) => d > 0),
    'shape',
    () => `${name}: empty operands ${showType(x)}, ${showType(w)}.`,
  );
}

/** Output shape of conv2d. @throws LensletError saying which dimension does not fit and what would */
export function convShape(
  name: string,
  x: TensorType,
  w: TensorType,
  b: TensorType | null,
  a: ConvAttrs,
): number[] {
  checkConv(name, x, w, b, w.shape[0], a);
  const [n, c, h, width] = x.shape;
  const [m, cg, kh, kw] = w.shape;
  check(
    c === cg * a.groups,
    'shape',
    () =>
      `${name}: ${showType(x)} has ${c} channels, but the weight ${showType(w)} with ${a.groups} groups takes ${cg * a.groups}.`,
  );
  check(
    m % a.groups === 0,
    'shape',
    () => `${name}: ${m} output channels do not divide into ${a.groups} groups.`,
  );
  const [t, l, bottom, r] = a.padding;
  const oh = Math.floor((h + t + bottom - a.dilation[0] * (kh - 1) - 1) / a.stride[0]) + 1;
  const ow = Math.floor((width + l + r - a.dilation[1] * (kw - 1) - 1) / a.stride[1]) + 1;
  check(
    oh > 0 && ow > 0,
    'shape',
    () =>
      `${name}: a ${kh}×${kw} kernel with dilation [${a.dilation}] does not fit into ${h}×${width} with padding [${a.padding}].`,
  );
  return [n, m, oh, ow];
}

/** Calls back for every term of the sum: indices into x, w and y. */
export function forTaps(s: ConvGeometry, visit: (x: number, w: number, y: number) => void): void {
  const pixels = s.oh * s.ow;
  for (let y = 0; y < s.n * s.g * s.m * pixels; y++) {
    const [ox, oy] = [y % s.ow, Math.floor(y / s.ow) % s.oh];
    const m = Math.floor(y / pixels) % (s.g * s.m);
    const image = Math.floor(y / (pixels * s.g * s.m));
    const first = (image * s.g + Math.floor(m / s.m)) * s.c;
    for (let c = 0; c < s.c; c++) {
      for (let ky = 0; ky < s.kh; ky++) {
        const iy = oy * s.sh + ky * s.dh - s.pt;
        if (iy < 0 || iy >= s.h) continue;
        for (let kx = 0; kx < s.kw; kx++) {
          const ix = ox * s.sw + kx * s.dw - s.pl;
          if (ix < 0 || ix >= s.w) continue;
          visit(((first + c) * s.h + iy) * s.w + ix, ((m * s.c + c) * s.kh + ky) * s.kw + kx, y);
        }
      }
    }
  }
}

/** A node that also computes the activation `next`, unless it has one already. */
export function absorbActivation<A extends Epilogue>({ attrs }: Node<A>, next: Node): Absorbed<A> | null {
  const activation = activationOf(next.op.name);
  if (activation === null || attrs.activation) return null;
  return { attrs: { ...attrs, activation, alpha: (next.attrs as { alpha?: number } | null)?.alpha } };
}
