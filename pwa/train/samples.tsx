import { useEffect, useRef } from 'preact/hooks';
import type { EpochLook, InputShape, Sample } from '../../workers/api.ts';
import { number, percent } from '../i18n/index.ts';
import { paintPlanes } from '../ui/paint.ts';
import { classes, look } from './run.ts';
import { text } from './text.ts';

/** More classes than fit a screen are not drawn as a matrix. */
const MOST_CLASSES = 20;

/** What the network says after the latest epoch. */
export function Samples() {
  const seen = look.value;
  const words = text.value;
  if (!seen || classes.value.length === 0) return null;
  const wrongFirst = [...seen.samples].sort(
    (a, b) => Number(a.label === a.answer) - Number(b.label === b.answer),
  );
  return (
    <>
      <section class="samples-of-run" aria-labelledby="samples-of-run">
        <h2 id="samples-of-run">{words.samples}</h2>
        <p class="quiet">{words.samplesHint}</p>
        <ul>
          {wrongFirst.map((s, i) => (
            <SampleImage key={i} sample={s} shape={seen.shape} />
          ))}
        </ul>
      </section>
      {classes.value.length <= MOST_CLASSES && <Confusion of={seen} />}
    </>
  );
}

const nameOf = (label: number): string => classes.value[label] ?? String(label);

function SampleImage({ sample, shape }: { sample: Sample; shape: InputShape }) {
  const words = text.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { label, answer, probability, pixels } = sample;
  useEffect(() => paintPlanes(canvas.current!, pixels, shape), [pixels]);
  const right = label === answer;
  const sure = percent(probability);
  const told = right
    ? words.sampleRight(nameOf(label), sure)
    : words.sampleWrong(nameOf(label), nameOf(answer), sure);
  return (
    <li data-right={right}>
      <canvas ref={canvas} role="img" aria-label={told} />
      <span aria-hidden="true">{right ? nameOf(label) : `${nameOf(label)} → ${nameOf(answer)}`}</span>
    </li>
  );
}

/** Shares of each row, as shades; the numbers are in the cells. */
function Confusion({ of: { confusion } }: { of: EpochLook }) {
  const words = text.value;
  return (
    <div class="confusion">
      <h2 id="confusion">{words.confusion}</h2>
      <p class="quiet">{words.confusionHint}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region is reached by keyboard */}
      <section class="scroll" tabIndex={0} aria-labelledby="confusion">
        <table>
          <thead>
            <tr>
              <td />
              {confusion.map((_, answer) => (
                <th key={answer} scope="col">
                  {nameOf(answer)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {confusion.map((row, label) => (
              <Row key={label} row={row} label={label} />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function Row({ row, label }: { row: Int32Array; label: number }) {
  const sum = row.reduce((a, n) => a + n, 0) || 1;
  return (
    <tr>
      <th scope="row">{nameOf(label)}</th>
      {[...row].map((count, answer) => (
        <td
          key={answer}
          data-right={answer === label}
          data-shade={count === 0 ? 0 : Math.max(1, Math.round((count / sum) * 10))}
        >
          {count === 0 ? '' : number(count)}
        </td>
      ))}
    </tr>
  );
}
