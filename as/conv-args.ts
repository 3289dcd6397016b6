/**
 * Arguments of products and convolutions: byte offsets in a record, from Layout.ARGS on, see `protocol.ts`.
 */

/**
 * Packs COUNT matrices A[m][k], k = (c, t), for GEMM, CONV and CONV_SCATTER; strides and the offset in elements. One tile
 * is PANELS panels of one matrix.
 */
export const enum PackArgs {
  X = 20,
  OUT = 24,
  OFFSET = 28,
  COUNT_STRIDE = 32,
  M = 36,
  ROW_STRIDE = 40,
  C = 44,
  C_STRIDE = 48,
  T = 52,
  T_STRIDE = 56,
  PANELS = 60,
  /** Columns of a block of K. */
  DEPTH = 64,
}

/**
 * C = activation(A·B + bias[n]) for a batch of packed A. Offsets, strides and batch steps in elements; BIAS may be
 * 0. One tile is PANELS panels by COLUMNS (a multiple of 16) of one product.
 */
export const enum GemmArgs {
  A = 20,
  B = 24,
  BIAS = 28,
  C = 32,
  M = 36,
  N = 40,
  K = 44,
  A_OFFSET = 48,
  B_OFFSET = 52,
  C_OFFSET = 56,
  A_BATCH = 60,
  B_BATCH = 64,
  B_ROW = 68,
  B_COLUMN = 72,
  PANELS = 76,
  COLUMNS = 80,
  ACTIVATION = 84,
  ALPHA = 88,
}

/** Y[m][n] = activation(X[m]·W[n] + bias[n]); one tile is ROWS by COLUMNS. */
export const enum LinearArgs {
  X = 20,
  W = 24,
  BIAS = 28,
  Y = 32,
  M = 36,
  N = 40,
  K = 44,
  ROWS = 48,
  COLUMNS = 52,
  ACTIVATION = 56,
  ALPHA = 60,
}

/**
 * The geometry that all convolution kernels share, from the side of the convolution: X [N][C·G][H][W],
 * Y [N][M·G][OH][OW], taps KH × KW, DH and DW apart; pixel (oy, ox) reads row oy·SH + ky·DH − PT.
 */
export const enum ConvArgs {
  X = 20,
  A = 24,
  BIAS = 28,
  Y = 32,
  N = 36,
  G = 40,
  C = 44,
  H = 48,
  W = 52,
  M = 56,
  OH = 60,
  OW = 64,
  KH = 68,
  KW = 72,
  SH = 76,
  SW = 80,
  DH = 84,
  DW = 88,
  PT = 92,
  PL = 96,
  ACTIVATION = 100,
  ALPHA = 104,
  /** Added before the activation, or 0: a tensor like Y. */
  RESIDUAL = 108,
  /** CONV: images of a tile; COLUMNS pixels of one image where it is 1. */
  IMAGES = 112,
  COLUMNS = 116,
  PANELS = 120,
  DEPTH = 124,
  /** 1: padded rows are copied to private scratch first; 0: no tap leaves the image. */
  SLAB = 128,
  /** What CONV_GATHER wrote, or 0. */
  PATCHES = 132,
}

/** First words as `ConvArgs`; X is the output and Y the input. One tile is CHANNELS channels of one group and image. */
export const enum ConvScatterArgs {
  CHANNELS = 112,
  /** Tap rows (of CHANNELS·KH·KW) and pixels held in scratch at a time. */
  PANELS = 116,
  ROWS = 120,
  COLUMNS = 124,
}

/** First words as `ConvArgs`; A is the buffer of partial sums, SPLITS of them. */
export const enum ConvFilterGradArgs {
  SPLITS = 112,
  /** Taps (of C·KH·KW) of a tile. */
  TAPS = 116,
  /** Images of a step of the reduction; COLUMNS pixels of one image where it is 1. */
  IMAGES = 120,
  COLUMNS = 124,
  /** Panels of dY of a tile. */
  PANELS = 128,
  SLAB = 132,
}

/**
 * OUT [groups][(SIZE + 2)²] of packed [M × C] from 3×3 filters, strides in elements; a negative TAP_STRIDE rotates them.
 * One tile is PANELS panels of one group.
 */
export const enum WinogradFilterArgs {
  X = 20,
  OUT = 24,
  M = 28,
  C = 32,
  GROUP_STRIDE = 36,
  ROW_STRIDE = 40,
  C_STRIDE = 44,
  TAP_STRIDE = 48,
  SIZE = 52,
  PANELS = 56,
  /** Channels of a block. */
  DEPTH = 60,
}

/** First words as `ConvArgs`; A is what WINOGRAD_FILTER wrote. */
export const enum WinogradArgs {
  /** Pixels to an edge of a tile: 2 or 4. */
  SIZE = 112,
  TILES = 116,
  PANELS = 120,
  /** Channels transformed at a time. */
  DEPTH = 124,
}

/** First words as `ConvArgs`; A is the buffer of partial sums, SPLITS of them. */
export const enum WinogradGradArgs {
  /** Tiles transformed at a time. */
  TILES = 112,
  SPLITS = 116,
  /** Panels of dY, and channels of X, a multiple of 8, of a unit of work. */
  PANELS = 120,
  CHANNELS = 124,
}

/** First words as `ConvArgs`. */
export const enum ConvDirectArgs {
  ROWS = 112,
  /** A `DirectInput`. */
  INPUT = 116,
}

/** First words as `ConvArgs`; A is the buffer of partial sums, SPLITS of them. */
export const enum ConvDirectGradArgs {
  ROWS = 112,
  SPLITS = 116,
}

/** First words as `ConvArgs`, C 1; A is the weights as they are, ROTATED 1 if their taps are taken in reverse. */
export const enum DepthwiseArgs {
  ROWS = 112,
  PLANES = 116,
  ROTATED = 120,
}

/** First words as `ConvArgs`, C 1; A is the buffer of partial sums, SPLITS of them. */
export const enum DepthwiseGradArgs {
  ROWS = 112,
  CHANNELS = 116,
  SPLITS = 120,
}

/** Y [PLANES][ROWS][WIDTH] of X [PLANES][H][W], from (Y0, X0) on, zero outside; one tile is a plane. */
export const enum ConvPadArgs {
  X = 20,
  Y = 24,
  PLANES = 28,
  H = 32,
  W = 36,
  Y0 = 40,
  X0 = 44,
  ROWS = 48,
  WIDTH = 52,
}
