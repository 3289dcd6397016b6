import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { t } from '../i18n/index.ts';
import { dark } from '../settings.ts';

const HEIGHT = 190;

interface CurveProps {
  readonly title: string;
  readonly alt: string;
  readonly steps: readonly number[];
  readonly values: readonly number[];
  readonly epochSteps: readonly number[];
  readonly validation: readonly number[];
  readonly format: (value: number) => string;
  /** Fixed range of the axis; without it the curve's own, from 0. */
  readonly range?: readonly [number, number];
}

/** A curve of training (line) and validation (dots), over steps. */
export function Curve(props: CurveProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const text = t.value.train;
  const isDark = dark.value;
  useEffect(() => {
    const element = host.current!;
    const created = new uPlot(optionsOf(props, element), dataOf(props), element);
    plot.current = created;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) created.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [isDark, props.title]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.steps, props.epochSteps]);
  return (
    <figure class="curve">
      <figcaption>
        <strong>{props.title}</strong>
        <span class="key key-train">{text.training}</span>
        <span class="key key-validation">{text.validation}</span>
      </figcaption>
      <div ref={host} role="img" aria-label={props.alt} />
    </figure>
  );
}

/** One x axis for both: the union of steps and epoch ends, gaps where a series has no value. */
function dataOf({ steps, values, epochSteps, validation }: CurveProps): uPlot.AlignedData {
  return uPlot.join([
    [[...steps], [...values]],
    [[...epochSteps], [...validation]],
  ]);
}

function optionsOf({ format, range }: CurveProps, element: HTMLElement): uPlot.Options {
  const style = (name: string) => {
    const probe = document.createElement('span');
    probe.className = name;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const [line, dots, grid, text] = ['ink-accent', 'ink-second', 'ink-line', 'ink-quiet'].map(style);
  const font = '12px system-ui, sans-serif';
  const axis = { stroke: text!, font, grid: { stroke: grid!, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(200, element.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { show: false },
    scales: {
      x: { time: false },
      y: { range: range ? () => [...range] : (_, __, high) => [0, high > 0 ? high * 1.05 : 1] },
    },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((v) => (Number.isInteger(v) ? String(v) : '')) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      { stroke: line!, width: 2, points: { show: false }, spanGaps: true },
      {
        stroke: dots!,
        width: 2,
        points: { show: true, size: 8, fill: dots!, stroke: dots! },
        spanGaps: true,
      },
    ],
  };
}
