/** The variants of kernels, as they are written into records. Compiled by both compilers, see `protocol.ts`. */

/** Activations that may end a kernel (epilogue) or stand alone. */
export const enum Activation {
  NONE = 0,
  RELU = 1,
  LEAKY_RELU = 2,
  SIGMOID = 3,
  TANH = 4,
  /** 1.7159 tanh(2x/3), LeCun 1998. */
  SCALED_TANH = 5,
}

/** Elementwise functions; the first ones are those of `Activation`. */
export const enum Unary {
  IDENTITY = 0,
  RELU = 1,
  LEAKY_RELU = 2,
  SIGMOID = 3,
  TANH = 4,
  SCALED_TANH = 5,
  NEG = 6,
  ABS = 7,
  EXP = 8,
  LOG = 9,
  SQRT = 10,
  RECIPROCAL = 11,
  SQUARE = 12,
  /** max(alpha, min(beta, x)). */
  CLIP = 13,
  /** x if x > 0 else alpha·(eˣ − 1), times beta (ELU: beta 1; SELU: both given). */
  ELU = 14,
  /** max(0, min(1, alpha·x + beta)). */
  HARD_SIGMOID = 15,
  SOFTPLUS = 16,
  FLOOR = 17,
  CEIL = 18,
  /** alpha·x + beta. */
  AFFINE = 19,
}

export const enum Binary {
  ADD = 0,
  SUB = 1,
  MUL = 2,
  DIV = 3,
  MAX = 4,
  MIN = 5,
  POW = 6,
  /** 1 where a ≥ b, else 0. */
  GREATER_EQUAL = 7,
}

export const enum Reduction {
  SUM = 0,
  MEAN = 1,
  MAX = 2,
  MIN = 3,
  PROD = 4,
}

export const enum PoolKind {
  MAX = 0,
  AVERAGE = 1,
}

export const enum OptimizerKind {
  SGD = 0,
  ADAM = 1,
  ADAMW = 2,
}

export const enum Cast {
  I32_TO_F32 = 0,
  F32_TO_I32 = 1,
  F32_TO_BOOL = 2,
  I32_TO_BOOL = 3,
}

/** How CONV_DIRECT reads its input. */
export const enum DirectInput {
  /** From padded rows, row by row. */
  ROWS = 0,
  /** From rows that are copied once for each of their taps, so that pixels run from row to row. */
  SHIFTED = 1,
  /** Where it is: 1×1, nothing padded. */
  IN_PLACE = 2,
}
