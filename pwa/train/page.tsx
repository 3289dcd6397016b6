import { useEffect } from 'preact/hooks';
import { capabilities, models } from '../engine.ts';
import { number, percent, when } from '../i18n/index.ts';
import { query } from '../query.ts';
import '../styles/train.css';
import { Alert } from '../ui/controls.tsx';
import { withUndo } from '../ui/toast.tsx';
import { Charts } from './charts.tsx';
import * as compare from './compare.ts';
import { Control, Warnings } from './control.tsx';
import { loadSets } from './data.ts';
import { TrainForm } from './form.tsx';
import { beginFrom, loadNetworks } from './form-state.ts';
import * as run from './run.ts';
import { Samples } from './samples.tsx';
import { phase, resumable } from './status.ts';
import { text } from './text.ts';

export default function TrainPage() {
  const words = text.value;
  const problem = run.problem.value;
  useEffect(() => {
    void Promise.all([loadNetworks(), loadSets(), run.lookForRuns()]);
    const [from, shown] = [query.peek().get('from'), query.peek().get('run')];
    const model = models.peek().find((m) => m.id === from);
    if (model) beginFrom(model);
    if (shown) compare.show(run.log.peek() ? 'second' : 'first', shown);
  }, []);
  return (
    <div class="train">
      <header class="page-head">
        <h1>{words.heading}</h1>
        <p class="quiet">{words.lead}</p>
      </header>
      <div class="train-input">
        {capabilities.value?.keeps === false && <p class="notice">{words.notKept}</p>}
        <Unfinished />
        {problem && <Alert text={words.problems[problem.text]} detail={problem.detail} />}
        <Warnings />
        {phase.value === 'idle' || phase.value === 'failed' ? <TrainForm /> : <Control />}
      </div>
      <div class="train-output">
        <Charts />
        <Samples />
        <Epochs />
      </div>
    </div>
  );
}

/** Runs that a closed page left behind. */
function Unfinished() {
  const words = text.value;
  const busy = phase.value !== 'idle' && phase.value !== 'failed';
  if (busy) return null;
  return (
    <>
      {resumable.value.map((r) => (
        <section key={r.id} class="card unfinished" aria-labelledby={`run-${r.id}`}>
          <h2 id={`run-${r.id}`}>{words.unfinished}</h2>
          <p>{r.title}</p>
          <p class="quiet">
            {words.step(number(r.step), number(r.steps))} · {when(r.created)}
          </p>
          <p class="quiet">{words.unfinishedHint}</p>
          <div class="buttons">
            <button type="button" class="button primary" onClick={() => void run.goOn(r)}>
              {words.goOn}
            </button>
            <button
              type="button"
              class="button"
              onClick={() => {
                const before = resumable.value;
                resumable.value = before.filter((other) => other !== r);
                withUndo(
                  words.forgotten,
                  () => void run.forget(r),
                  () => {
                    resumable.value = before;
                  },
                );
              }}
            >
              {words.forget}
            </button>
          </div>
        </section>
      ))}
    </>
  );
}

function Epochs() {
  const words = text.value;
  const rows = compare.main.value?.epochs ?? [];
  if (rows.length === 0) return null;
  const best = Math.max(...rows.map((e) => e.validationAccuracy ?? -1));
  const share = (v: number | null) => (v === null ? '–' : percent(v, 2));
  const loss = (v: number | null) => (v === null ? '–' : number(v, 4));
  return (
    <div class="epochs">
      <h2 id="epochs-heading">{words.epochTable}</h2>
      {best >= 0 && (
        <p class="quiet">
          {words.best}: <strong data-testid="best-accuracy">{percent(best, 2)}</strong>
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region is reached by keyboard */}
      <section class="scroll" tabIndex={0} aria-labelledby="epochs-heading">
        <table>
          <thead>
            <tr>
              <th scope="col">{words.epoch}</th>
              <th scope="col">{words.validationAccuracy}</th>
              <th scope="col">{words.validationLoss}</th>
              <th scope="col">{words.trainAccuracy}</th>
              <th scope="col">{words.trainLoss}</th>
              <th scope="col">{words.seconds}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((e) => (
              <tr key={e.epoch}>
                <th scope="row">{e.epoch}</th>
                <td>{share(e.validationAccuracy)}</td>
                <td>{loss(e.validationLoss)}</td>
                <td>{share(e.trainAccuracy)}</td>
                <td>{loss(e.trainLoss)}</td>
                <td>{number(e.seconds, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
