/** Time of every step, by the device's clock where it has one, else by the host's. */
import type { StepTime } from '../backend.ts';
import { type Gpu, Usage } from './gpu.ts';
import type { Program } from './program.ts';
import { readBuffer } from './readback.ts';

/** The most queries a set may hold, by the specification. */
const MOST_QUERIES = 4096;

/** One more run, a pass for each piece. */
export async function profileProgram(gpu: Gpu, program: Program): Promise<readonly StepTime[]> {
  const hasClock = gpu.device.features.has('timestamp-query') && 2 * program.pieces.length <= MOST_QUERIES;
  const times = program.pieces.length ? await (hasClock ? byDevice : byHost)(gpu, program) : [];
  const sums = new Array<number>(program.labels.length).fill(0);
  program.pieces.forEach(({ step }, i) => {
    sums[step] += times[i];
  });
  return program.labels.map((label, i) => ({ label, milliseconds: sums[i] }));
}

async function byDevice(gpu: Gpu, program: Program): Promise<number[]> {
  const { device } = gpu;
  const { pieces } = program;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * pieces.length });
  const bytes = 16 * pieces.length;
  // QUERY_RESOLVE of the specification.
  const stamps = gpu.buffer(bytes, 512 | Usage.COPY_SRC);
  try {
    for (const [i, piece] of pieces.entries()) {
      await gpu.checked(() => {
        const encoder = device.createCommandEncoder();
        const timestampWrites = {
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        };
        const pass = encoder.beginComputePass({ timestampWrites });
        program.encode(pass, piece);
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
    }
    await gpu.checked(() => {
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(querySet, 0, 2 * pieces.length, stamps, 0);
      device.queue.submit([encoder.finish()]);
    });
    const ns = new BigInt64Array(await readBuffer(gpu, stamps, bytes));
    return pieces.map((_, i) => Math.max(0, Number(ns[2 * i + 1] - ns[2 * i]) / 1e6));
  } finally {
    querySet.destroy();
    gpu.free(stamps);
  }
}

async function byHost(gpu: Gpu, program: Program): Promise<number[]> {
  const times: number[] = [];
  for (const piece of program.pieces) {
    const start = performance.now();
    await gpu.checked(() => {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      program.encode(pass, piece);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
    await gpu.wait(gpu.device.queue.onSubmittedWorkDone());
    times.push(performance.now() - start);
  }
  return times;
}
