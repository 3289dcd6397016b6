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
  /** Incremented to start a run; parked threads wait on it. */
  GENERATION = 0,
  /** Number of threads taking part, thread 0 included. */
  THREADS = 4,
  PROGRAM_BEGIN = 8,
  PROGRAM_END = 12,
  /** Times a waiting thread looks at a word before it sleeps. */
  SPIN = 16,
  /** Nonzero: threads leave their parking loop for good. */
  QUIT = 20,
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
  /** Distance between claim counters, in bytes: no two share a cache line. */
  COUNTER_STRIDE = 64,
}

export const enum Opcode {
  FILL = 1,
  COPY = 2,
  UNARY = 3,
  BINARY = 4,
  REDUCE = 5,
  PACK = 6,
  GEMM = 7,
  CONV = 8,
  CONV_FILTER_GRAD = 9,
  POOL = 10,
  POOL_GRAD = 11,
  CROSS_ENTROPY = 12,
  CROSS_ENTROPY_GRAD = 13,
  SOFTMAX = 14,
  SOFTMAX_GRAD = 15,
  RBF = 16,
  OPTIMIZER = 17,
  COUNT_CORRECT = 18,
  DROPOUT = 19,
  BATCH_NORM = 20,
  LRN = 21,
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
