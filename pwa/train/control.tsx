import { digitModels } from '../engine.ts';
import { clock, duration, number, percent } from '../i18n/index.ts';
import { Alert } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import * as run from './run.ts';
import { Save } from './save.tsx';
import { isBusy, phase, progress } from './status.ts';
import { text } from './text.ts';

function statusText(): string {
  const words = text.value;
  const now = phase.value;
  if (now === 'done') return words.done[run.report.value?.reason ?? 'finished'];
  if (now === 'idle' || now === 'failed') return '';
  return words[now];
}

/** Progress, figures and the buttons of a run. */
export function Control() {
  const words = text.value;
  const now = run.latest.value;
  const left = run.remaining.value;
  const measuring = run.measuring.value;
  return (
    <section class="card control" aria-labelledby="run-status">
      <h2 id="run-status">
        <span role="status" data-testid="run-status">
          {statusText()}
        </span>
      </h2>
      <p class="quiet run-title">{run.log.value?.title}</p>
      <progress
        aria-label={words.progress}
        max={1}
        {...(phase.value === 'preparing'
          ? {}
          : { value: run.report.value?.reason === 'finished' ? 1 : progress.value })}
      />
      <p class="split quiet">
        <span data-testid="steps">
          {now ? words.step(number(run.stepsDone.value), number(now.steps)) : ''}
        </span>
        <span>{isBusy.value && left !== null ? words.remaining(duration(left)) : ''}</span>
      </p>
      <dl class="figures">
        <Figure name={words.loss} value={now ? number(now.loss, 4) : '–'} id="loss" />
        <Figure name={words.accuracy} value={now ? percent(now.accuracy, 1) : '–'} id="accuracy" />
        <Figure name={words.lr} value={now ? number(now.lr, 6) : '–'} />
        <Figure name={words.speed} value={now ? number(now.imagesPerSecond) : '–'} id="speed" />
      </dl>
      <p class="quiet saved" data-testid="saved">
        {measuring !== null ? words.measuring(percent(measuring)) : savedText()}
      </p>
      {isBusy.value ? <Buttons /> : <After />}
    </section>
  );
}

function savedText(): string {
  const saved = run.saved.value;
  if (!isBusy.value || !saved || saved.problem) return '';
  return text.value.checkpoint(clock(saved.at));
}

function Figure({ name, value, id }: { name: string; value: string; id?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={id}>{value}</dd>
    </div>
  );
}

function Buttons() {
  const words = text.value;
  const now = phase.value;
  return (
    <div class="buttons">
      {now === 'paused' ? (
        <button type="button" class="button primary" onClick={() => void run.resume()}>
          <Icon name="play" />
          {words.resume}
        </button>
      ) : (
        <button type="button" class="button" disabled={now !== 'running'} onClick={() => void run.pause()}>
          <Icon name="pause" />
          {words.pause}
        </button>
      )}
      <button type="button" class="button" disabled={now === 'stopping'} onClick={() => void run.stop()}>
        <Icon name="stop" />
        {words.stop}
      </button>
    </div>
  );
}

/** What to do with the result. */
function After() {
  const words = text.value;
  const model = run.report.value?.model;
  const log = run.log.value;
  if (!model || !log) return null;
  const readsDigits = digitModels.value.some((m) => m.id === model);
  return (
    <>
      <div class="buttons">
        {readsDigits ? (
          <a class="button primary" href={`#/digit?model=${model}`}>
            {words.tryIt}
          </a>
        ) : (
          <a class="button primary" href={`#/inside?model=${model}`}>
            {words.lookInside}
          </a>
        )}
        <button type="button" class="button" onClick={run.dismiss}>
          {words.again}
        </button>
        <a class="button" href="#/models">
          {words.shelf}
        </a>
      </div>
      <Save model={model} title={log.title} log={async () => log} />
    </>
  );
}

/** What the user should know while it runs. */
export function Warnings() {
  const words = text.value;
  const warning = run.warning.value;
  const saved = run.saved.value;
  return (
    <>
      {isBusy.value && run.rewound.value !== null && (
        <p class="notice" role="status">
          {words.rewound(number(run.rewound.value))}
        </p>
      )}
      {warning && <Alert text={words.warnings[warning]} />}
      {isBusy.value && saved?.problem && <Alert text={words.checkpointFailed} detail={saved.problem} />}
    </>
  );
}
