import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dark } from '../settings.ts';

const HEIGHT = 190;

export interface Series {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** Which of the two colours. */
  readonly ink: 'accent' | 'second';
  /** Of training: a line; of validation: a line with dots, one an epoch. */
  readonly dots?: boolean;
  /** Steps back behind another series of the same colour. */
  readonly faint?: boolean;
}

interface CurveProps {
  readonly title: string;
  readonly alt: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** Fixed range of the axis; without it the curves' own, from 0. */
  readonly range?: readonly [number, number];
  /** Short, for what is less important. */
  readonly low?: boolean;
}

/** Curves over steps. */
export function Curve(props: CurveProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const isDark = dark.value;
  const height = props.low ? 120 : HEIGHT;
  const kinds = props.series.map((s) => `${s.ink}${s.dots}${s.faint}`).join();
  useEffect(() => {
    const element = host.current!;
    const created = new uPlot(optionsOf(props, height, element), dataOf(props), element);
    plot.current = created;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) created.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [isDark, kinds]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.series]);
  return (
    <figure class="curve">
      <figcaption>
        <strong>{props.title}</strong>
        {props.series.length > 1 &&
          props.series.map((s) => (
            <span key={s.name} class={`key key-${s.ink}`} data-dots={s.dots} data-faint={s.faint}>
              {s.name}
            </span>
          ))}
      </figcaption>
      <div ref={host} role="img" aria-label={props.alt} />
    </figure>
  );
}

/** One x axis for all: the union of their steps, gaps where a series has no value. */
const dataOf = ({ series }: CurveProps): uPlot.AlignedData =>
  series.length === 0 ? [[], []] : uPlot.join(series.map((s) => [[...s.x], [...s.y]]));

function optionsOf(
  { format, range, series }: CurveProps,
  height: number,
  element: HTMLElement,
): uPlot.Options {
  const style = (name: string) => {
    const probe = document.createElement('span');
    probe.className = name;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const [grid, text] = ['ink-line', 'ink-quiet'].map(style);
  const font = '12px system-ui, sans-serif';
  const axis = { stroke: text!, font, grid: { stroke: grid!, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(200, element.clientWidth),
    height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { show: false },
    scales: {
      x: { time: false },
      y: { range: range ? () => [...range] : (_, __, high) => [0, high > 0 ? high * 1.05 : 1] },
    },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((v) => (Number.isInteger(v) ? String(v) : '')) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...series.map(({ ink, dots, faint }): uPlot.Series => {
        const stroke = style(faint ? `ink-${ink}-faint` : `ink-${ink}`);
        return {
          stroke,
          width: faint ? 1 : 2,
          spanGaps: true,
          points: dots ? { show: true, size: 8, fill: stroke, stroke } : { show: false },
        };
      }),
    ],
  };
}
