import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ExperimentResult } from '../../workers/api.ts';
import { number } from '../i18n/index.ts';
import '../styles/playground.css';
import { Alert, Segments, Select } from '../ui/controls.tsx';
import { outputSize, receptiveFields, rot180, tapsOf } from './geometry.ts';
import { type Mark, Numbers } from './grid.tsx';
import * as lab from './state.ts';
import { text } from './text.ts';

export default function PlaygroundPage() {
  const words = text.value;
  useEffect(() => lab.follow(), []);
  const found = lab.result.value;
  return (
    <div class="playground">
      <header class="page-head">
        <h1>{words.heading}</h1>
        <p class="quiet">{words.lead}</p>
      </header>
      <div class="playground-input">
        <Settings />
        <Formula />
      </div>
      <div class="playground-output">
        {outputSize(lab.settings.value) < 1 && <Alert text={words.tooSmall} />}
        {lab.error.value && <Alert text={words.failed} detail={lab.error.value} />}
        {found && fits(found) && (
          <>
            <Forward found={found} />
            <Backward found={found} />
          </>
        )}
      </div>
    </div>
  );
}

/** Whether the result is of what is set now: the kernels answer a moment later. */
const fits = ({ size, channels }: ExperimentResult): boolean =>
  size === outputSize(lab.settings.value) && channels === lab.settings.value.outChannels;

const upTo = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => [String(from + i), String(from + i)] as const);

function Settings() {
  const words = text.value;
  const s = lab.settings.value;
  const pick = (key: keyof Omit<lab.Settings, 'op'>, label: string, from: number, to: number) => (
    <Select
      label={label}
      value={String(s[key])}
      options={upTo(from, to)}
      onChange={(v) => lab.set({ [key]: Number(v) })}
    />
  );
  const names = <T extends string>(table: Readonly<Record<T, string>>) =>
    Object.entries(table) as [T, string][];
  return (
    <section class="card playground-settings" aria-label={words.op}>
      <Segments name="op" value={s.op} options={names(words.ops)} onChange={(op) => lab.set({ op })} />
      <div class="settings-grid">
        {pick('size', words.size, 3, 10)}
        {pick('kernel', words.kernel, 1, 5)}
        {pick('stride', words.stride, 1, 4)}
        {pick('padding', words.padding, 0, 4)}
        {pick('dilation', words.dilation, 1, 3)}
        {pick('channels', words.channels, 1, 4)}
        {lab.hasKernel.value && pick('outChannels', words.outChannels, 1, 4)}
        {lab.hasKernel.value && (
          <Select
            label={words.groups}
            value={String(s.groups)}
            options={upTo(1, 4).filter(
              ([g]) => s.channels % Number(g) === 0 && s.outChannels % Number(g) === 0,
            )}
            onChange={(g) => lab.set({ groups: Number(g) })}
          />
        )}
        <Select
          label={words.inputPattern}
          value={lab.inputPattern.value}
          options={names(words.inputs)}
          onChange={(p) => lab.setPattern('x', p)}
        />
        {lab.hasKernel.value && (
          <Select
            label={words.kernelPattern}
            value={lab.kernelPattern.value}
            options={names(words.kernels)}
            onChange={(p) => lab.setPattern('w', p)}
          />
        )}
      </div>
    </section>
  );
}

function Formula() {
  const words = text.value;
  const s = lab.settings.value;
  const { size: n, kernel: k, stride: st, padding: p, dilation: d } = s;
  const transposed = s.op === 'transposed';
  const general = transposed ? '(n − 1)·s − 2p + d·(k − 1) + 1' : '⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1';
  const filled = transposed
    ? `(${n} − 1)·${st} − 2·${p} + ${d}·(${k} − 1) + 1`
    : `⌊(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${st}⌋ + 1`;
  return (
    <section class="card formula" aria-labelledby="formula">
      <h2 id="formula">{words.formula}</h2>
      <p class="math">{general}</p>
      <p class="math">
        = {filled} = <strong data-testid="output-size">{outputSize(s)}</strong>
      </p>
      {!transposed && (
        <>
          <h2 id="field">{words.field}</h2>
          <p class="quiet">{words.fieldHint}</p>
          <table class="fields" aria-labelledby="field">
            <thead>
              <tr>
                <th scope="col">{words.layer}</th>
                <th scope="col">{words.pixels}</th>
                <th scope="col">{words.step}</th>
              </tr>
            </thead>
            <tbody>
              {receptiveFields(s, 4).map(([field, step], i) => (
                <tr key={i}>
                  <th scope="row">{i + 1}</th>
                  <td>
                    {field} × {field}
                  </td>
                  <td>{step}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}

const planes = (values: Float32Array, side: number): Float32Array[] =>
  Array.from({ length: values.length / side ** 2 }, (_, i) =>
    values.subarray(i * side ** 2, (i + 1) * side ** 2),
  );

/** Place looked at, within the output. */
function pickedIn({ size, channels }: ExperimentResult): readonly [number, number, number] {
  const at = lab.placeOf(lab.picked.value, size, channels);
  return [Math.floor(at / size ** 2), Math.floor(at / size) % size, at % size];
}

/** Input channels that an output channel sees. */
function inputsOf(output: number): readonly number[] {
  const { op, channels, outChannels, groups } = lab.settings.value;
  if (op === 'max-pool' || op === 'avg-pool') return [output];
  const each = channels / groups;
  const group = Math.floor(output / (outChannels / groups));
  return Array.from({ length: each }, (_, i) => group * each + i);
}

/** The kernel's plane between an output and an input channel of its group. */
function kernelPlane(output: number, input: number): number {
  const { op, channels, outChannels, groups } = lab.settings.value;
  const [ins, outs] = [channels / groups, outChannels / groups];
  return op === 'transposed' ? input * outs + (output % outs) : output * ins + (input % ins);
}

function Forward({ found }: { found: ExperimentResult }) {
  const words = text.value;
  return (
    <section class="card pass" aria-labelledby="forward">
      <h2 id="forward">{words.forward}</h2>
      <p class="quiet">{words.forwardHint}</p>
      <div class="tensors">
        <Inputs found={found} />
        {lab.hasKernel.value && <Kernels />}
        <Outputs found={found} />
      </div>
      <Sum found={found} />
    </section>
  );
}

/** The input's channels; what the chosen output is made of is marked. */
function Inputs({ found }: { found: ExperimentResult }) {
  const words = text.value;
  const s = lab.settings.value;
  const active = useSignal(0);
  const [channel, row, column] = pickedIn(found);
  const taps = tapsOf(s, row, column);
  const marksOf = (values: Float32Array, c: number): ReadonlyMap<number, Mark> => {
    if (!inputsOf(channel).includes(c)) return new Map();
    const marks = new Map<number, Mark>(taps.map((t) => [t.row * s.size + t.column, 'window']));
    if (s.op === 'max-pool') marks.set(winnerOf(values, taps, s.size), 'winner');
    return marks;
  };
  return (
    <>
      {planes(lab.x.value, s.size).map((values, c) => (
        <Numbers
          key={c}
          name={words.x(c + 1)}
          values={values}
          side={s.size}
          marks={marksOf(values, c)}
          active={Math.min(active.value, s.size ** 2 - 1)}
          onMove={(at) => {
            active.value = at;
          }}
          onChange={(at, by) =>
            lab.edit('x', c * s.size ** 2 + at, by === 1 ? nextInput(values[at]!) : values[at]! - 1)
          }
        />
      ))}
    </>
  );
}

/** Output and input channel of a plane of weights, from 1. */
function channelsOf(plane: number): [output: number, input: number] {
  const [, second] = lab.weightDims.value;
  const [a, b] = [Math.floor(plane / second) + 1, (plane % second) + 1];
  return lab.settings.value.op === 'transposed' ? [b, a] : [a, b];
}

function Kernels() {
  const words = text.value;
  const side = lab.settings.value.kernel;
  const active = useSignal(0);
  return (
    <>
      {planes(lab.w.value, side).map((values, i) => (
        <Numbers
          key={i}
          name={words.w(...channelsOf(i))}
          values={values}
          side={side}
          active={Math.min(active.value, side ** 2 - 1)}
          onMove={(at) => {
            active.value = at;
          }}
          onChange={(at, by) => lab.edit('w', i * side ** 2 + at, values[at]! + by)}
        />
      ))}
    </>
  );
}

function Outputs({ found }: { found: ExperimentResult }) {
  const words = text.value;
  const { size } = found;
  const [channel, row, column] = pickedIn(found);
  const at = row * size + column;
  return (
    <>
      {planes(found.y, size).map((values, c) => (
        <Numbers
          key={c}
          name={words.y(c + 1)}
          values={values}
          side={size}
          active={c === channel ? at : 0}
          marks={new Map(c === channel ? [[at, 'picked']] : [])}
          onMove={(to) => {
            lab.picked.value = [c, Math.floor(to / size), to % size];
          }}
        />
      ))}
    </>
  );
}

/** How the chosen output comes about, in numbers. */
function Sum({ found }: { found: ExperimentResult }) {
  const words = text.value;
  const s = lab.settings.value;
  const [channel, row, column] = pickedIn(found);
  const [inputs, kernels] = [planes(lab.x.value, s.size), planes(lab.w.value, s.kernel)];
  const terms = inputsOf(channel).flatMap((c) =>
    tapsOf(s, row, column).map((t) => {
      const value = inputs[c]?.[t.row * s.size + t.column] ?? 0;
      const weight = kernels[kernelPlane(channel, c)]?.[t.at] ?? 0;
      return value !== 0 && weight !== 0 ? `${number(value, 2)}·${signed(weight)}` : '';
    }),
  );
  const why = s.op === 'max-pool' ? words.winner : words.mean;
  return (
    <p class="math sum" data-testid="sum">
      {words.sum(row + 1, column + 1)} ={' '}
      {lab.hasKernel.value ? `${terms.filter(Boolean).join(' + ') || '0'} = ` : ''}
      <strong>{number(found.y[(channel * found.size + row) * found.size + column]!, 3)}</strong>
      {!lab.hasKernel.value && <span class="quiet"> {why}</span>}
    </p>
  );
}

/** Pressing walks through what inputs usually are. */
const nextInput = (v: number): number => (v === 0 ? 1 : 0);

const signed = (v: number): string => (v < 0 ? `(${number(v, 2)})` : number(v, 2));

/** Place of the first largest value of a window. */
function winnerOf(
  values: Float32Array,
  taps: readonly { row: number; column: number }[],
  side: number,
): number {
  let best = -1;
  for (const t of taps) {
    const at = t.row * side + t.column;
    if (best < 0 || values[at]! > values[best]!) best = at;
  }
  return best;
}

function Backward({ found }: { found: ExperimentResult }) {
  const words = text.value;
  const s = lab.settings.value;
  return (
    <section class="card pass" aria-labelledby="backward">
      <h2 id="backward">{words.backward}</h2>
      <Segments
        name="delta"
        value={lab.deltas.value}
        options={[
          ['ones', words.deltas.ones],
          ['one', words.deltas.one],
        ]}
        onChange={(d) => {
          lab.deltas.value = d;
        }}
      />
      <p class="quiet">{words.dxRule[s.op]}</p>
      <div class="tensors">
        {planes(found.delta, found.size).map((values, c) => (
          <Numbers key={c} name={words.delta(c + 1)} values={values} side={found.size} />
        ))}
        {s.op === 'conv' &&
          planes(lab.w.value, s.kernel).map((values, i) => (
            <Numbers key={i} name={words.rotated(...channelsOf(i))} values={rot180(values)} side={s.kernel} />
          ))}
        {planes(found.dx, s.size).map((values, c) => (
          <Numbers key={c} name={words.dx(c + 1)} values={values} side={s.size} />
        ))}
      </div>
      {found.dw && (
        <>
          <p class="quiet">{words.dwRule}</p>
          <div class="tensors">
            {planes(found.dw, s.kernel).map((values, i) => (
              <Numbers key={i} name={words.dw(...channelsOf(i))} values={values} side={s.kernel} />
            ))}
          </div>
        </>
      )}
    </section>
  );
}
