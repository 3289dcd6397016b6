/** lenslet eval: how well a network does on labelled images. */
import { type Command, Option } from 'commander';
import { type Evaluation, evaluate } from '../../src/train/evaluate.ts';
import { loadData, partOf, type Split } from '../data.ts';
import { trained, withSession } from '../network.ts';
import { type CommonOptions, example, integer, withArch, withCommon, withPrecision } from '../options.ts';
import { grouped, percent, print, printJson, table } from '../table.ts';

interface EvalOptions extends CommonOptions {
  readonly data?: string;
  readonly split: Split;
  readonly batch: number;
  readonly arch?: string;
}

export function evalCommand(program: Command): void {
  const command = program
    .command('eval')
    .description('Measures accuracy and loss of a network on labelled images.')
    .argument('<model>', 'network that comes with Lenslet, or a .safetensors or .onnx file')
    .option(
      '--data <dir>',
      'IDX files, CIFAR-10 batches or a folder of pictures a class, or synthetic[:N] (default: LENSLET_DATA)',
    )
    .addOption(new Option('--split <part>', 'images to use').choices(['train', 'test']).default('test'))
    .option('--batch <n>', 'images at a time', integer(1), 250);
  withPrecision(withCommon(withArch(command))).action(run);
  example(command, 'lenslet eval lenet5-modern --data data/mnist --json');
}

async function run(name: string, options: EvalOptions): Promise<void> {
  const network = await trained(name, options.arch);
  const images = partOf(await loadData(options.data, network.model, [options.split]), options.split);
  const result = await withSession(network, options, (session) =>
    evaluate(session, images, { batch: options.batch }),
  );
  const { accuracy, loss } = result;
  const confusion = result.confusion.map((row) => Array.from(row));
  const report = { model: network.model.name, images: result.images, accuracy, loss, confusion };
  if (options.json) printJson(report);
  else print(describe(network.model.name, network.model.classes, result));
}

function describe(name: string, classes: readonly string[], result: Evaluation): string {
  const { images, accuracy, loss, confusion } = result;
  const wrong = images - Math.round(accuracy * images);
  const rows = confusion.map((row, label) => {
    const total = row.reduce((a, b) => a + b, 0);
    return [classes[label], ...Array.from(row, String), total ? (row[label] / total).toFixed(4) : '–'];
  });
  return [
    `${name}: ${percent(accuracy)} of ${grouped(images)} images right, ${grouped(wrong)} wrong; loss ${loss.toFixed(4)}`,
    '',
    'Images by class (rows) and answer (columns):',
    table(['', ...classes, 'right'], rows),
  ].join('\n');
}
