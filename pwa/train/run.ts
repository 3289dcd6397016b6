/** The training run: it belongs to the app, not to the page, and goes on when the page is left. */
import { computed, signal } from '@preact/signals';
import { proxy } from 'comlink';
import type { EpochReport, StepReport, TrainOptions, TrainReport } from '../../workers/api.ts';
import { engine, markTrained, messageOf } from '../engine.ts';

/** idle → preparing → running ⇄ paused → stopping → done or failed → preparing … */
export type Phase = 'idle' | 'preparing' | 'running' | 'paused' | 'stopping' | 'done' | 'failed';

/** Points of a curve beyond which every other one is dropped. */
const MOST_POINTS = 2000;
/** Reports of the first moments vary too much for a guess of the time left. */
const STEPS_BEFORE_GUESS = 5;

export interface Curves {
  readonly steps: readonly number[];
  readonly loss: readonly number[];
  readonly accuracy: readonly number[];
  /** Validation, one point an epoch. */
  readonly epochSteps: readonly number[];
  readonly validationLoss: readonly number[];
  readonly validationAccuracy: readonly number[];
}

const NO_CURVES: Curves = {
  steps: [],
  loss: [],
  accuracy: [],
  epochSteps: [],
  validationLoss: [],
  validationAccuracy: [],
};

/** `text` names the message that says what to do, `detail` is the engine's own. */
export interface Problem {
  readonly text: 'failed' | 'controlFailed' | 'exportFailed';
  readonly detail: string;
}

export const phase = signal<Phase>('idle');
export const options = signal<TrainOptions | null>(null);
export const latest = signal<StepReport | null>(null);
export const epochs = signal<readonly EpochReport[]>([]);
export const curves = signal<Curves>(NO_CURVES);
export const report = signal<TrainReport | null>(null);
export const problem = signal<Problem | null>(null);

const BUSY: readonly Phase[] = ['preparing', 'running', 'paused', 'stopping'];
export const isBusy = computed(() => BUSY.includes(phase.value));

/** Reports are fewer than steps; the end of the run tells the last one. */
export const stepsDone = computed(() => report.value?.steps ?? latest.value?.step ?? 0);

/** Share of the steps done, 0 … 1. */
export const progress = computed(() => (latest.value ? stepsDone.value / latest.value.steps : 0));

export const bestAccuracy = computed(() =>
  epochs.value.length > 0 ? Math.max(...epochs.value.map((e) => e.validationAccuracy)) : null,
);

/** Seconds left at the present speed, null while that cannot be told. */
export const remaining = computed<number | null>(() => {
  const now = latest.value;
  if (!now || !options.value || now.step < STEPS_BEFORE_GUESS || !(now.imagesPerSecond > 0)) return null;
  return ((now.steps - now.step) * options.value.batch) / now.imagesPerSecond;
});

let pendingStep: StepReport | null = null;
let frame = 0;

/** Reports are drawn once a frame, however fast they come; a hidden page draws the latest when shown. */
function onStep(step: StepReport): void {
  pendingStep = step;
  if (frame === 0) frame = requestAnimationFrame(flush);
}

function flush(): void {
  frame = 0;
  const step = pendingStep;
  pendingStep = null;
  if (!step || !isBusy.peek()) return;
  if (phase.peek() === 'preparing') phase.value = 'running';
  latest.value = step;
  const c = curves.peek();
  const thin = c.steps.length >= MOST_POINTS ? everyOther : (list: readonly number[]) => list;
  curves.value = {
    ...c,
    steps: [...thin(c.steps), step.step],
    loss: [...thin(c.loss), step.loss],
    accuracy: [...thin(c.accuracy), step.accuracy],
  };
}

const everyOther = (list: readonly number[]): readonly number[] => list.filter((_, i) => i % 2 === 1);

function onEpoch(epoch: EpochReport): void {
  flush();
  epochs.value = [...epochs.peek(), epoch];
  const c = curves.peek();
  curves.value = {
    ...c,
    epochSteps: [...c.epochSteps, latest.peek()?.step ?? 0],
    validationLoss: [...c.validationLoss, epoch.validationLoss],
    validationAccuracy: [...c.validationAccuracy, epoch.validationAccuracy],
  };
}

export async function start(chosen: TrainOptions): Promise<void> {
  if (isBusy.peek()) return;
  options.value = chosen;
  latest.value = null;
  epochs.value = [];
  curves.value = NO_CURVES;
  report.value = null;
  problem.value = null;
  phase.value = 'preparing';
  try {
    const result = await engine.train(chosen, proxy({ onStep, onEpoch }));
    flush();
    report.value = result;
    phase.value = 'done';
    markTrained(chosen.model);
  } catch (error) {
    problem.value = { text: 'failed', detail: messageOf(error) };
    phase.value = 'failed';
  }
}

/** Asks the engine and follows it only when it agrees. */
async function ask(request: () => Promise<void>, next: Phase): Promise<void> {
  try {
    await request();
    if (isBusy.peek()) phase.value = next;
  } catch (error) {
    problem.value = { text: 'controlFailed', detail: messageOf(error) };
  }
}

export const pause = (): Promise<void> => ask(() => engine.pause(), 'paused');
export const resume = (): Promise<void> => ask(() => engine.resume(), 'running');

export function stop(): Promise<void> {
  phase.value = 'stopping';
  return ask(() => engine.stop(), 'stopping');
}

/** Back to the form; the options stay. */
export function dismiss(): void {
  if (isBusy.peek()) return;
  problem.value = null;
  phase.value = 'idle';
}

/** Hands the trained weights to the user as a file. */
export async function download(): Promise<void> {
  const id = options.peek()?.model;
  if (!id) return;
  try {
    const bytes = await engine.exportWeights(id);
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${id}.safetensors`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    problem.value = { text: 'exportFailed', detail: messageOf(error) };
  }
}
