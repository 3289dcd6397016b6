/** lenslet quantize: a network's weights in int8, with ranges measured on training images. */
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { check } from '../../src/core/error.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { batches } from '../../src/data/batches.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { type CalibrationMethod, QUANTIZATION, quantize } from '../../src/quantize/index.ts';
import type { Session } from '../../src/session.ts';
import { fitToModel } from '../../src/train/evaluate.ts';
import { loadData, partOf } from '../data.ts';
import { checkWritable, writeAtomic } from '../files.ts';
import { trained, withSession } from '../network.ts';
import { type CommonOptions, example, integer, withArch, withCommon } from '../options.ts';
import { bytes, grouped, print, printJson } from '../table.ts';

interface QuantizeOptions extends CommonOptions {
  readonly data?: string;
  readonly out: string;
  readonly images: number;
  readonly batch: number;
  readonly method: CalibrationMethod;
  readonly arch?: string;
}

export function quantizeCommand(program: Command): void {
  const command = program
    .command('quantize')
    .description('Writes a trained network with int8 weights; ranges are measured on training images.')
    .argument('<model>', 'network that comes with Lenslet, or a .safetensors or .onnx file')
    .requiredOption('--out <file>', '.safetensors file to write')
    .option(
      '--data <dir>',
      'IDX files, CIFAR-10 batches or a folder of pictures a class, or synthetic[:N] (default: LENSLET_DATA)',
    )
    .option('--images <n>', 'training images to measure ranges on', integer(1), 512)
    .option('--batch <n>', 'images at a time', integer(1), 32)
    .addOption(
      new Option('--method <name>', 'how ranges follow from the values seen')
        .choices(['mse', 'percentile', 'minmax'])
        .default('mse'),
    );
  withCommon(withArch(command)).action(run);
  example(
    command,
    'lenslet quantize lenet5-modern --data data/mnist --out lenet5-int8.safetensors',
    'lenslet eval lenet5-int8.safetensors --data data/mnist',
  );
}

/** Normalised batches of the first images of a shuffled set, each in memory of its own. */
function calibrationBatches(session: Session, set: ImageSet, { images, batch }: QuantizeOptions): Tensor[] {
  const { normalize } = session.model;
  const order = batches(fitToModel(session, set), { batch, normalize, shuffle: true, seed: 0, epoch: 0 });
  const list: Tensor[] = [];
  let left = Math.min(images, set.count);
  for (const { x } of order) {
    if (left <= 0) break;
    const n = Math.min(left, x.shape[0]);
    const [, ...image] = x.shape;
    list.push(tensor([n, ...image], (x.data as Float32Array).slice(0, (x.data.length / x.shape[0]) * n)));
    left -= n;
  }
  return list;
}

async function run(name: string, options: QuantizeOptions): Promise<void> {
  check(
    /\.safetensors$/i.test(options.out),
    'value',
    () =>
      `${basename(options.out)}: quantised weights are written to a .safetensors file; give it that ending.`,
  );
  const network = await trained(name, options.arch);
  const set = partOf(await loadData(options.data, network.model, ['train']), 'train');
  await checkWritable(options.out);
  const { tensors, images } = await withSession(network, options, async (session) => {
    const list = calibrationBatches(session, set, options);
    const count = list.reduce((sum, x) => sum + x.shape[0], 0);
    return { tensors: await quantize(session, list, { method: options.method }), images: count };
  });
  const { model } = network;
  const file = writeSafetensors(tensors, {
    ...QUANTIZATION,
    model: model.name,
    classes: JSON.stringify(model.classes),
    calibration: `${options.method}, ${images} images`,
  });
  await writeAtomic(options.out, file);
  const report = { model: model.name, file: options.out, bytes: file.length, images, method: options.method };
  if (options.json) printJson(report);
  else
    print(
      `${options.out}: ${model.name} in int8, ${bytes(file.length)}, ranges of ${grouped(images)} images (${options.method})`,
    );
}
