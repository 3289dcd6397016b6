import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dark } from '../settings.ts';
import { inTurn } from '../ui/slices.ts';

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
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const element = host.current!;
    const observer = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== plot.current?.width) plot.current?.setSize({ width, height });
    });
    const cancel = inTurn(() => {
      const now = latest.current;
      plot.current = new uPlot(optionsOf(now, height, element, inksOf(isDark)), dataOf(now), element);
      observer.observe(element);
    });
    return () => {
      cancel();
      observer.disconnect();
      plot.current?.destroy();
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

const INKS = ['line', 'quiet', 'accent', 'second', 'accent-faint', 'second-faint'] as const;
type Inks = Readonly<Record<(typeof INKS)[number], string>>;

const inks = new Map<boolean, Inks>();

/** The colours of the style sheet in a theme; asked for once, since each asking makes the browser compute styles. */
function inksOf(isDark: boolean): Inks {
  const known = inks.get(isDark);
  if (known) return known;
  const probes = INKS.map((name) => {
    const probe = document.createElement('span');
    probe.className = `ink-${name}`;
    return probe;
  });
  document.body.append(...probes);
  const found = Object.fromEntries(INKS.map((name, i) => [name, getComputedStyle(probes[i]!).color])) as Inks;
  for (const probe of probes) probe.remove();
  inks.set(isDark, found);
  return found;
}

function optionsOf(
  { format, range, series }: CurveProps,
  height: number,
  element: HTMLElement,
  colours: Inks,
): uPlot.Options {
  const font = '12px system-ui, sans-serif';
  const axis = {
    stroke: colours.quiet,
    font,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  };
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
        const stroke = colours[faint ? (`${ink}-faint` as const) : ink];
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
