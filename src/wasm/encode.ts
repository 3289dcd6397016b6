/** Writes the steps of a plan as records (as/protocol.ts). */
import { Command } from '../../as/protocol.ts';
import type { Buffer, WasmKernel } from '../ir/kernel.ts';
import type { Step } from '../plan/compile.ts';

/** Bytes that `encode` will write. */
export const encodedBytes = (steps: readonly Step<WasmKernel>[]): number =>
  steps.reduce((sum, s) => sum + Command.ARGS + 4 * s.kernel.args.length, 0);

/**
 * Writes the program at byte address `at` and returns the address of each record.
 * @param counterOf address of the claim counter of step i
 * @param addressOf address of a buffer
 */
export function encode(
  memory: ArrayBufferLike,
  at: number,
  steps: readonly Step<WasmKernel>[],
  counterOf: (i: number) => number,
  addressOf: (b: Buffer) => number,
): number[] {
  const view = new DataView(memory);
  return steps.map(({ kernel, barrierBefore }, i) => {
    const record = at;
    const bytes = Command.ARGS + 4 * kernel.args.length;
    view.setInt32(record + Command.OPCODE, kernel.opcode, true);
    view.setInt32(record + Command.BYTES, bytes, true);
    view.setInt32(record + Command.TILES, kernel.tiles, true);
    view.setInt32(record + Command.BARRIER, barrierBefore ? 1 : 0, true);
    view.setInt32(record + Command.COUNTER, counterOf(i), true);
    kernel.args.forEach((arg, k) => {
      const word = record + Command.ARGS + 4 * k;
      if (arg.kind === 'f32') view.setFloat32(word, arg.value, true);
      else view.setInt32(word, arg.kind === 'i32' ? arg.value : arg.buffer ? addressOf(arg.buffer) : 0, true);
    });
    at += bytes;
    return record;
  });
}
