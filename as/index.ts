/**
 * The interpreter: every thread runs the same program over shared memory, claiming tiles of each record and
 * waiting at barriers for those that others have claimed. Exports only; the one switch over `Opcode` is `dispatch`.
 */
import { binary, unary, unaryGrad } from "./elementwise";
import { conv, convGather, convPad } from "./conv";
import { convDirect } from "./conv-direct";
import { convDirectGrad } from "./conv-direct-grad";
import { depthwise, depthwiseGrad } from "./depthwise";
import { convFilterGrad, convScatter, sumPartials } from "./conv-grad";
import { copy, fill } from "./copy";
import { ctcLoss, ctcLossGrad } from "./ctc";
import { countCorrect, crossEntropy, crossEntropyGrad, softmax, softmaxGrad } from "./softmax";
import { gemm } from "./gemm";
import { batchNorm, batchNormGrad, channelAffine } from "./norm";
import { dropout } from "./random";
import { argReduce, cast, gather, gatherGrad, intBinary, poolIndices, select } from "./indexing";
import { int8Conv } from "./int8-conv";
import { int8Pack, int8WinogradFilter } from "./int8-pack";
import { dequantize, int8Add, int8Pool, quantize } from "./int8-pool";
import { int8Winograd } from "./int8-winograd";
import { linear } from "./linear";
import { localResponseNorm, localResponseNormGrad } from "./lrn";
import { optimizer } from "./optimizer";
import { pack } from "./pack";
import { pool } from "./pool";
import { poolGrad } from "./pool-grad";
import { reduce } from "./reduce";
import { winograd, winogradFilter } from "./winograd";
import { winogradGrad } from "./winograd-grad";
import { Command, Control, Layout, Opcode } from "./protocol";
import { aborted, abortRun, awaitTiles, claim, close, complete, enter, leave, open, setMaySleep } from "./sync";

/** Globals are per instance, and there is one instance a thread. */
let thread: i32 = 0;
let record: usize = 0;

/** Must be called once, before anything else, with the thread's number and whether it may sleep while it waits. */
export function setup(id: i32, maySleep: bool): void {
  thread = id;
  setMaySleep(maySleep);
}

/** The record this thread is in or was in last: where a trap happened. */
export function currentRecord(): usize {
  return record;
}

/** Thread 0: runs records [begin, end) with at most `threads` threads. Returns 1 when done, 0 when aborted. */
export function execute(begin: usize, end: usize, threads: i32): i32 {
  store<usize>(Layout.CONTROL + Control.PROGRAM_BEGIN, begin);
  store<usize>(Layout.CONTROL + Control.PROGRAM_END, end);
  if (threads > 1) {
    for (let r = begin; r < end; r += load<usize>(r + Command.BYTES)) store<i64>(load<usize>(r + Command.COUNTER), 0);
  }
  open(threads);
  run(begin, end, threads);
  close();
  // Not a result of run: V8 11.3 (Node 20) loses a value that lies on the stack while close sleeps.
  return aborted() ? 0 : 1;
}

/** After a trap in thread 0: makes the others leave and waits for them. */
export function abandon(): void {
  abortRun();
  close();
}

/** Threads 1, 2, …: takes part in runs, for ever. Only a trap leaves it; then call `recover`. */
export function serve(): void {
  for (;;) {
    const threads = enter(thread), control: usize = Layout.CONTROL;
    run(load<usize>(control + Control.PROGRAM_BEGIN), load<usize>(control + Control.PROGRAM_END), threads);
    leave();
  }
}

/** After a trap in `serve`: records the fault, makes the others leave, leaves too. `serve` can be called again. */
export function recover(): void {
  store<u32>(Layout.CONTROL + Control.FAULT, <u32>record);
  abortRun();
  leave();
}

/** Returns when all tiles of all records are done, or the run is aborted. */
function run(begin: usize, end: usize, threads: i32): void {
  const scratch: usize = Layout.SCRATCH + thread * Layout.SCRATCH_BYTES;
  /** Tiles of the records so far, and those that this thread has done since it last said so. */
  let all = 0, own = 0;
  for (let r = begin; r < end; r += load<usize>(r + Command.BYTES)) {
    record = r;
    const opcode = load<i32>(r + Command.OPCODE);
    const tiles = load<i32>(r + Command.TILES);
    if (threads == 1) {
      for (let tile = 0; tile < tiles; tile++) dispatch(opcode, r, tile, scratch);
      continue;
    }
    if (load<i32>(r + Command.BARRIER)) {
      if (own) complete(own);
      own = 0;
      awaitTiles(all);
    }
    if (aborted()) return;
    const counter = load<usize>(r + Command.COUNTER);
    for (let tile = claim(counter, tiles, thread); tile >= 0; tile = claim(counter, tiles, thread)) {
      dispatch(opcode, r, tile, scratch);
      own++;
    }
    all += tiles;
  }
  if (threads == 1) return;
  if (own) complete(own);
  awaitTiles(all);
}

function dispatch(opcode: i32, r: usize, tile: i32, scratch: usize): void {
  switch (opcode) {
    case Opcode.FILL: return fill(r, tile);
    case Opcode.COPY: return copy(r, tile);
    case Opcode.UNARY: return unary(r, tile);
    case Opcode.UNARY_GRAD: return unaryGrad(r, tile);
    case Opcode.BINARY: return binary(r, tile);
    case Opcode.REDUCE: return reduce(r, tile);
    case Opcode.PACK: return pack(r, tile, scratch);
    case Opcode.GEMM: return gemm(r, tile, scratch);
    case Opcode.CONV: return conv(r, tile, scratch);
    case Opcode.CONV_GATHER: return convGather(r, tile, scratch);
    case Opcode.CONV_DIRECT: return convDirect(r, tile, scratch);
    case Opcode.CONV_DIRECT_GRAD: return convDirectGrad(r, tile, scratch);
    case Opcode.DEPTHWISE: return depthwise(r, tile, scratch);
    case Opcode.DEPTHWISE_GRAD: return depthwiseGrad(r, tile, scratch);
    case Opcode.CONV_PAD: return convPad(r, tile);
    case Opcode.CONV_FILTER_GRAD: return convFilterGrad(r, tile, scratch);
    case Opcode.CONV_SCATTER: return convScatter(r, tile, scratch);
    case Opcode.SUM_PARTIALS: return sumPartials(r, tile);
    case Opcode.WINOGRAD_FILTER: return winogradFilter(r, tile, scratch);
    case Opcode.WINOGRAD: return winograd(r, tile, scratch);
    case Opcode.WINOGRAD_GRAD: return winogradGrad(r, tile, scratch);
    case Opcode.LINEAR: return linear(r, tile, scratch);
    case Opcode.POOL: return pool(r, tile, scratch);
    case Opcode.POOL_GRAD: return poolGrad(r, tile, scratch);
    case Opcode.SOFTMAX: return softmax(r, tile);
    case Opcode.SOFTMAX_GRAD: return softmaxGrad(r, tile);
    case Opcode.CROSS_ENTROPY: return crossEntropy(r, tile);
    case Opcode.CROSS_ENTROPY_GRAD: return crossEntropyGrad(r, tile);
    case Opcode.COUNT_CORRECT: return countCorrect(r, tile);
    case Opcode.OPTIMIZER: return optimizer(r, tile);
    case Opcode.BATCH_NORM: return batchNorm(r, tile, scratch);
    case Opcode.BATCH_NORM_GRAD: return batchNormGrad(r, tile, scratch);
    case Opcode.CHANNEL_AFFINE: return channelAffine(r, tile);
    case Opcode.LOCAL_RESPONSE_NORM: return localResponseNorm(r, tile);
    case Opcode.LOCAL_RESPONSE_NORM_GRAD: return localResponseNormGrad(r, tile, scratch);
    case Opcode.DROPOUT: return dropout(r, tile);
    case Opcode.CAST: return cast(r, tile);
    case Opcode.INT_BINARY: return intBinary(r, tile);
    case Opcode.SELECT: return select(r, tile);
    case Opcode.GATHER: return gather(r, tile);
    case Opcode.GATHER_GRAD: return gatherGrad(r, tile);
    case Opcode.ARG_REDUCE: return argReduce(r, tile);
    case Opcode.POOL_INDICES: return poolIndices(r, tile);
    case Opcode.CTC_LOSS: return ctcLoss(r, tile);
    case Opcode.CTC_LOSS_GRAD: return ctcLossGrad(r, tile, scratch);
    case Opcode.INT8_PACK: return int8Pack(r, tile);
    case Opcode.INT8_CONV: return int8Conv(r, tile, scratch);
    case Opcode.INT8_WINOGRAD_FILTER: return int8WinogradFilter(r, tile, scratch);
    case Opcode.INT8_WINOGRAD: return int8Winograd(r, tile, scratch);
    case Opcode.QUANTIZE: return quantize(r, tile);
    case Opcode.DEQUANTIZE: return dequantize(r, tile);
    case Opcode.INT8_POOL: return int8Pool(r, tile, scratch);
    case Opcode.INT8_ADD: return int8Add(r, tile);
    default: unreachable();
  }
}
