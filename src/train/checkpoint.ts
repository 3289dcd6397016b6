/** A checkpoint: all variables and the place in the run, as one safetensors file. */
import { check, LensletError } from '../core/error.ts';
import type { Tensor } from '../core/tensor.ts';
import { parseSafetensors, writeSafetensors } from '../io/safetensors.ts';
import type { Session } from '../session.ts';

/** Where a run stands. Order and augmentation are functions of (seed, epoch), so this is all there is to know. */
export interface Progress {
  /** Epoch from 0, and how many of its batches are done. */
  readonly epoch: number;
  readonly batch: number;
  /** Updates made so far. */
  readonly step: number;
  /** What has been measured: reports of finished epochs, sums of the current one. */
  readonly history: unknown;
  /** Of every batch, the share that WASM computes and not the GPU, where batches are divided. */
  readonly share?: number;
}

/** Prefix of the weights that did best so far, beside the current ones. */
const BEST = 'best.';

export type Weights = ReadonlyMap<string, Tensor>;

/**
 * @param best the weights of the best epoch so far, if they are kept
 * @param options whatever makes the run what it is; a run can only be resumed with equal ones
 */
export async function saveCheckpoint(
  session: Session,
  progress: Progress,
  best: Weights | null,
  options: unknown,
): Promise<Uint8Array> {
  const tensors = await session.stateDict({ optimizer: true });
  for (const [name, value] of best ?? []) tensors.set(BEST + name, value);
  return writeSafetensors(tensors, {
    model: session.model.name,
    progress: JSON.stringify(progress),
    options: JSON.stringify(options),
  });
}

/** @throws LensletError 'format' for a file that is no checkpoint, 'value' for one of another run */
export async function loadCheckpoint(
  session: Session,
  bytes: Uint8Array,
  options: unknown,
): Promise<{ progress: Progress; best: Weights | null }> {
  const { tensors, metadata } = parseSafetensors(bytes);
  check(
    metadata.progress && metadata.options,
    'format',
    () => 'This file holds weights, but no checkpoint of a run.',
  );
  check(
    metadata.model === session.model.name,
    'value',
    () => `The checkpoint is of ${metadata.model}, not of ${session.model.name}.`,
  );
  check(
    metadata.options === JSON.stringify(options),
    'value',
    () =>
      `The checkpoint was made with other settings: ${metadata.options}. Resume with those, or start anew.`,
  );
  const progress = parseProgress(metadata.progress);
  const isBest = (name: string) => name.startsWith(BEST);
  const best = new Map([...tensors].filter(([n]) => isBest(n)).map(([n, t]) => [n.slice(BEST.length), t]));
  await session.loadStateDict(new Map([...tensors].filter(([n]) => !isBest(n))));
  return { progress, best: best.size ? best : null };
}

function parseProgress(text: string): Progress {
  try {
    const p = JSON.parse(text) as Progress;
    const { share = 1 } = p;
    const counts = [p.epoch, p.batch, p.step].every((n) => Number.isInteger(n) && n >= 0);
    if (counts && share >= 0 && share <= 1) return p;
  } catch {
    // Falls through to the error below.
  }
  throw new LensletError('format', 'The checkpoint does not say where its run stood: the file is damaged.');
}
