/**
 * Arguments of the int8 kernels: byte offsets in a record, from Layout.ARGS on, see `protocol.ts`. Tensors of these
 * kernels hold bytes and are channels-last, [N][H][W][C]; weights are OHWI.
 */

/** Element types of int8 tensors; a kernel that ends in F32 leaves real values. */
export const enum Int8Type {
  U8 = 0,
  I8 = 1,
  F32 = 2,
}

/**
 * Packs weights X i8 [M][RUNS][LENGTH] with BIAS i32 [M] and SCALE f32 [M] for INT8_CONV and INT8_WINOGRAD, see
 * `int8-pack.ts`. One tile is a panel of eight output channels.
 */
export const enum Int8PackArgs {
  X = 20,
  BIAS = 24,
  SCALE = 28,
  OUT = 32,
  M = 36,
  RUNS = 40,
  LENGTH = 44,
  /** Of all scales. */
  FACTOR = 48,
  /** INT8_PACK: for lanes that are pixels, see `Int8ConvArgs.PIXEL_LANES`. */
  PIXEL_LANES = 52,
}

/** What a convolution of bytes and its end are made of; INT8_CONV and INT8_WINOGRAD share all words up to PANELS. */
export const enum Int8ConvArgs {
  X = 20,
  A = 24,
  RESIDUAL = 28,
  Y = 32,
  N = 36,
  C = 40,
  H = 44,
  W = 48,
  M = 52,
  OH = 56,
  OW = 60,
  KH = 64,
  KW = 68,
  SH = 72,
  SW = 76,
  DH = 80,
  DW = 84,
  PT = 88,
  PL = 92,
  X_TYPE = 96,
  X_ZERO = 100,
  Y_TYPE = 104,
  Y_ZERO = 108,
  /** Least and largest value of Y less its zero point; a ReLU raises LOW to 0. */
  LOW = 112,
  HIGH = 116,
  RESIDUAL_TYPE = 120,
  RESIDUAL_ZERO = 124,
  RESIDUAL_SCALE = 128,
  /** Activation.NONE, TANH or SCALED_TANH; the latter work on real values, times GAIN. */
  ACTIVATION = 132,
  GAIN = 136,
  /** One tile: images (INT8_WINOGRAD), rows and columns of the output (there in squares of 4 × 4), panels of 8 channels. */
  IMAGES = 140,
  ROWS = 144,
  COLUMNS = 148,
  PANELS = 152,
  /** 1: no activation but ReLU, bytes, and nothing before rounding leaves ±2²¹: the type's limits clamp. */
  SATURATES = 156,
  /** INT8_CONV: one channel, unit steps in a row; lanes are pixels, not output channels. */
  PIXEL_LANES = 160,
  /** INT8_CONV: 2 where Y is the maxima of 2 × 2 pixels of the OH × OW, both even; else 1. */
  POOL = 164,
}

/** Y = X / SCALE + ZERO, rounded to even; X [N][C][PIXELS] f32 to [N][PIXELS][C], or back. One tile is ROWS pixels. */
export const enum Int8QuantizeArgs {
  X = 20,
  Y = 24,
  N = 28,
  C = 32,
  PIXELS = 36,
  TYPE = 40,
  ZERO = 44,
  /** QUANTIZE: 1 / scale; DEQUANTIZE: scale. */
  FACTOR = 48,
  ROWS = 52,
}

/**
 * Pooling of X [N][H][W][C]; one tile is a row of the output. Averages are rounded to even and clamped like the end of a
 * convolution; PoolKind.MAX keeps scale and zero point.
 */
export const enum Int8PoolArgs {
  X = 20,
  Y = 24,
  KIND = 28,
  N = 32,
  C = 36,
  H = 40,
  W = 44,
  OH = 48,
  OW = 52,
  KH = 56,
  KW = 60,
  SH = 64,
  SW = 68,
  PT = 72,
  PL = 76,
  TYPE = 80,
  /** Divide by the window's size with its padding. */
  INCLUDE_PAD = 84,
  ZERO = 88,
  /** Scale of X over that of Y. */
  FACTOR = 92,
}

/** Y = (A − zero)·factor + (B − zero)·factor, all of one type but for their zero points. One tile is TILE elements. */
export const enum Int8AddArgs {
  A = 20,
  B = 24,
  Y = 28,
  COUNT = 32,
  A_TYPE = 36,
  A_ZERO = 40,
  A_FACTOR = 44,
  B_TYPE = 48,
  B_ZERO = 52,
  B_FACTOR = 56,
  Y_TYPE = 60,
  Y_ZERO = 64,
  LOW = 68,
  HIGH = 72,
}
