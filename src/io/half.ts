/** IEEE 754 binary16 → binary32. */
export function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** binary32 → the nearest IEEE 754 binary16, ties to even; beyond 65504 infinity. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const units = size * 2 ** (10 - exponent);
  const down = Math.floor(units);
  const rest = units - down;
  const rounded = down + (rest > 0.5 || (rest === 0.5 && down % 2) ? 1 : 0);
  // Of a normal number 1024 is the bit that is not written; a fraction rounded up to 1 becomes the next exponent.
  return sign | (((exponent + 14) << 10) + rounded);
}
