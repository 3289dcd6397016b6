import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { model } from '../engine.ts';
import { number, percent, t } from '../i18n/index.ts';
import { type Answer, answer, isEmpty, prediction } from './recognise.ts';

/** Silence after which the answer counts as settled and is read out, milliseconds. */
const SETTLED = 700;

const announcement = signal('');

const spoken = (found: Answer | null): string => {
  const text = t.peek().digit;
  if (isEmpty.peek()) return text.nothing;
  if (!found) return '';
  const share = percent(found.probability);
  return found.sure
    ? text.recognised(found.label, share)
    : `${text.unsure}. ${text.unsureBest(found.label, share)}`;
};

/** The answer, large, and the ten probabilities as columns. */
export function Result() {
  useEffect(() => {
    let timer = 0;
    const stop = effect(() => {
      const found = answer.value;
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        announcement.value = spoken(found);
      }, SETTLED);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  const text = t.value.digit;
  const found = answer.value;
  const time = prediction.value?.milliseconds;
  return (
    <section class="card result" aria-label={text.result}>
      <div class="answer" data-state={found ? (found.sure ? 'sure' : 'unsure') : 'none'}>
        <output class="answer-digit" data-testid="answer" aria-hidden="true">
          {found ? (found.sure ? found.label : '?') : '–'}
        </output>
        <div class="answer-text" aria-hidden="true">
          <strong>
            {found ? (found.sure ? text.sure(percent(found.probability)) : text.unsure) : text.nothing}
          </strong>
          {found && !found.sure && <span>{text.unsureBest(found.label, percent(found.probability))}</span>}
          {found?.sure && time !== undefined && <span>{text.milliseconds(number(time, 2))}</span>}
        </div>
      </div>
      <p class="hidden" role="status">
        {announcement.value}
      </p>
      <Columns />
    </section>
  );
}

function Columns() {
  const text = t.value.digit;
  const probabilities = prediction.value?.probabilities;
  const best = answer.value?.index;
  const classes = model.value?.classes ?? [...'0123456789'];
  return (
    <ol class="columns" aria-label={text.probabilities}>
      {classes.map((label, i) => {
        const share = probabilities?.[i] ?? 0;
        return (
          <li key={label} data-best={i === best} data-testid={`probability-${label}`}>
            <span class="hidden">{probabilities ? text.probability(label, percent(share)) : label}</span>
            <span class="column" aria-hidden="true">
              <span class="column-fill" style={{ transform: `scaleY(${share})` }} />
            </span>
            <span class="column-label" aria-hidden="true">
              {label}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
