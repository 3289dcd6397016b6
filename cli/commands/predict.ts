/** lenslet predict: the digit in a picture. */
import type { Command } from 'commander';
import { check } from '../../src/core/error.ts';
import { batches } from '../../src/data/batches.ts';
import { fitCanvas, type ImageSet } from '../../src/data/dataset.ts';
import { classify, probabilities, type Session } from '../../src/session.ts';
import { fitDigit, prepareDigit } from '../../src/vision/digit.ts';
import { naming, openDecoder } from '../images.ts';
import { trained, withSession } from '../network.ts';
import { type CommonOptions, example, withArch, withCommon, withPrecision } from '../options.ts';
import { percent, print, printJson, table } from '../table.ts';

interface PredictOptions extends CommonOptions {
  readonly model: string;
  readonly arch?: string;
}

/** Side of MNIST's images, to which the networks were trained. */
const SIZE = 28;

export function predictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('Reads the handwritten digit in each picture (PNG, JPEG, WebP …).')
    .argument('<image...>', 'pictures, one digit in each')
    .option(
      '--model <model>',
      'network that comes with Lenslet, or a .safetensors or .onnx file',
      'lenet5-modern',
    );
  withPrecision(withCommon(withArch(command))).action(run);
  example(command, 'lenslet predict seven.png photo.jpg');
}

interface Answer {
  readonly file: string;
  readonly answer: string;
  readonly probability: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

async function run(files: readonly string[], options: PredictOptions): Promise<void> {
  const network = await trained(options.model, options.arch);
  const { input, classes, name } = network.model;
  check(input[0] === 1, 'shape', () => `${name} does not read digits: choose a network of grey images.`);
  const decode = await openDecoder();
  const digits: Uint8Array[] = [];
  for (const file of files) {
    const picture = await decode(file);
    digits.push(await naming(file, () => fitDigit(prepareDigit(picture), SIZE)));
  }
  const answers = await withSession(network, options, async (session) => {
    const list: Answer[] = [];
    for (const [i, digit] of digits.entries()) list.push(await answer(session, files[i], digit));
    return list;
  });
  if (options.json) printJson({ model: name, images: answers });
  else
    print(
      table(
        ['file', 'digit', 'probability', 'next'],
        answers.map((a) => rowOf(a, classes)),
      ),
    );
}

async function answer(session: Session, file: string, pixels: Uint8Array): Promise<Answer> {
  const { classes, input, normalize } = session.model;
  const digit: ImageSet = {
    count: 1,
    channels: 1,
    height: SIZE,
    width: SIZE,
    pixels,
    labels: new Uint8Array(1),
    classes,
  };
  const { x } = batches(fitCanvas(digit, input[1], input[2]), { batch: 1, normalize }).at(0);
  const { scores } = await session.infer(x);
  const shares = probabilities(scores.data);
  const [best] = classify(scores);
  return {
    file,
    answer: classes[best],
    probability: shares[best],
    probabilities: Object.fromEntries(classes.map((c, i) => [c, shares[i]])),
  };
}

function rowOf(
  { file, answer: first, probability, probabilities: all }: Answer,
  classes: readonly string[],
): string[] {
  const [second] = classes.filter((c) => c !== first).sort((a, b) => all[b] - all[a]);
  return [file, first, percent(probability), `${second} ${percent(all[second])}`];
}
