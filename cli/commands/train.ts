/** lenslet train: trains a network, keeps checkpoints, writes its weights. */
import { type Command, Option } from 'commander';
import { check, LensletError } from '../../src/core/error.ts';
import { Random } from '../../src/core/random.ts';
import { augmentationFor } from '../../src/data/augmentations.ts';
import { type ImageSet, split } from '../../src/data/dataset.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import type { Session } from '../../src/session.ts';
import { type FitOptions, type FitReport, fit } from '../../src/train/fit.ts';
import { adam, adamw, type Optimizer, sgd } from '../../src/train/optimizer.ts';
import { type ScheduleName, schedules } from '../../src/train/schedule.ts';
import { type Data, loadData, partOf, type Split } from '../data.ts';
import { checkWritable, exists, readBytes, writeAtomic } from '../files.ts';
import { forClasses, trainable, withSession } from '../network.ts';
import {
  type CommonOptions,
  example,
  integer,
  real,
  TRAINING_BACKENDS,
  withArch,
  withCommon,
} from '../options.ts';
import { duration } from '../progress.ts';
import { grouped, percent, print, printJson } from '../table.ts';
import { TrainingLog } from '../training-log.ts';
import { Watch } from '../watch.ts';

type OptimizerName = 'sgd' | 'adam' | 'adamw';

interface TrainOptions extends Omit<CommonOptions, 'backend'> {
  readonly backend: (typeof TRAINING_BACKENDS)[number];
  readonly data?: string;
  readonly validation?: number | 'test';
  readonly epochs: number;
  readonly batch: number;
  readonly lr?: number;
  readonly optimizer: OptimizerName;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  readonly seed: number;
  readonly augment?: boolean;
  readonly patience: number;
  readonly checkpoint?: string;
  readonly saveEvery?: number;
  readonly resume?: boolean;
  readonly out?: string;
  readonly log?: string;
  readonly arch?: string;
}

const optimizers: Readonly<Record<OptimizerName, (o: TrainOptions) => Optimizer>> = {
  sgd: ({ momentum, weightDecay }) => sgd({ momentum, weightDecay }),
  adam: ({ weightDecay }) => adam({ weightDecay }),
  adamw: ({ weightDecay }) => adamw({ weightDecay }),
};
const USUAL_RATE: Readonly<Record<OptimizerName, number>> = { sgd: 0.02, adam: 0.001, adamw: 0.001 };
/** Set aside without --validation: a tenth, at most as many as LeNet-5's usual 5,000. */
const MOST_VALIDATION = 5000;
/** Exit status of a program stopped with Ctrl-C. */
const STOPPED = 130;

export function trainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('Trains a network and writes its weights.')
    .argument('<model>', 'name of a network to start anew, or a .safetensors file to go on from')
    .option(
      '--data <dir>',
      'IDX files, CIFAR-10 batches or a folder of pictures a class, or synthetic[:N] (default: LENSLET_DATA)',
    )
    .option(
      '--validation <n>',
      'images set aside to measure (default: a tenth, at most 5000); "test": none, the test images are measured ' +
        'after each epoch and nothing is chosen by them',
      (text: string) => (text === 'test' ? text : integer(0)(text)),
    )
    .option('--epochs <n>', 'passes over the data', integer(1), 10)
    .option('--batch <n>', 'images a step', integer(1), 64)
    .option('--lr <rate>', 'highest learning rate (default: sgd 0.02, adam 0.001)', real(0, 1e3, true))
    .addOption(new Option('--optimizer <name>').choices(Object.keys(optimizers)).default('sgd'))
    .option('--momentum <m>', 'momentum of sgd', real(0, 1), 0.9)
    .option('--weight-decay <l>', 'L2 penalty λ', real(0), 0)
    .addOption(
      new Option('--schedule <name>', 'of the rate').choices(Object.keys(schedules)).default('cosine'),
    )
    .option('--seed <n>', 'of initial weights, order, augmentation and split', integer(0, 2 ** 31 - 1), 0)
    .option('--augment', 'change images at random: digits are bent and moved, photos moved and mirrored')
    .option('--patience <n>', 'stop after n epochs without a lower validation loss (0: never)', integer(0), 0)
    .option('--checkpoint <file>', 'save the run here after every epoch')
    .option('--save-every <seconds>', 'save the checkpoint this often, too', real(0, 1e9, true))
    .option('--resume', 'go on from the checkpoint; the other options must be the same')
    .option('--out <file>', 'weights (default: <model>.safetensors)')
    .option('--log <file>', 'CSV, a row an epoch');
  withCommon(withArch(command), TRAINING_BACKENDS).action(run);
  example(
    command,
    'lenslet train lenet5-modern --data data/mnist --epochs 20 --augment --checkpoint run.ckpt',
    'lenslet train lenet5-modern --data synthetic:60000 --optimizer adam',
  );
}

/** Where the run writes. */
interface Places {
  readonly out: string;
  /** Also where Ctrl-C saves when no checkpoints were asked for. */
  readonly checkpoint: string;
}

async function run(name: string, options: TrainOptions): Promise<void> {
  const { model, weights } = await trainable(name, options.arch);
  const out = options.out ?? `${model.name}.safetensors`;
  const checkpoint = options.checkpoint ?? `${out.replace(/\.safetensors$/, '')}.checkpoint`;
  const places = { out, checkpoint };
  const saved = options.resume ? await readBytes(checkpoint) : undefined;
  if (!options.resume) await refuseOverwriting(options.checkpoint);
  for (const file of [out, checkpoint]) await checkWritable(file);
  const splits: Split[] = options.validation === 'test' ? ['train', 'test'] : ['train'];
  const data = await loadData(options.data, model, splits, options.seed);
  const [train, validation] =
    options.validation === 'test'
      ? trainAndTest(data, options)
      : setAside(data, options.validation, options.seed);
  const network = { model: weights ? model : forClasses(model, train.classes), weights };
  const log = await TrainingLog.open(options.log, !!options.resume);
  const backend = options.backend === 'both' ? 'auto' : options.backend;
  await withSession(network, { ...options, backend }, async (session) => {
    const watch = new Watch(log, options.checkpoint && checkpoint, options.saveEvery);
    const settings = fitOptions(options, train, validation, saved);
    watch.begin(settings);
    const report = await watch.while(() => fit(session, { ...settings, ...watch.hooks }));
    if (report.reason === 'stopped') return stopped(report, watch, places, options);
    await writeWeights(session, out, { data: data.name, ...recipeOf(options, settings, report) });
    finished(session, report, watch, places, options);
  });
}

async function refuseOverwriting(checkpoint: string | undefined): Promise<void> {
  if (!checkpoint || !(await exists(checkpoint))) return;
  throw new LensletError(
    'value',
    `${checkpoint} exists: add --resume to go on with that run, or choose another --checkpoint.`,
  );
}

function trainAndTest(data: Data, { patience }: TrainOptions): [ImageSet, ImageSet] {
  check(
    patience === 0,
    'value',
    () =>
      '--validation test only measures: to stop early, set images of the training set aside (--validation N).',
  );
  return [partOf(data, 'train'), partOf(data, 'test')];
}

function setAside(
  data: Data,
  validation: number | undefined,
  seed: number,
): [ImageSet, ImageSet | undefined] {
  const images = partOf(data, 'train');
  const count = validation ?? Math.min(MOST_VALIDATION, Math.floor(images.count / 10));
  if (count === 0) return [images, undefined];
  check(
    count < images.count,
    'value',
    () => `--validation ${count} leaves nothing to train on: there are ${images.count} images.`,
  );
  const [train, held] = split(images, count, new Random(seed).at('validation'));
  return [train, held];
}

function fitOptions(
  o: TrainOptions,
  train: ImageSet,
  validation: ImageSet | undefined,
  checkpoint: Uint8Array | undefined,
): FitOptions {
  const { epochs, batch, schedule, seed, patience } = o;
  return {
    ...{ epochs, batch, schedule, seed, patience, train, validation, checkpoint },
    lr: o.lr ?? USUAL_RATE[o.optimizer],
    optimizer: optimizers[o.optimizer](o),
    augment: o.augment ? augmentationFor(train.channels) : undefined,
    split: o.backend === 'both',
  };
}

/** How the weights came about, kept in their file. */
const recipeOf = (o: TrainOptions, f: FitOptions, { epochs, steps, share }: FitReport) => ({
  images: f.train.count,
  validation: o.validation === 'test' ? 'test' : (f.validation?.count ?? 0),
  ...{ epochs: f.epochs, batch: f.batch, lr: f.lr, schedule: f.schedule, seed: f.seed },
  optimizer: f.optimizer.name,
  augment: !!o.augment,
  patience: f.patience,
  ...{ steps, share },
  result: epochs.at(-1),
});

async function writeWeights(session: Session, path: string, recipe: object): Promise<void> {
  const metadata = {
    model: session.model.name,
    classes: JSON.stringify(session.model.classes),
    training: JSON.stringify(recipe),
  };
  await writeAtomic(path, writeSafetensors(await session.stateDict(), metadata));
}

async function stopped(report: FitReport, watch: Watch, { checkpoint }: Places, options: TrainOptions) {
  await writeAtomic(checkpoint, await watch.save());
  if (options.json) printJson({ reason: report.reason, steps: report.steps, checkpoint });
  const again = process.argv.slice(2).filter((a) => a !== '--resume');
  const command = ['lenslet', ...again, '--resume'].map(quoted).join(' ');
  process.stderr.write(
    `Stopped after step ${report.steps}, saved in ${checkpoint}. To go on:\n  ${command}\n`,
  );
  process.exitCode = STOPPED;
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function finished(
  session: Session,
  report: FitReport,
  watch: Watch,
  { out }: Places,
  options: TrainOptions,
): void {
  const { reason, epochs, steps, share } = report;
  const { seconds } = watch;
  if (options.json) {
    const { parameters, model } = session;
    printJson({ model: model.name, parameters, reason, steps, share, seconds, out, epochs });
    return;
  }
  const last = epochs.at(-1);
  const result = last?.validationAccuracy ?? last?.trainAccuracy ?? 0;
  const kind = last?.validationAccuracy === null ? 'training' : 'validation';
  const why = reason === 'early-stop' ? ` (stopped early; the weights are the best epoch's)` : '';
  print(
    `${session.model.name}: ${grouped(steps)} steps in ${duration(seconds)}${why}, ` +
      `${percent(result)} of the ${kind} images right in the last epoch. Weights: ${out}`,
  );
}
