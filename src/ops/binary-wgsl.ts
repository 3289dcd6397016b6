/** Functions of two operands as WGSL. */
import { Binary } from '../../as/kinds.ts';
import type { WgslElement } from '../ir/kernel.ts';

/** Expressions of a and b, of type T. */
const expressions: Record<Binary, string> = {
  [Binary.ADD]: 'a + b',
  [Binary.SUB]: 'a - b',
  [Binary.MUL]: 'a * b',
  [Binary.DIV]: 'a / b',
  // A NaN on either side is the result.
  [Binary.MAX]: 'select(select(b, a, a > b), a + b, (a != a) | (b != b))',
  [Binary.MIN]: 'select(select(b, a, a < b), a + b, (a != a) | (b != b))',
  [Binary.POW]: 'power(a, b)',
  [Binary.GREATER_EQUAL]: 'select(T(0), T(1), a >= b)',
};

/** By squaring for whole exponents up to 64, else by the built-in function, which takes no base below 0. */
const POWER = `
fn power1(a: f32, b: f32) -> f32 {
  let whole = round(b) == b;
  if (whole && abs(b) <= 64) {
    var n = u32(abs(b));
    var x = a;
    var y = 1f;
    for (; n > 0; n >>= 1) {
      if ((n & 1) == 1) { y *= x; }
      x *= x;
    }
    return select(y, 1 / y, b < 0);
  }
  let y = pow(abs(a), b);
  if (a >= 0 || a != a) { return y; }
  if (!whole) { return (a - a) / (a - a); }
  return select(y, -y, abs(b) < 16777216 && (u32(abs(b)) & 1) == 1);
}`;
const POWER_OF: Partial<Record<WgslElement, string>> = {
  f32: 'fn power(a: f32, b: f32) -> f32 { return power1(a, b); }',
  vec4f: `fn power(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(power1(a.x, b.x), power1(a.y, b.y), power1(a.z, b.z), power1(a.w, b.w));
}`,
};

/** `combine(a, b)` for a type of floats. */
export function combineFunction(kind: Binary, type: WgslElement): string {
  const helpers = kind === Binary.POW ? `${POWER}\n${POWER_OF[type]}\n` : '';
  const text = `fn combine(a: T, b: T) -> T { return ${expressions[kind]}; }`;
  return helpers + text.replaceAll(/\bT\b/g, type);
}
