/** Cheques in the engine: pictures become grey images here, off the page's thread; one reader for all of them. */
import {
  chequeReader,
  LABEL_SIZE,
  readerNetwork,
  readerSettings,
  writeLabel,
} from '../../models/cheque-reader.ts';
import { readerWeightsUrl } from '../../models/weights.ts';
import type { Backend } from '../../src/backend.ts';
import { check, LensletError } from '../../src/core/error.ts';
import { syntheticCheque } from '../../src/data/cheques/cheque.ts';
import { DIGITS, type ImageSet } from '../../src/data/dataset.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { Session } from '../../src/session.ts';
import { everybody } from '../../src/train/reader/everybody.ts';
import { learnCorrections } from '../../src/train/reader/learn.ts';
import { formatAmount } from '../../src/vision/cheque/amount.ts';
import { sharpness } from '../../src/vision/cheque/sharpness.ts';
import type { Box, GreyImage } from '../../src/vision/grey.ts';
import {
  type ChequeReading as Found,
  insideOf,
  isSureFrame,
  readCheque,
} from '../../src/vision/reader/cheque.ts';
import { cutDigits } from '../../src/vision/reader/digits.ts';
import { emptyLines, lineWidths, prepareLine } from '../../src/vision/reader/line.ts';
import { POSES, type ReaderNetwork, together } from '../../src/vision/reader/read.ts';
import type { ChequeReading, Correction, LearnReport, ReadAmount } from '../cheque-api.ts';

/** Digits below this confidence are shown as unsure. */
const SURE = 0.9;
/** Sequences of the generator that the samples and the replayed lines come from. */
const [SAMPLES, REPLAY] = [1990, 1998];
/** Longer side of a picture and of a live frame, pixels: digits of an amount box are still 15 and 12 pixels high. */
const [LONGEST_SIDE, LIVE_SIDE] = [1280, 1024];
/** To make ready: a cheque's width that is drawn fast, in pixels; from so many readings on they take half the time. */
const [WARM_WIDTH, WARM_READINGS] = [1000, 8];
/** Widths of most amounts in the reader's images; each has a plan of its own. */
const [LEAST_PLANNED, MOST_PLANNED] = [128, 448];
/**
 * Every width of a line has a plan of its own, which runs for some milliseconds: to compile it for a GPU and to find out
 * whether it is faster there would take longer than all reading.
 */
const READS = { inference: 'wasm' } as const;
/** Side of the images of single digits, as MNIST's. */
const DIGIT_SIDE = 28;

/**
 * Reads with the shipped network and, where the user's corrections were learned, with one of the user's own beside it:
 * what either reads surely counts, so that nobody else's writing is forgotten.
 */
export class ChequeDesk {
  #session: Promise<Session> | null = null;
  #own: Promise<Session> | null = null;
  /** Whether the user's own network reads too. */
  #adapted = false;
  /** Whether anything was read for the user. */
  #used = false;

  constructor(private readonly backend: Promise<Backend>) {}

  #open(): Promise<Session> {
    this.#session ??= this.#load();
    this.#session.catch(() => {
      this.#session = null;
    });
    return this.#session;
  }

  async #load(): Promise<Session> {
    const session = await Session.create(chequeReader, await this.backend, READS);
    await session.loadStateDict(await shippedWeights());
    return session;
  }

  #openOwn(): Promise<Session> {
    this.#own ??= this.backend.then((backend) => Session.create(chequeReader, backend, READS));
    return this.#own;
  }

  async #network(): Promise<ReaderNetwork> {
    const shipped = readerNetwork(await this.#open());
    return this.#adapted ? together([shipped, readerNetwork(await this.#openOwn())]) : shipped;
  }

  /** Loads the network, and until somebody has a picture makes plans and reads a few times: scripts are compiled well. */
  async prepare(): Promise<void> {
    const network = await this.#network();
    const { image } = syntheticCheque(SAMPLES, 0, { width: WARM_WIDTH });
    const widths = lineWidths(LEAST_PLANNED, MOST_PLANNED);
    const tasks = [
      ...widths.map((width) => () => network(emptyLines(POSES.length, width))),
      ...Array.from({ length: WARM_READINGS }, () => () => readCheque(network, image, readerSettings)),
      // The live view looks at a line once.
      ...widths.map((width) => () => network(emptyLines(1, width))),
    ];
    for (const task of tasks) {
      if (this.#used) break;
      await task();
      // Whoever waits for the engine comes first.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** Finds and reads the amount in a picture, which is used up. @param quick in one view */
  async read(picture: ImageBitmap, quick: boolean): Promise<ChequeReading> {
    this.#used = true;
    const start = performance.now();
    const image = lumaOf(picture, quick ? LIVE_SIDE : LONGEST_SIDE);
    const settings = quick ? { ...readerSettings, views: 1 } : readerSettings;
    const found = await readCheque(await this.#network(), image, settings);
    return {
      width: image.width,
      height: image.height,
      cheque: found?.found?.cheque ?? null,
      box: found?.found?.frame ?? null,
      sharpness: found?.found ? sharpness(found.found.line) : 0,
      amount: found && found.reading.digits !== '' ? amountOf(found) : null,
      milliseconds: performance.now() - start,
    };
  }

  /**
   * Learns all corrections anew, from the shipped weights on; meanwhile those alone read.
   * @throws LensletError 'value' for corrections without digits
   */
  async learn(corrections: readonly Correction[], onProgress: (share: number) => void): Promise<LearnReport> {
    const [shipped, own] = [await this.#open(), await this.#openOwn()];
    const previous = this.#adapted ? await own.stateDict() : null;
    this.#adapted = false;
    await own.loadStateDict(await shipped.stateDict());
    try {
      const report = await this.#learn(shipped, own, corrections, onProgress);
      this.#adapted = report.kept;
      return report;
    } finally {
      if (previous && !this.#adapted) {
        await own.loadStateDict(previous);
        this.#adapted = true;
      }
    }
  }

  async #learn(
    shipped: Session,
    session: Session,
    corrections: readonly Correction[],
    onProgress: (share: number) => void,
  ): Promise<LearnReport> {
    const lines = corrections.map(preparedLine);
    const { before, after, kept } = await learnCorrections(session, lines, {
      network: together([shipped, session].map(readerNetwork)),
      settings: readerSettings,
      labelSize: LABEL_SIZE,
      writeLabel,
      replay: everybody(REPLAY),
      onStep: async (step, steps) => {
        onProgress(step / steps);
        return true;
      },
    });
    const wrong = (right: number) => 1 - right / corrections.length;
    const { buffer } = writeSafetensors(await session.stateDict(), { model: chequeReader.name });
    return {
      before: wrong(before.corrections),
      after: wrong(after.corrections),
      kept,
      weights: buffer as ArrayBuffer,
    };
  }

  /**
   * Weights learned from the user's corrections, read with beside the shipped ones; null for none.
   * @throws LensletError 'format', 'unknown' or 'shape' for weights that are not the reader's
   */
  async setWeights(weights: ArrayBuffer | null): Promise<void> {
    if (weights) {
      const own = await this.#openOwn();
      await own.loadStateDict(parseSafetensors(new Uint8Array(weights)).tensors);
    }
    this.#adapted = weights !== null;
  }

  /**
   * The digits of corrected lines, each by itself.
   * @throws LensletError 'value' where none can be found
   */
  async digits(corrections: readonly Correction[]): Promise<ImageSet> {
    const network = readerNetwork(await this.#open());
    const found: { readonly pixels: Uint8Array; readonly label: number }[] = [];
    for (const { line, digits } of corrections.map(preparedLine)) {
      const cut = await cutDigits(network, line, digits, { scale: readerSettings.scale, size: DIGIT_SIDE });
      cut.forEach((pixels, i) => {
        if (pixels) found.push({ pixels, label: Number(digits[i]) });
      });
    }
    check(
      found.length > 0,
      'value',
      () => 'No digit was found in the corrected lines; correct amounts that are easier to see.',
    );
    const pixels = new Uint8Array(found.length * DIGIT_SIDE ** 2);
    found.forEach((d, i) => {
      pixels.set(d.pixels, i * DIGIT_SIDE ** 2);
    });
    const shape = { channels: 1, height: DIGIT_SIDE, width: DIGIT_SIDE };
    const labels = Int32Array.from(found, (d) => d.label);
    return { ...shape, count: found.length, pixels, labels, classes: DIGITS };
  }

  /** A cheque of the generator, filled in. */
  sample(index: number): GreyImage {
    check(Number.isInteger(index), 'value', () => `There is no sample ${index}.`);
    return syntheticCheque(SAMPLES, index).image;
  }
}

const preparedLine = ({ line, text }: Correction) => ({
  line: prepareLine(line),
  digits: text.replace(/\D/g, ''),
});

async function shippedWeights() {
  const response = await fetch(readerWeightsUrl);
  if (!response.ok) {
    throw new LensletError('unknown', `The reader could not be loaded (status ${response.status}).`);
  }
  return parseSafetensors(new Uint8Array(await response.arrayBuffer())).tensors;
}

function amountOf({ reading, amount, places, found, cleaned }: Found): ReadAmount {
  return {
    digits: reading.digits,
    text: reading.text,
    // Separators that make no grouping are shown as they are written, for the user to judge.
    regular: amount?.regular === true,
    framed: isSureFrame(found!),
    value: amount?.regular ? formatAmount(amount.minor, amount.groupings[0]!) : null,
    confidence: reading.confidence,
    accepted: reading.accepted && amount?.regular !== false,
    marks: reading.characters.map(({ digit, confidence }, i) => ({
      digit,
      confidence,
      sure: confidence >= SURE,
      outline: places[i]!,
    })),
    line: cut(cleaned!, insideOf(found!.lineFrame)),
  };
}

/** The part of an image inside a box. */
function cut({ width, height, data }: GreyImage, box: Box): GreyImage {
  const [x0, y0] = [Math.max(0, Math.floor(box.x0)), Math.max(0, Math.floor(box.y0))];
  const [x1, y1] = [Math.min(width, Math.ceil(box.x1)), Math.min(height, Math.ceil(box.y1))];
  const part = new Uint8Array((x1 - x0) * (y1 - y0));
  for (let y = y0; y < y1; y++) part.set(data.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
  return { width: x1 - x0, height: y1 - y0, data: part };
}

/**
 * Luma (ITU-R BT.601), transparent parts on white; the bitmap is closed. Scaled here: to do it while the bitmap is made would
 * block the page for three times as long.
 * @param longest most pixels of the longer side; larger pictures are made smaller
 */
function lumaOf(picture: ImageBitmap, longest: number): GreyImage {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(scale * picture.width));
  const height = Math.max(1, Math.round(scale * picture.height));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'medium';
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  const pixels = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height);
  for (let i = 0, p = 0; i < data.length; i++, p += 4) {
    data[i] = (306 * pixels[p]! + 601 * pixels[p + 1]! + 117 * pixels[p + 2]! + 512) >> 10;
  }
  return { width, height, data };
}
