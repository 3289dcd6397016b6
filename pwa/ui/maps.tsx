import { useEffect, useRef } from 'preact/hooks';
import type { FeatureMaps } from '../../workers/api.ts';
import { dark } from '../settings.ts';

interface MapGridProps {
  readonly maps: FeatureMaps;
  readonly columns: number;
  readonly alt: string;
  /** Values shown as empty and as full; without it each map's own lowest and highest. */
  readonly range?: readonly [number, number];
}

/** The maps side by side, one canvas pixel a value, scaled up by the style sheet. */
export function MapGrid({ maps, columns, alt, range }: MapGridProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const rows = Math.ceil(maps.count / columns);
  const gap = maps.count === 1 ? 0 : Math.max(1, Math.round(maps.width / 8));
  const width = columns * (maps.width + gap) - gap;
  const height = rows * (maps.height + gap) - gap;
  const isDark = dark.value;
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    const picture = context.createImageData(width, height);
    for (let m = 0; m < maps.count; m++) {
      const at = Math.floor(m / columns) * (maps.height + gap) * width + (m % columns) * (maps.width + gap);
      paintMap(picture, at, maps, m, range ?? rangeOf(maps, m), isDark);
    }
    context.putImageData(picture, 0, 0);
  }, [maps, isDark, width, height]);
  return <canvas ref={canvas} width={width} height={height} role="img" aria-label={alt} />;
}

const sizeOf = (maps: FeatureMaps): number => maps.width * maps.height;

/** Lowest and highest value of a map; where a map is one value, of all of them. */
function rangeOf(maps: FeatureMaps, m: number): readonly [number, number] {
  const size = sizeOf(maps);
  const [first, last] = size === 1 ? [0, maps.count] : [m * size, (m + 1) * size];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = first; i < last; i++) {
    low = Math.min(low, maps.maps[i]!);
    high = Math.max(high, maps.maps[i]!);
  }
  return [low, high];
}

/** Paper to ink in light, board to chalk in dark. */
function paintMap(
  picture: ImageData,
  at: number,
  maps: FeatureMaps,
  m: number,
  [low, high]: readonly [number, number],
  isDark: boolean,
): void {
  const scale = high > low ? 1 / (high - low) : 0;
  const [paper, ink] = isDark
    ? ([
        [38, 44, 48],
        [233, 240, 238],
      ] as const)
    : ([
        [255, 255, 255],
        [18, 44, 42],
      ] as const);
  for (let i = 0; i < sizeOf(maps); i++) {
    const v = (maps.maps[m * sizeOf(maps) + i]! - low) * scale;
    const target = 4 * (at + Math.floor(i / maps.width) * picture.width + (i % maps.width));
    for (let c = 0; c < 3; c++) picture.data[target + c] = paper[c]! + (ink[c]! - paper[c]!) * v;
    picture.data[target + 3] = 255;
  }
}
