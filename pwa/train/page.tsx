import { duration, number, percent, t } from '../i18n/index.ts';
import { Alert } from '../ui/controls.tsx';
import { Icon } from '../ui/icons.tsx';
import { Curve } from './curve.tsx';
import { TrainForm } from './form.tsx';
import * as run from './run.ts';

export function TrainPage() {
  const text = t.value.train;
  const phase = run.phase.value;
  const problem = run.problem.value;
  return (
    <div class="train">
      <header class="page-head">
        <h1>{text.heading}</h1>
        <p class="quiet">{text.lead}</p>
      </header>
      <div class="train-input">
        {phase === 'idle' || phase === 'failed' ? <TrainForm /> : <Control />}
        {problem && <Alert text={text[problem.text]} detail={problem.detail} />}
      </div>
      <div class="train-output">
        <Charts />
        <Epochs />
      </div>
    </div>
  );
}

function statusText(): string {
  const text = t.value.train;
  const phase = run.phase.value;
  if (phase === 'done') return text.done[run.report.value?.reason ?? 'finished'];
  if (phase === 'idle' || phase === 'failed') return '';
  return text[phase];
}

/** Progress, figures and the buttons of a run. */
function Control() {
  const text = t.value.train;
  const now = run.latest.value;
  const left = run.remaining.value;
  return (
    <section class="card control" aria-labelledby="run-status">
      <h2 id="run-status">
        <span role="status" data-testid="run-status">
          {statusText()}
        </span>
      </h2>
      <progress
        aria-label={text.progress}
        max={1}
        {...(run.phase.value === 'preparing' ? {} : { value: run.progress.value })}
      />
      <p class="split quiet">
        <span>{now ? text.step(number(run.stepsDone.value), number(now.steps)) : ''}</span>
        <span>{run.isBusy.value && left !== null ? text.remaining(duration(left)) : ''}</span>
      </p>
      <dl class="figures">
        <Figure name={text.loss} value={now ? number(now.loss, 4) : '–'} />
        <Figure name={text.accuracy} value={now ? percent(now.accuracy, 1) : '–'} id="accuracy" />
        <Figure name={text.lr} value={now ? number(now.lr, 6) : '–'} />
        <Figure name={text.speed} value={now ? number(now.imagesPerSecond) : '–'} />
      </dl>
      <Buttons />
    </section>
  );
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
  const text = t.value.train;
  const phase = run.phase.value;
  if (phase === 'done') {
    return (
      <div class="buttons">
        <a class="button primary" href="#/digit">
          {text.tryIt}
        </a>
        <button type="button" class="button" onClick={() => void run.download()}>
          <Icon name="download" />
          {text.download}
        </button>
        <button type="button" class="button" onClick={run.dismiss}>
          {text.again}
        </button>
      </div>
    );
  }
  return (
    <div class="buttons">
      {phase === 'paused' ? (
        <button type="button" class="button primary" onClick={() => void run.resume()}>
          <Icon name="play" />
          {text.resume}
        </button>
      ) : (
        <button type="button" class="button" disabled={phase !== 'running'} onClick={() => void run.pause()}>
          <Icon name="pause" />
          {text.pause}
        </button>
      )}
      <button type="button" class="button" disabled={phase === 'stopping'} onClick={() => void run.stop()}>
        <Icon name="stop" />
        {text.stop}
      </button>
    </div>
  );
}

function Charts() {
  const text = t.value.train;
  const now = run.latest.value;
  if (!now) return <p class="quiet placeholder">{text.idle}</p>;
  const c = run.curves.value;
  const shared = { steps: c.steps, epochSteps: c.epochSteps };
  return (
    <div class="curves">
      <Curve
        {...shared}
        title={text.loss}
        alt={text.lossAlt(number(now.loss, 3))}
        values={c.loss}
        validation={c.validationLoss}
        format={(v) => number(v, 2)}
      />
      <Curve
        {...shared}
        title={text.accuracy}
        alt={text.accuracyAlt(percent(now.accuracy, 1))}
        values={c.accuracy}
        validation={c.validationAccuracy}
        format={(v) => percent(v)}
        range={[0, 1]}
      />
    </div>
  );
}

function Epochs() {
  const text = t.value.train;
  const rows = run.epochs.value;
  const best = run.bestAccuracy.value;
  if (rows.length === 0) return null;
  return (
    <div class="epochs">
      <h2 id="epochs-heading">{text.epochTable}</h2>
      {best !== null && (
        <p class="quiet">
          {text.best}: <strong data-testid="best-accuracy">{percent(best, 2)}</strong>
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region is reached by keyboard */}
      <section class="scroll" tabIndex={0} aria-labelledby="epochs-heading">
        <table>
          <thead>
            <tr>
              <th scope="col">{text.epoch}</th>
              <th scope="col">{text.validationAccuracy}</th>
              <th scope="col">{text.validationLoss}</th>
              <th scope="col">{text.trainAccuracy}</th>
              <th scope="col">{text.trainLoss}</th>
              <th scope="col">{text.seconds}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((e) => (
              <tr key={e.epoch}>
                <th scope="row">{e.epoch}</th>
                <td>{percent(e.validationAccuracy, 2)}</td>
                <td>{number(e.validationLoss, 4)}</td>
                <td>{percent(e.trainAccuracy, 2)}</td>
                <td>{number(e.trainLoss, 4)}</td>
                <td>{number(e.seconds, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
