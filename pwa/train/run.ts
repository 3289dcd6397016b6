/** The training run: it belongs to the app, not to the page, and goes on when the page is left. */
import { batch, computed, signal } from '@preact/signals';
import { proxy } from 'comlink';
import type {
  EpochLook,
  EpochReport,
  ResumableRun,
  RunLog,
  StepReport,
  TrainListener,
  TrainOptions,
  TrainReport,
} from '../../workers/api.ts';
import { engine, messageOf, refreshModels } from '../engine.ts';
import { askToKeep } from '../storage.ts';
import { watchOver } from './awake.ts';
import { warningFor } from './health.ts';
import { findResumable, isBusy, type Phase, phase, progress, resumable, unsaved } from './status.ts';

/** Points of a curve beyond which every other one is dropped. */
const MOST_POINTS = 2000;
/** Reports of the first moments vary too much for a guess of the time left. */
const STEPS_BEFORE_GUESS = 5;
/** Pause between two drawings of the curves. */
const DRAW_MS = 250;

/** `text` names the message that says what to do, `detail` is the engine's own. */
export interface Problem {
  readonly text: 'failed' | 'diverged' | 'controlFailed' | 'notStored' | 'resumeFailed';
  readonly detail: string;
}

export const log = signal<RunLog | null>(null);
export const classes = signal<readonly string[]>([]);
export const look = signal<EpochLook | null>(null);
/** Share of the validation images measured, while that goes on. */
export const measuring = signal<number | null>(null);
export const report = signal<TrainReport | null>(null);
export const problem = signal<Problem | null>(null);
/** When the last checkpoint was written; a message where that failed. */
export const saved = signal<{ readonly at: number; readonly problem: string | null } | null>(null);

/** The step that the run went back to when the device lost its weights. */
export const rewound = signal<number | null>(null);

export const latest = computed<StepReport | null>(() => log.value?.points.at(-1) ?? null);
export const epochs = computed<readonly EpochReport[]>(() => log.value?.epochs ?? []);
/** Reports are fewer than steps; the end of the run tells the last one. */
export const stepsDone = computed(() => report.value?.steps ?? latest.value?.step ?? 0);
export const warning = computed(() =>
  isBusy.value && log.value ? warningFor(log.value.points, epochs.value, classes.value.length) : null,
);

/** Seconds left at the present speed, null while that cannot be told. */
export const remaining = computed<number | null>(() => {
  const now = latest.value;
  if (!now || now.step < STEPS_BEFORE_GUESS || !log.value) return null;
  const speeds = log.value.points.slice(-20).map((p) => p.imagesPerSecond);
  const speed = speeds.reduce((a, v) => a + v, 0) / speeds.length;
  return speed > 0 ? ((now.steps - now.step) * log.value.options.batch) / speed : null;
});

let pending: StepReport[] = [];
let timer = 0;

/** Reports are drawn a few times a second, however fast they come. */
function onStep(step: StepReport): void {
  pending.push(step);
  if (timer === 0) timer = window.setTimeout(flush, DRAW_MS);
}

function flush(): void {
  clearTimeout(timer);
  timer = 0;
  const [steps, current] = [pending, log.peek()];
  pending = [];
  const last = steps.at(-1);
  if (!last || !current || !isBusy.peek()) return;
  const thin = current.points.length >= MOST_POINTS;
  const points = thin ? current.points.filter((_, i) => i % 2 === 1) : current.points;
  batch(() => {
    if (phase.peek() === 'preparing') phase.value = 'running';
    log.value = { ...current, points: [...points, ...steps] };
    progress.value = last.step / last.steps;
  });
}

const listener = (): TrainListener =>
  proxy({
    onData: (data) => {
      classes.value = data.classes;
    },
    onStep,
    onMeasuring: (share) => {
      measuring.value = share < 1 ? share : null;
    },
    onEpoch: (epoch: EpochReport, seen: EpochLook | null) => {
      flush();
      const current = log.peek();
      batch(() => {
        if (current) log.value = { ...log.peek()!, epochs: [...current.epochs, epoch] };
        look.value = seen;
        measuring.value = null;
      });
    },
    onRewind: (step: number) => {
      flush();
      const current = log.peek();
      rewound.value = step;
      if (!current) return;
      log.value = {
        ...current,
        points: current.points.filter((p) => p.step <= step),
        epochs: current.epochs.filter((e) => e.step <= step),
      };
    },
    onCheckpoint: (why: string | null) => {
      saved.value = { at: Date.now(), problem: why };
    },
  });

async function follow(start: RunLog, work: () => Promise<TrainReport>): Promise<void> {
  if (isBusy.peek()) return;
  watchOver();
  void askToKeep();
  pending = [];
  batch(() => {
    log.value = start;
    classes.value = [];
    look.value = null;
    measuring.value = null;
    report.value = null;
    problem.value = null;
    saved.value = null;
    rewound.value = null;
    progress.value = start.points.length > 0 ? start.points.at(-1)!.step / start.points.at(-1)!.steps : 0;
    phase.value = 'preparing';
  });
  try {
    const result = await work();
    flush();
    batch(() => {
      report.value = result;
      measuring.value = null;
      phase.value = 'done';
      unsaved.value = result.problem !== null;
      if (result.problem) problem.value = { text: 'notStored', detail: result.problem };
    });
    await refreshModels();
  } catch (error) {
    const detail = messageOf(error);
    batch(() => {
      problem.value = { text: /diverged/.test(detail) ? 'diverged' : 'failed', detail };
      measuring.value = null;
      phase.value = 'failed';
    });
  }
  await lookForRuns();
}

export function start(options: TrainOptions, title: string): Promise<void> {
  const fresh: RunLog = { title, options, points: [], epochs: [] };
  return follow(fresh, () => engine.train(options, title, listener()));
}

/** Goes on with a run that a closed page left behind. */
export function goOn(run: ResumableRun): Promise<void> {
  resumable.value = resumable.peek().filter((r) => r.id !== run.id);
  return follow(run.log, () => engine.resumeRun(run.id, listener()));
}

export async function forget(run: ResumableRun): Promise<void> {
  resumable.value = resumable.peek().filter((r) => r.id !== run.id);
  await engine.forgetRun(run.id);
}

/** What was left behind; a failure is told. */
export async function lookForRuns(): Promise<void> {
  try {
    await findResumable();
  } catch (error) {
    problem.value = { text: 'resumeFailed', detail: messageOf(error) };
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
  unsaved.value = false;
  problem.value = null;
  log.value = null;
  look.value = null;
  report.value = null;
  phase.value = 'idle';
}
