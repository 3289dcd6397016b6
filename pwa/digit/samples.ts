/** One way of writing each digit, for trying the app without a pointer. Points in units of the pad's side. */
import type { Stroke } from './strokes.ts';

type Pair = readonly [number, number];

/** Points on an arc of an ellipse, angles in turns, clockwise from the right. */
function arc(x: number, y: number, rx: number, ry: number, from: number, to: number): Pair[] {
  const steps = Math.ceil(Math.abs(to - from) * 28);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / steps);
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });
}

const drawings: readonly (readonly (readonly Pair[])[])[] = [
  [arc(0.5, 0.5, 0.2, 0.3, -0.22, -1.24)],
  [
    [
      [0.44, 0.3],
      [0.54, 0.2],
      [0.53, 0.4],
      [0.51, 0.6],
      [0.5, 0.8],
    ],
  ],
  [[...arc(0.49, 0.36, 0.18, 0.16, -0.47, 0.1), [0.48, 0.65], [0.3, 0.8], [0.5, 0.79], [0.71, 0.79]]],
  [[...arc(0.47, 0.35, 0.18, 0.145, -0.42, 0.22), ...arc(0.47, 0.645, 0.2, 0.155, -0.24, 0.42)]],
  [
    [
      [0.4, 0.2],
      [0.36, 0.32],
      [0.3, 0.52],
      [0.42, 0.54],
      [0.58, 0.53],
      [0.72, 0.52],
    ],
    [
      [0.62, 0.24],
      [0.6, 0.42],
      [0.58, 0.6],
      [0.57, 0.82],
    ],
  ],
  [
    [[0.4, 0.22], [0.38, 0.34], [0.36, 0.46], ...arc(0.47, 0.62, 0.2, 0.18, -0.3, 0.38)],
    [
      [0.4, 0.22],
      [0.52, 0.21],
      [0.66, 0.21],
    ],
  ],
  [[[0.6, 0.19], [0.5, 0.28], [0.41, 0.41], [0.34, 0.56], ...arc(0.5, 0.645, 0.165, 0.155, -0.55, -1.45)]],
  [
    [
      [0.3, 0.23],
      [0.46, 0.22],
      [0.69, 0.22],
      [0.6, 0.4],
      [0.52, 0.58],
      [0.46, 0.81],
    ],
  ],
  [
    [
      [0.63, 0.29],
      ...arc(0.5, 0.33, 0.145, 0.125, -0.12, -0.68),
      ...arc(0.5, 0.63, 0.175, 0.17, -0.2, 0.8).slice(1),
      [0.57, 0.45],
      [0.64, 0.33],
      [0.63, 0.27],
    ],
  ],
  [[...arc(0.48, 0.37, 0.155, 0.155, -0.06, -1), [0.635, 0.32], [0.63, 0.5], [0.6, 0.66], [0.56, 0.82]]],
];

/** Index = digit. */
export const samples: readonly (readonly Stroke[])[] = drawings.map((strokes) =>
  strokes.map((stroke) => stroke.map(([x, y]) => ({ x, y }))),
);
