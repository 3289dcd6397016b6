/**
 * The contract between the TypeScript that writes command lists and the WebAssembly that runs them.
 * Compiled by both compilers: only `export const enum` with literal values may stand here.
 *
 * A program is a run of records. A record is a header of five 32-bit words (`Command`) followed by the
 * arguments of its opcode, one 32-bit word each: a byte address, an i32 or an f32. Every argument enum
 * below gives byte offsets from the start of the record, in the order in which lowerings list them.
 */

/** Record header. */
export const enum Command {
  OPCODE = 0,
  /** Length of the whole record in bytes. */
  BYTES = 4,
  /** Number of independent tiles; a thread claims one at a time. */
  TILES = 8,
  /** 1: every thread waits here until all records before this one are done. */
  BARRIER = 12,
  /** Address of this record's claim counter. */
  COUNTER = 16,
  /** First argument. */
  ARGS = 20,
}

/** Control block, at address `Layout.CONTROL`. Words written by different threads lie on different cache lines. */
export const enum Control {
  /** Number of the run << 5 | number of threads taking part; parked threads wait on it. */
  GENERATION = 0,
  PROGRAM_BEGIN = 8,
  PROGRAM_END = 12,
  /** Times a waiting thread looks at a word before it sleeps. */
  SPIN = 16,
  BARRIER_ARRIVED = 64,
  BARRIER_GENERATION = 128,
  /** Nonzero: leave the program at the next record. */
  ABORT = 192,
  /** Address of the record a thread trapped in, or 0. */
  FAULT = 196,
  /** Threads still inside the current run. */
  ACTIVE = 256,
  BYTES = 320,
}

/** Fixed addresses and sizes in the one linear memory. */
export const enum Layout {
  /** Address 0 stays unused: a null operand is 0. */
  CONTROL = 1024,
  /** Thread t owns [SCRATCH + t * SCRATCH_BYTES, … + SCRATCH_BYTES). */
  SCRATCH = 4096,
  SCRATCH_BYTES = 1048576,
  MAX_THREADS = 16,
  /** Alignment of every buffer, in bytes: a cache line. */
  ALIGN = 64,
  /** Elements of an elementwise tile. */
  TILE = 8192,
  /** Distance between claim counters, in bytes: no two share a cache line. */
  COUNTER_STRIDE = 64,
}

export const enum Opcode {
  FILL = 1,
  COPY = 2,
  UNARY = 3,
  UNARY_GRAD = 4,
  BINARY = 5,
  REDUCE = 6,
  PACK = 7,
  GEMM = 8,
  CONV = 9,
  CONV_FILTER_GRAD = 10,
  POOL = 11,
  POOL_GRAD = 12,
  SOFTMAX = 13,
  SOFTMAX_GRAD = 14,
  CROSS_ENTROPY = 15,
  CROSS_ENTROPY_GRAD = 16,
  COUNT_CORRECT = 17,
  OPTIMIZER = 18,
  BATCH_NORM = 20,
  BATCH_NORM_GRAD = 21,
  CHANNEL_AFFINE = 22,
  LOCAL_RESPONSE_NORM = 23,
  LOCAL_RESPONSE_NORM_GRAD = 24,
  DROPOUT = 25,
  LINEAR = 40,
  CONV_SCATTER = 41,
  SUM_PARTIALS = 42,
  CONV_PAD = 43,
  WINOGRAD_FILTER = 44,
  WINOGRAD = 45,
  CONV_DIRECT = 46,
  CONV_DIRECT_GRAD = 47,
  DEPTHWISE = 48,
  DEPTHWISE_GRAD = 49,
  CAST = 60,
  INT_BINARY = 61,
  SELECT = 62,
  GATHER = 63,
  GATHER_GRAD = 64,
  ARG_REDUCE = 65,
  POOL_INDICES = 66,
}

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

/**
 * Packs COUNT matrices A[m][k], k = (c, th, tw), for GEMM, CONV and CONV_SCATTER; strides and the offset in
 * elements. One tile is PANELS panels of one matrix.
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
  TH = 52,
  TH_STRIDE = 56,
  TW = 60,
  TW_STRIDE = 64,
  PANELS = 68,
}

/**
 * C = activation(A·B + bias[n]) for a batch of packed A. Offsets, strides and batch steps in elements; BIAS may be
 * 0. One tile is PANELS panels by COLUMNS (a multiple of 8) of one product.
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

/** First words as `ConvArgs`. */
export const enum ConvDirectArgs {
  ROWS = 112,
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

/** Y[i] = Σ_s X[s·COUNT + i], in the order of s. */
export const enum SumPartialsArgs {
  X = 20,
  Y = 24,
  COUNT = 28,
  PARTS = 32,
}

export const enum FillArgs {
  Y = 20,
  COUNT = 24,
  VALUE = 28,
}

/** Offsets, steps and strides in elements. OUTER is the product of DIMS, ROWS the rows of a tile. */
export const enum CopyArgs {
  X = 20,
  Y = 24,
  X_OFFSET = 28,
  Y_OFFSET = 32,
  OUTER = 36,
  ROWS = 40,
  INNER = 44,
  X_STEP = 48,
  Y_STEP = 52,
  DIMS = 56,
  X_STRIDES = 76,
  Y_STRIDES = 96,
}

export const enum UnaryArgs {
  X = 20,
  Y = 24,
  COUNT = 28,
  KIND = 32,
  ALPHA = 36,
  BETA = 40,
}

/** REF is the input or the output, as the kind's derivative needs. */
export const enum UnaryGradArgs {
  REF = 20,
  DY = 24,
  DX = 28,
  COUNT = 32,
  KIND = 36,
  ALPHA = 40,
  BETA = 44,
}

/** Steps are 0 (broadcast) or 1. ROWS 0: one row, tiles of TILE elements. */
export const enum BinaryArgs {
  A = 20,
  B = 24,
  Y = 28,
  KIND = 32,
  OUTER = 36,
  ROWS = 40,
  INNER = 44,
  A_STEP = 48,
  B_STEP = 52,
  DIMS = 56,
  A_STRIDES = 76,
  B_STRIDES = 96,
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

export const enum ReduceArgs {
  X = 20,
  Y = 24,
  KIND = 28,
  A = 32,
  R1 = 36,
  B = 40,
  R2 = 44,
  C = 48,
  ITEMS = 52,
}

export const enum PoolKind {
  MAX = 0,
  AVERAGE = 1,
}

/** COUNT planes in all, PLANES a tile. DIVISOR 0: the window's size. */
export const enum PoolArgs {
  X = 20,
  Y = 24,
  DY = 28,
  DX = 32,
  KIND = 36,
  COUNT = 40,
  PLANES = 44,
  H = 48,
  W = 52,
  OH = 56,
  OW = 60,
  KH = 64,
  KW = 68,
  SH = 72,
  SW = 76,
  PT = 80,
  PL = 84,
  PB = 88,
  PR = 92,
  DH = 96,
  DW = 100,
  INCLUDE_PAD = 104,
  DIVISOR = 108,
}

/** Rows along AXIS of [OUTER][AXIS][INNER]; LOG 1: log-softmax. Forward reads X; the gradient Y and DY. */
export const enum SoftmaxArgs {
  X = 20,
  Y = 24,
  DY = 28,
  DX = 32,
  OUTER = 36,
  AXIS = 40,
  INNER = 44,
  LOG = 48,
  ROWS = 52,
}

export const enum CrossEntropyArgs {
  X = 20,
  LABELS = 24,
  LOSS = 28,
  DLOSS = 32,
  DX = 36,
  COUNT = 40,
  CLASSES = 44,
  SMOOTHING = 48,
  ROWS = 52,
}

export const enum CountCorrectArgs {
  X = 20,
  LABELS = 24,
  Y = 28,
  COUNT = 32,
  CLASSES = 36,
}

export const enum OptimizerKind {
  SGD = 0,
  ADAM = 1,
  ADAMW = 2,
}

/** HYPER: f32 learning rate, f32 step number from 1. M 0: no momentum. */
export const enum OptimizerArgs {
  W = 20,
  G = 24,
  M = 28,
  V = 32,
  HYPER = 36,
  W_OUT = 40,
  M_OUT = 44,
  V_OUT = 48,
  COUNT = 52,
  KIND = 56,
  BETA1 = 60,
  BETA2 = 64,
  EPS = 68,
  WEIGHT_DECAY = 72,
  NESTEROV = 76,
}

/** X, Y [N][C][PLANE], the rest [C]. RUNNING_MEAN and RUNNING_VAR 0: no running statistics. */
export const enum BatchNormArgs {
  X = 20,
  GAMMA = 24,
  BETA = 28,
  RUNNING_MEAN = 32,
  RUNNING_VAR = 36,
  Y = 40,
  MEAN = 44,
  /** 1/√(variance + EPS). */
  ISTD = 48,
  MEAN_OUT = 52,
  VAR_OUT = 56,
  N = 60,
  C = 64,
  PLANE = 68,
  EPS = 72,
  /** Weight of the new statistics in the running ones. */
  MOMENTUM = 76,
  ACTIVATION = 80,
  ALPHA = 84,
  CHANNELS = 88,
}

export const enum BatchNormGradArgs {
  X = 20,
  GAMMA = 24,
  MEAN = 28,
  ISTD = 32,
  DY = 36,
  DX = 40,
  DGAMMA = 44,
  DBETA = 48,
  N = 52,
  C = 56,
  PLANE = 60,
  CHANNELS = 64,
}

/** COUNT planes in all, PLANES a tile. */
export const enum ChannelAffineArgs {
  X = 20,
  SCALE = 24,
  SHIFT = 28,
  Y = 32,
  COUNT = 36,
  C = 40,
  PLANE = 44,
  ACTIVATION = 48,
  ALPHA = 52,
  PLANES = 56,
}

/** X, DY, Y [N][C][PLANE]; forward DY is 0, in the gradient Y is that of X. One tile is PIXELS of one image. */
export const enum LocalResponseNormArgs {
  X = 20,
  DY = 24,
  Y = 28,
  C = 32,
  PLANE = 36,
  SIZE = 40,
  ALPHA = 44,
  BETA = 48,
  K = 52,
  PIXELS = 56,
}

/** THRESHOLD: of 2²⁴, how many numbers are dropped. */
export const enum DropoutArgs {
  X = 20,
  SEED = 24,
  Y = 28,
  COUNT = 32,
  STREAM = 36,
  THRESHOLD = 40,
  SCALE = 44,
}

export const enum Cast {
  I32_TO_F32 = 0,
  F32_TO_I32 = 1,
  F32_TO_BOOL = 2,
  I32_TO_BOOL = 3,
}

export const enum CastArgs {
  X = 20,
  Y = 24,
  COUNT = 28,
  KIND = 32,
}

/** KIND is a `Binary`. */
export const enum IntBinaryArgs {
  A = 20,
  B = 24,
  Y = 28,
  COUNT = 32,
  KIND = 36,
}

export const enum SelectArgs {
  C = 20,
  A = 24,
  B = 28,
  Y = 32,
  COUNT = 36,
}

/** GATHER reads X and writes Y, GATHER_GRAD the other way round. */
export const enum GatherArgs {
  X = 20,
  INDICES = 24,
  Y = 28,
  OUTER = 32,
  AXIS = 36,
  COUNT = 40,
  INNER = 44,
  ROWS = 48,
}

export const enum ArgReduceArgs {
  X = 20,
  Y = 24,
  OUTER = 28,
  AXIS = 32,
  INNER = 36,
  SIGN = 40,
  LAST = 44,
  ROWS = 48,
}

export const enum PoolIndicesArgs {
  X = 20,
  Y = 24,
  H = 28,
  W = 32,
  OH = 36,
  OW = 40,
  KH = 44,
  KW = 48,
  SH = 52,
  SW = 56,
  DH = 60,
  DW = 64,
  PT = 68,
  PL = 72,
  COLUMN_MAJOR = 76,
}
