import { useMemo } from 'preact/hooks';
import type { RunLog } from '../../workers/api.ts';
import { number, percent } from '../i18n/index.ts';
import { Select } from '../ui/controls.tsx';
import * as compare from './compare.ts';
import { Curve, type Series } from './curve.tsx';
import { log } from './run.ts';
import { text } from './text.ts';

type Measure = 'loss' | 'accuracy';

const ENDS = { loss: 'validationLoss', accuracy: 'validationAccuracy' } as const;

/** Training and validation of one run; of two runs each has a colour, and training steps back. */
function seriesOf(run: RunLog, measure: Measure, role: 'alone' | 'first' | 'second'): Series[] {
  const words = text.value;
  const name = (part: string) => (role === 'alone' ? part : words.runOf(run.title, part));
  const ink = role === 'second' ? 'second' : 'accent';
  const x = run.points.map((p) => p.step);
  const ends = run.epochs.map((e) => e.step);
  return [
    { name: name(words.training), x, y: run.points.map((p) => p[measure]), ink, faint: role !== 'alone' },
    {
      name: name(words.validation),
      x: ends,
      y: run.epochs.map((e) => e[ENDS[measure]]),
      ink: role === 'alone' ? 'second' : ink,
      dots: true,
    },
  ];
}

function lineOf(run: RunLog, key: 'lr' | 'imagesPerSecond', role: 'first' | 'second'): Series {
  return {
    name: run.title,
    x: run.points.map((p) => p.step),
    y: run.points.map((p) => p[key]),
    ink: role === 'first' ? 'accent' : 'second',
  };
}

/** Loss, accuracy, learning rate and speed of the present run, or of past ones side by side. */
export function Charts() {
  const words = text.value;
  const [run, beside] = [compare.main.value, compare.other.value];
  const both = useMemo(() => {
    const pair = (measure: Measure) => [
      ...(run ? seriesOf(run, measure, beside ? 'first' : 'alone') : []),
      ...(beside ? seriesOf(beside, measure, 'second') : []),
    ];
    const lines = (key: 'lr' | 'imagesPerSecond') => [
      ...(run ? [lineOf(run, key, 'first')] : []),
      ...(beside ? [lineOf(beside, key, 'second')] : []),
    ];
    return {
      loss: pair('loss'),
      accuracy: pair('accuracy'),
      lr: lines('lr'),
      speed: lines('imagesPerSecond'),
    };
  }, [run, beside, words]);
  const now = run?.points.at(-1);
  const alt = (name: string, value: string) => words.curveAlt(name, value);
  return (
    <section class="charts" aria-label={words.curves}>
      <Choice />
      {run || beside ? (
        <div class="curves">
          <Curve
            title={words.loss}
            alt={alt(words.loss, number(now?.loss ?? Number.NaN, 3))}
            series={both.loss}
            format={(v) => number(v, 2)}
          />
          <Curve
            title={words.accuracy}
            alt={alt(words.accuracy, percent(now?.accuracy ?? 0, 1))}
            series={both.accuracy}
            format={(v) => percent(v)}
            range={[0, 1]}
          />
          <Curve
            low
            title={words.lr}
            alt={alt(words.lr, number(now?.lr ?? 0, 6))}
            series={both.lr}
            format={(v) => number(v, 6)}
          />
          <Curve
            low
            title={words.speed}
            alt={alt(words.speed, number(now?.imagesPerSecond ?? 0))}
            series={both.speed}
            format={(v) => number(v)}
          />
        </div>
      ) : (
        <p class="quiet placeholder">{words.idle}</p>
      )}
    </section>
  );
}

/** Past runs to show, where there are any. */
function Choice() {
  const words = text.value;
  const runs = compare.withLogs.value;
  if (runs.length === 0) return null;
  const options = [['', words.nothing], ...runs.map((m) => [m.id, m.title] as const)] as const;
  return (
    <div class="pair">
      {!log.value && (
        <Select
          label={words.pastRun}
          value={compare.first.value ?? ''}
          options={options}
          onChange={(id) => compare.show('first', id || null)}
        />
      )}
      <Select
        label={words.compareWith}
        value={compare.second.value ?? ''}
        options={options}
        onChange={(id) => compare.show('second', id || null)}
      />
    </div>
  );
}
