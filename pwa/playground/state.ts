/** The experiment: what is set, and what the real kernels make of it. */
import { computed, effect, signal } from '@preact/signals';
import type { Experiment, ExperimentResult } from '../../workers/api.ts';
import { engine, messageOf } from '../engine.ts';
import { outputSize } from './geometry.ts';

export type Op = Experiment['op'];
export type Settings = Omit<Experiment, 'x' | 'w' | 'delta'>;
export type Deltas = 'ones' | 'one';

export const settings = signal<Settings>({
  op: 'conv',
  channels: 1,
  outChannels: 1,
  size: 6,
  kernel: 3,
  stride: 1,
  padding: 1,
  dilation: 1,
  groups: 1,
});
export type InputPattern = 'cross' | 'ramp' | 'step' | 'dot';
export type KernelPattern = 'edge' | 'blur' | 'sharpen' | 'identity' | 'laplace';
export const inputPattern = signal<InputPattern>('cross');
export const kernelPattern = signal<KernelPattern>('edge');
/** Values changed by hand, by place. */
const edits = signal<{ readonly x: ReadonlyMap<number, number>; readonly w: ReadonlyMap<number, number> }>({
  x: new Map(),
  w: new Map(),
});
export const deltas = signal<Deltas>('ones');
/** The output looked at: channel, row, column. */
export const picked = signal<readonly [number, number, number]>([0, 1, 1]);

export const result = signal<ExperimentResult | null>(null);
export const error = signal<string | null>(null);

const INPUTS: Record<InputPattern, (row: number, column: number, size: number) => number> = {
  cross: (r, c, n) => Number(r === c || r + c === n - 1),
  ramp: (r, c) => r + c,
  step: (_, c, n) => Number(c >= n / 2),
  dot: (r, c, n) => Number(r === Math.floor(n / 2) && c === Math.floor(n / 2)),
};

const KERNELS: Record<KernelPattern, (row: number, column: number, size: number) => number> = {
  // Sobel's where the size is 3.
  edge: (r, c, n) => Math.sign(c - (n - 1) / 2) * (r === (n - 1) / 2 ? 2 : 1),
  blur: (_, __, n) => Math.round(100 / n ** 2) / 100,
  sharpen: (r, c, n) =>
    isMiddle(r, c, n) ? 5 : Math.abs(r - (n - 1) / 2) + Math.abs(c - (n - 1) / 2) === 1 ? -1 : 0,
  identity: (r, c, n) => Number(isMiddle(r, c, n)),
  laplace: (r, c, n) => (isMiddle(r, c, n) ? n ** 2 - 1 : -1),
};

const isMiddle = (r: number, c: number, n: number): boolean =>
  r === Math.floor(n / 2) && c === Math.floor(n / 2);

export const hasKernel = computed(() => settings.value.op === 'conv' || settings.value.op === 'transposed');

/** Shape of the weights' first two dimensions. */
export const weightDims = computed<readonly [number, number]>(() => {
  const { op, channels, outChannels, groups } = settings.value;
  return op === 'transposed' ? [channels, outChannels / groups] : [outChannels, channels / groups];
});

/** Later channels are turned, so that they differ. */
function fill(
  planes: number,
  side: number,
  edited: ReadonlyMap<number, number>,
  pattern: (r: number, c: number, n: number) => number,
) {
  return Float32Array.from({ length: planes * side ** 2 }, (_, i) => {
    const known = edited.get(i);
    if (known !== undefined) return known;
    const [plane, r, c] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    return plane % 2 === 0 ? pattern(r, c, side) : pattern(c, r, side);
  });
}

export const x = computed(() =>
  fill(settings.value.channels, settings.value.size, edits.value.x, INPUTS[inputPattern.value]),
);
export const w = computed(() => {
  const [a, b] = weightDims.value;
  return fill(
    Math.max(1, Math.floor(a * b)),
    settings.value.kernel,
    edits.value.w,
    KERNELS[kernelPattern.value],
  );
});

const isPool = (op: Op): boolean => op === 'max-pool' || op === 'avg-pool';

/** Changes settings; what no longer fits is brought into line. */
export function set(change: Partial<Settings>): void {
  const next = { ...settings.value, ...change };
  if (isPool(next.op)) Object.assign(next, { outChannels: next.channels, groups: 1 });
  if (next.channels % next.groups !== 0 || next.outChannels % next.groups !== 0) {
    Object.assign(next, { groups: 1 });
  }
  if (isPool(next.op)) Object.assign(next, { padding: Math.min(next.padding, Math.floor(next.kernel / 2)) });
  settings.value = next;
  edits.value = { x: 'size' in change || 'channels' in change ? new Map() : edits.value.x, w: new Map() };
}

export function setPattern(which: 'x' | 'w', pattern: string): void {
  edits.value = { ...edits.value, [which]: new Map() };
  if (which === 'x') inputPattern.value = pattern as InputPattern;
  else kernelPattern.value = pattern as KernelPattern;
}

export function edit(which: 'x' | 'w', at: number, value: number): void {
  edits.value = { ...edits.value, [which]: new Map([...edits.value[which], [at, value]]) };
}

const experiment = computed<Experiment | null>(() => {
  const s = settings.value;
  const side = outputSize(s);
  if (side < 1) return null;
  const delta = new Float32Array(s.outChannels * side ** 2);
  if (deltas.value === 'ones') delta.fill(1);
  else delta[placeOf(picked.value, side, s.outChannels)] = 1;
  return { ...s, x: x.value, w: w.value, delta };
});

/** The picked place, moved into the output where that has become smaller. */
export function placeOf(
  [channel, row, column]: readonly [number, number, number],
  side: number,
  channels: number,
): number {
  const at = [Math.min(channel, channels - 1), Math.min(row, side - 1), Math.min(column, side - 1)] as const;
  return (at[0] * side + at[1]) * side + at[2];
}

let inFlight = false;
let again = false;

async function run(): Promise<void> {
  inFlight = true;
  do {
    again = false;
    const e = experiment.peek();
    try {
      result.value = e && (await engine.experiment(e));
      error.value = null;
    } catch (cause) {
      result.value = null;
      error.value = messageOf(cause);
    }
  } while (again);
  inFlight = false;
}

/** Runs the kernels whenever something changes. @returns what ends it */
export const follow = (): (() => void) =>
  effect(() => {
    experiment.value;
    if (inFlight) again = true;
    else void run();
  });
