/**
 * The contract between the TypeScript that writes command lists and the WebAssembly that runs them.
 * Compiled by both compilers: only `export const enum` with literal values may stand here.
 *
 * A program is a run of records. A record is a header of five 32-bit words (`Command`) followed by the
 * arguments of its opcode, one 32-bit word each: a byte address, an i32 or an f32. Every enum of
 * arguments (`args.ts`, `conv-args.ts`) gives byte offsets from the start of the record, in the order in which
 * lowerings list them.
 */

/** Record header. */
export const enum Command {
  OPCODE = 0,
  /** Length of the whole record in bytes. */
  BYTES = 4,
  /** Number of independent tiles; a thread claims one at a time. */
  TILES = 8,
  /** 1: nobody goes on until all tiles of the records before this one are done. */
  BARRIER = 12,
  /** Address of this record's claim counter, 64 bits: tiles claimed from the front, tiles claimed from the back. */
  COUNTER = 16,
  /** First argument. */
  ARGS = 20,
}

/** Control block, at address `Layout.CONTROL`. Words written by different threads lie on different cache lines. */
export const enum Control {
  /** Number of the run << 5 | number of threads that may take part, 0 between runs; parked threads wait on it. */
  RUN = 0,
  /** From a word that is waited on to the number of threads asleep there. */
  SLEEPERS = 4,
  PROGRAM_BEGIN = 8,
  PROGRAM_END = 12,
  /** Times a waiting thread looks at a word before it sleeps. */
  SPIN = 16,
  /** Tiles completed in this run; as/sync.ts: or that it is aborted. */
  DONE = 64,
  /** Threads other than 0 inside the run. */
  INSIDE = 128,
  /** Address of the record a thread trapped in, or 0. */
  FAULT = 192,
  BYTES = 256,
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
  CONV_GATHER = 51,
  WINOGRAD_GRAD = 50,
  CAST = 60,
  INT_BINARY = 61,
  SELECT = 62,
  GATHER = 63,
  GATHER_GRAD = 64,
  ARG_REDUCE = 65,
  POOL_INDICES = 66,
  CTC_LOSS = 70,
  CTC_LOSS_GRAD = 71,
  INT8_PACK = 80,
  INT8_CONV = 81,
  INT8_WINOGRAD_FILTER = 82,
  INT8_WINOGRAD = 83,
  QUANTIZE = 84,
  DEQUANTIZE = 85,
  INT8_POOL = 86,
  INT8_ADD = 87,
}
