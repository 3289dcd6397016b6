/**
 * An engine for looking at the page alone: recognises by comparing with the sample digits, trains by waiting.
 * Never part of the product.
 */
import { expose } from 'comlink';
import { samples } from '../../../pwa/digit/samples.ts';
import { fitDigit } from '../../../src/vision/digit.ts';
import type { Engine, EpochReport, FeatureMaps, GreyImage, TrainOptions } from '../../../workers/api.ts';

const SIDE = 56;

/** The sample strokes as pixels, by distance to their segments. */
function draw(digit: number): GreyImage {
  const data = new Uint8Array(SIDE * SIDE);
  for (const stroke of samples[digit]!) {
    for (let s = 1; s < stroke.length; s++) {
      const [a, b] = [stroke[s - 1]!, stroke[s]!];
      for (let i = 0; i < data.length; i++) {
        const [x, y] = [((i % SIDE) + 0.5) / SIDE, (Math.floor(i / SIDE) + 0.5) / SIDE];
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const along = Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy)));
        const distance = Math.hypot(x - a.x - along * dx, y - a.y - along * dy);
        if (distance < 0.04) data[i] = 255;
      }
    }
  }
  return { width: SIDE, height: SIDE, data };
}

const templates = samples.map((_, digit) => fitDigit(draw(digit), 28));

function likeness(a: Uint8Array, b: Uint8Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

function maps(layer: string, count: number, side: number, seen: Float32Array): FeatureMaps {
  const values = new Float32Array(count * side * side);
  for (let m = 0; m < count; m++) {
    const angle = (2 * Math.PI * m) / count;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const at = (dx: number, dy: number) => {
          const u = Math.round(((x + 0.5) * 32) / side + dx);
          const v = Math.round(((y + 0.5) * 32) / side + dy);
          return seen[Math.min(31, Math.max(0, v)) * 32 + Math.min(31, Math.max(0, u))]!;
        };
        const [c, s] = [2 * Math.cos(angle), 2 * Math.sin(angle)];
        values[(m * side + y) * side + x] = at(c, s) - at(-c, -s);
      }
    }
  }
  return { layer, count, width: side, height: side, maps: values };
}

type State = 'idle' | 'running' | 'paused' | 'stopping';
let state = 'idle' as State;
const stateNow = (): State => state;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function checkFiles(data: TrainOptions['data']): void {
  if (data.kind !== 'files') return;
  for (const { name, bytes } of data.files) {
    const view = new DataView(bytes);
    const wanted =
      view.byteLength < 16 ? 16 : 16 + view.getUint32(4) * view.getUint32(8) * view.getUint32(12);
    if (view.byteLength !== wanted) {
      throw new Error(
        `${name} is truncated: ${wanted} bytes expected, ${view.byteLength} found. Choose it again.`,
      );
    }
  }
}

const fake: Engine = {
  capabilities: async () => ({
    backend: 'wasm',
    threads: crossOriginIsolated ? 2 : 1,
    binary: crossOriginIsolated ? 'relaxed' : 'simd',
    crossOriginIsolated,
    memoryBytes: 2 ** 30,
  }),
  models: async () => [
    {
      id: 'lenet5-modern',
      title: 'LeNet-5, modern',
      parameters: 61706,
      input: [1, 32, 32],
      classes: [...'0123456789'],
    },
    {
      id: 'lenet5',
      title: 'LeNet-5, 1998',
      parameters: 60000,
      input: [1, 32, 32],
      classes: [...'0123456789'],
    },
  ],
  predict: async (_, image, features) => {
    const fitted = fitDigit(image, 28);
    const scores = templates.map((template) => Math.exp(24 * likeness(fitted, template)));
    const sum = scores.reduce((a, b) => a + b);
    const seen = new Float32Array(32 * 32);
    fitted.forEach((v, i) => {
      seen[(Math.floor(i / 28) + 2) * 32 + (i % 28) + 2] = v / 255;
    });
    const layers = [
      ['c1', 6, 28],
      ['s2', 6, 14],
      ['c3', 16, 10],
      ['s4', 16, 5],
    ] as const;
    return {
      probabilities: Float32Array.from(scores, (s) => s / sum),
      seen,
      features: features ? layers.map(([name, count, side]) => maps(name, count, side, seen)) : [],
      milliseconds: 0.05,
    };
  },
  train: async (options, listener) => {
    checkFiles(options.data);
    const perEpoch = Math.ceil(
      (options.data.kind === 'synthetic' ? options.data.train : 1000) / options.batch,
    );
    const epochs: EpochReport[] = [];
    state = 'running';
    let step = 0;
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      for (let i = 0; i < perEpoch && stateNow() !== 'stopping'; i++) {
        while (stateNow() === 'paused') await wait(20);
        step++;
        const t = step / 60;
        if (step % 4 === 0) {
          await wait(12);
          listener.onStep({
            step,
            steps: perEpoch * options.epochs,
            epoch,
            loss: 2.3 * Math.exp(-t) + 0.08 + 0.04 * Math.sin(step),
            accuracy: 1 - 0.9 * Math.exp(-t) - 0.02,
            lr: options.lr,
            imagesPerSecond: 15000,
          });
        }
      }
      if (stateNow() === 'stopping') break;
      const t = step / 60;
      const report: EpochReport = {
        epoch,
        trainLoss: 2.3 * Math.exp(-t) + 0.08,
        trainAccuracy: 1 - 0.9 * Math.exp(-t) - 0.02,
        validationLoss: 2.3 * Math.exp(-t) + 0.12,
        validationAccuracy: 1 - 0.9 * Math.exp(-t) - 0.03,
        seconds: 1.2,
      };
      epochs.push(report);
      listener.onEpoch(report);
    }
    const reason = stateNow() === 'stopping' ? 'stopped' : 'finished';
    state = 'idle';
    return {
      reason,
      steps: step,
      bestValidationAccuracy: Math.max(0, ...epochs.map((e) => e.validationAccuracy)),
    };
  },
  pause: async () => {
    state = 'paused';
  },
  resume: async () => {
    state = 'running';
  },
  stop: async () => {
    state = 'stopping';
  },
  exportWeights: async () => new ArrayBuffer(16),
  reset: async () => {},
};

expose(fake);
