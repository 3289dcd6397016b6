/** Arguments of all other kernels: byte offsets in a record, see `protocol.ts`. */

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

/** X [N][CLASSES][STEPS], TARGETS [N][MOST], ALPHA [N][STEPS][2·MOST + 1]; the gradient alone uses DLOSS and DX. */
export const enum CtcArgs {
  X = 20,
  TARGETS = 24,
  INPUT_LENGTHS = 28,
  TARGET_LENGTHS = 32,
  LOSS = 36,
  ALPHA = 40,
  DLOSS = 44,
  DX = 48,
  CLASSES = 52,
  STEPS = 56,
  MOST = 60,
  BLANK = 64,
  ZERO_INFINITY = 68,
}
