import { useEffect, useRef } from 'preact/hooks';
import type { FeatureMaps, Filters, Histogram, Look } from '../../workers/api.ts';
import { number } from '../i18n/index.ts';
import { dark } from '../settings.ts';
import { MapGrid } from '../ui/maps.tsx';
import { heat } from './heat.ts';
import * as inside from './state.ts';
import { text } from './text.ts';

const times = (width: number, height: number): string => `${width} × ${height}`;

/** Enough columns that a layer is about three rows high at most. */
const columnsFor = (count: number): number => (count <= 8 ? count : Math.max(8, Math.ceil(count / 3)));

export function Maps({ look }: { look: Look }) {
  const words = text.value;
  return (
    <div class="layers">
      {look.prediction.features.map((maps) => (
        <figure class="layer" key={maps.layer}>
          <figcaption>
            <strong>{maps.layer}</strong>
            <span>{words.layer(maps.count, times(maps.width, maps.height))}</span>
          </figcaption>
          <MapGrid
            maps={maps}
            columns={columnsFor(maps.count)}
            alt={words.mapsAlt(maps.layer, maps.count, times(maps.width, maps.height))}
          />
        </figure>
      ))}
    </div>
  );
}

export function FilterView({ filters }: { filters: readonly Filters[] }) {
  const words = text.value;
  return (
    <div class="layers">
      <p class="quiet">{words.filterHint}</p>
      {filters.map((f) => (
        <Kernels key={f.layer} filters={f} />
      ))}
    </div>
  );
}

/** Each output's kernel: in colour over three inputs, else the kernels of its first inputs side by side. */
function Kernels({ filters }: { filters: Filters }) {
  const words = text.value;
  const [out, channels, height, width] = filters.shape;
  const size = times(width, height);
  const alt = words.filtersAlt(filters.layer, out, size);
  if (channels === 3) return <ColourKernels filters={filters} alt={alt} />;
  const shown = Math.min(channels, Math.max(1, Math.floor(64 / out)));
  const area = height * width;
  const maps = new Float32Array(out * shown * area);
  for (let o = 0; o < out; o++) {
    maps.set(filters.weights.subarray(o * channels * area, (o * channels + shown) * area), o * shown * area);
  }
  const grid: FeatureMaps = { layer: filters.layer, count: out * shown, width, height, maps };
  return (
    <figure class="layer kernels">
      <figcaption>
        <strong>{filters.layer}</strong>
        <span>{size}</span>
      </figcaption>
      <MapGrid maps={grid} columns={columnsFor(grid.count)} alt={alt} />
    </figure>
  );
}

function ColourKernels({ filters, alt }: { filters: Filters; alt: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [out, , height, width] = filters.shape;
  const columns = columnsFor(out);
  const rows = Math.ceil(out / columns);
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    const [w, h] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
    canvas.current!.width = w;
    canvas.current!.height = h;
    const picture = context.createImageData(w, h);
    const area = height * width;
    for (let o = 0; o < out; o++) {
      const kernel = filters.weights.subarray(o * 3 * area, (o + 1) * 3 * area);
      const most = Math.max(1e-9, ...kernel.map(Math.abs));
      for (let i = 0; i < area; i++) {
        const y = Math.floor(o / columns) * (height + 1) + Math.floor(i / width);
        const at = 4 * (y * w + (o % columns) * (width + 1) + (i % width));
        for (let c = 0; c < 3; c++) picture.data[at + c] = 127.5 + (127.5 * kernel[c * area + i]!) / most;
        picture.data[at + 3] = 255;
      }
    }
    context.putImageData(picture, 0, 0);
  }, [filters]);
  return (
    <figure class="layer kernels">
      <figcaption>
        <strong>{filters.layer}</strong>
        <span>{times(width, height)}</span>
      </figcaption>
      <canvas ref={canvas} role="img" aria-label={alt} />
    </figure>
  );
}

/** The input gradient and the occlusion map over the image. */
export function Pixels({ look }: { look: Look }) {
  const words = text.value;
  const model = inside.model.value;
  const found = inside.occlusion.value;
  if (!model) return null;
  const [, height, width] = model.input;
  const label = model.classes[look.class] ?? String(look.class);
  const drop = found && Float32Array.from(found.probabilities, (p) => Math.max(0, found.whole - p));
  return (
    <div class="pixels">
      <Heat
        title={words.saliency}
        hint={words.saliencyHint(label)}
        values={look.saliency}
        size={[height, width]}
        seen={look.prediction.seen}
      />
      {found && drop && (
        <Heat
          title={words.occlusion}
          hint={words.occlusionHint(label)}
          values={drop}
          size={[found.rows, found.columns]}
          seen={look.prediction.seen}
        />
      )}
    </div>
  );
}

interface HeatProps {
  readonly title: string;
  readonly hint: string;
  readonly values: Float32Array;
  readonly size: readonly [number, number];
  readonly seen: Float32Array;
}

function Heat({ title, hint, values, size, seen }: HeatProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const model = inside.model.value;
  const isDark = dark.value;
  useEffect(() => {
    if (model) heat(canvas.current!, values, size, seen, model.input, isDark);
  }, [values, seen, isDark]);
  return (
    <figure class="layer">
      <figcaption>
        <strong>{title}</strong>
        <span class="quiet">{hint}</span>
      </figcaption>
      <canvas ref={canvas} role="img" aria-label={`${title}. ${hint}`} />
    </figure>
  );
}

export function Histograms({ look }: { look: Look }) {
  const words = text.value;
  const groups = [
    [words.activations, words.activationsHint, look.activations],
    [words.gradients, words.gradientsHint, look.gradients],
  ] as const;
  return (
    <div class="histograms">
      {groups.map(([title, hint, list]) => (
        <section key={title} aria-label={title}>
          <h2>{title}</h2>
          <p class="quiet">{hint}</p>
          <ul>
            {list.map((h) => (
              <Bars key={h.name} of={h} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Bars({ of: { name, low, high, counts } }: { of: Histogram }) {
  const words = text.value;
  const most = Math.max(1, ...counts);
  // Square roots, so that what is rare is seen, too.
  const points = [...counts].map(
    (c, i) => `${i},${24 - 24 * Math.sqrt(c / most)} ${i + 1},${24 - 24 * Math.sqrt(c / most)}`,
  );
  const show = (v: number) => number(v, Math.abs(v) < 0.01 ? 5 : 2);
  return (
    <li>
      <span class="histogram-name">{name}</span>
      <svg
        viewBox={`0 0 ${counts.length} 24`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words.histogramAlt(name, show(low), show(high))}
      >
        <polygon points={`0,24 ${points.join(' ')} ${counts.length},24`} />
      </svg>
      <span class="split quiet">
        <span>{show(low)}</span>
        <span>{show(high)}</span>
      </span>
    </li>
  );
}
