/** lenslet read-cheque: the amount on cheques. */
import { type Command, Option } from 'commander';
import { readerNetwork, readerSettings } from '../../models/cheque-reader.ts';
import { LensletError } from '../../src/core/error.ts';
import type { AmountFormat, Grouping } from '../../src/vision/cheque/amount.ts';
import type { GreyImage } from '../../src/vision/grey.ts';
import { readCheque, readCrop } from '../../src/vision/reader/cheque.ts';
import type { ReaderNetwork } from '../../src/vision/reader/read.ts';
import { naming, openDecoder } from '../images.ts';
import { trainedReader, withSession } from '../network.ts';
import { type CommonOptions, example, integer, withCommon } from '../options.ts';
import { percent, print, printJson, table } from '../table.ts';

interface ReadOptions extends CommonOptions {
  readonly crop?: boolean;
  readonly model?: string;
  readonly grouping?: Grouping;
  readonly fractionDigits: number;
}

export function readChequeCommand(program: Command): void {
  const command = program
    .command('read-cheque')
    .description('Reads the amount on cheques (PNG, JPEG, WebP …).')
    .argument('<image...>', 'scans or photos, one cheque on each')
    .option('--crop', 'the images are cut to the amount line')
    .option('--model <file>', 'weights of the reader other than those that come with Lenslet')
    .addOption(
      new Option(
        '--grouping <name>',
        'how amounts are written (default: found out from the separators)',
      ).choices(['indian', 'western', 'continental']),
    )
    .option(
      '--fraction-digits <n>',
      'digits of the smallest unit: 2 for cents and paise, 0 for pesos',
      integer(0, 3),
      2,
    );
  withCommon(command).action(run);
  example(command, 'lenslet read-cheque cheque.jpg', 'lenslet read-cheque --crop --json amount.png');
}

/** One image's line of the JSON document. */
interface Answer {
  readonly file: string;
  /** As written, without separators. */
  readonly digits: string;
  /** In the currency's smallest unit; null where nothing was read. */
  readonly amount: number | null;
  readonly accepted: boolean;
  readonly confidence: number;
  /** x1, y1, x2, y2 in pixels of the image; null where no amount was found. */
  readonly box: readonly number[] | null;
  readonly ms: number;
  /** Why the file could not be read, where it could not. */
  readonly error?: string;
}

const NOTHING = { digits: '', amount: null, accepted: false, confidence: 0, box: null, ms: 0 };

/** A file that cannot be read is told; the others are read all the same. Exit status 1 then. */
async function run(files: readonly string[], options: ReadOptions): Promise<void> {
  const decode = await openDecoder();
  const reader = await trainedReader(options.model);
  const answers = await withSession(reader, options, async (session) => {
    const network = readerNetwork(session);
    const list: Answer[] = [];
    for (const file of files) {
      try {
        list.push(await answer(network, file, await decode(file), options));
      } catch (cause) {
        if (!(cause instanceof LensletError)) throw cause;
        process.stderr.write(`lenslet: ${cause.message}\n`);
        process.exitCode = 1;
        list.push({ file, ...NOTHING, error: cause.message });
      }
    }
    return list;
  });
  if (options.json) printJson(answers);
  else print(table(['file', 'digits', 'amount', 'confidence', ''], answers.map(rowOf)));
}

async function answer(
  network: ReaderNetwork,
  file: string,
  image: GreyImage,
  { crop, grouping, fractionDigits }: ReadOptions,
): Promise<Answer> {
  const format: AmountFormat = { grouping, fractionDigits };
  const read = crop ? readCrop : readCheque;
  const start = performance.now();
  const result = await naming(file, () => read(network, image, readerSettings, format));
  const ms = performance.now() - start;
  if (!result) return { file, ...NOTHING, ms };
  const { reading, amount, box } = result;
  const { digits, accepted, confidence } = reading;
  return {
    file,
    digits,
    amount: amount?.minor ?? null,
    accepted,
    confidence,
    box: [box.x0, box.y0, box.x1, box.y1],
    ms,
  };
}

const rowOf = ({ file, digits, amount, confidence, accepted, box, error }: Answer): string[] => [
  file,
  digits,
  amount === null ? '–' : String(amount),
  percent(confidence),
  error ? 'not read' : accepted ? '' : box ? 'unsure' : 'no amount found',
];
