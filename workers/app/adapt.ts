/** Images of any size and number of channels as a network takes them. */
import type { ImageSet } from '../../src/data/dataset.ts';

/** Sets this much smaller than the input, at most, are centred in it instead of enlarged: MNIST's 28 in 32. */
const MARGIN = 8;

/** The set with the channels and, up to a margin that is filled later, the size of a network's input. */
export function adaptTo(
  set: ImageSet,
  [channels, height, width]: readonly [number, number, number],
): ImageSet {
  const coloured = withChannels(set, channels);
  const margin = [height - set.height, width - set.width];
  return margin.every((m) => m >= 0 && m <= MARGIN) ? coloured : resized(coloured, height, width);
}

/** Grey as three equal planes, colour as its luma (ITU-R BT.601). */
function withChannels(set: ImageSet, channels: number): ImageSet {
  if (set.channels === channels) return set;
  const plane = set.height * set.width;
  const pixels = new Uint8Array(set.count * channels * plane);
  for (let n = 0; n < set.count; n++) {
    const from = set.pixels.subarray(n * set.channels * plane, (n + 1) * set.channels * plane);
    const to = pixels.subarray(n * channels * plane, (n + 1) * channels * plane);
    if (set.channels === 1) for (let c = 0; c < channels; c++) to.set(from, c * plane);
    else {
      for (let i = 0; i < plane; i++) {
        to[i] = Math.round(0.299 * from[i] + 0.587 * from[plane + i] + 0.114 * from[2 * plane + i]);
      }
    }
  }
  return { ...set, channels, pixels };
}

/** Weights of source pixels for each target pixel of one axis: a triangle as wide as the coarser grid's step. */
function tapsOf(from: number, to: number): { start: Int32Array; weights: Float32Array[] } {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const start = new Int32Array(to);
  const weights = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    start[i] = first;
    const row = Float32Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(1e-6, 1 - Math.abs(first + k - centre) / reach),
    );
    const sum = row.reduce((a, v) => a + v, 0);
    return row.map((v) => v / sum);
  });
  return { start, weights };
}

/** Bilinear when enlarging, its antialiased form when reducing (as PyTorch's interpolate with antialias). */
function resized(set: ImageSet, height: number, width: number): ImageSet {
  const [rows, columns] = [tapsOf(set.height, height), tapsOf(set.width, width)];
  const planes = set.count * set.channels;
  const pixels = new Uint8Array(planes * height * width);
  const lines = new Float32Array(set.height * width);
  for (let p = 0; p < planes; p++) {
    const from = set.pixels.subarray(p * set.height * set.width, (p + 1) * set.height * set.width);
    for (let y = 0; y < set.height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        columns.weights[x].forEach((w, k) => {
          sum += w * from[y * set.width + columns.start[x] + k];
        });
        lines[y * width + x] = sum;
      }
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        rows.weights[y].forEach((w, k) => {
          sum += w * lines[(rows.start[y] + k) * width + x];
        });
        pixels[(p * height + y) * width + x] = Math.round(sum);
      }
    }
  }
  return { ...set, height, width, pixels };
}
