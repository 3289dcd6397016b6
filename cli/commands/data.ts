/** lenslet data: fetches data sets. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { LensletError } from '../../src/core/error.ts';
import { isCifar10Name } from '../../src/data/cifar10.ts';
import { gunzip } from '../../src/io/gzip.ts';
import { dataHome } from '../data.ts';
import { type Download, download, isVerified } from '../download.ts';
import { exists, fileError, readBytes, writeAtomic } from '../files.ts';
import { example } from '../options.ts';
import { ProgressBar } from '../progress.ts';
import { bytes, print, printJson } from '../table.ts';
import { untar } from '../tar.ts';

interface DataSetSource {
  /** Folders on servers, in the order of trying. */
  readonly mirrors: readonly string[];
  /** File names with the md5 sums that their publishers give. */
  readonly files: Readonly<Record<string, string>>;
  /** What an archive must yield. */
  readonly unpacked?: readonly string[];
}

const sources: Readonly<Record<string, DataSetSource>> = {
  mnist: {
    mirrors: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
      'http://yann.lecun.com/exdb/mnist/',
    ],
    files: {
      'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
      't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
      't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c',
    },
  },
  cifar10: {
    mirrors: ['https://www.cs.toronto.edu/~kriz/'],
    files: { 'cifar-10-binary.tar.gz': 'c32a1d4ab5d03f1284b67883e8d87530' },
    unpacked: ['test_batch.bin', ...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)],
  },
};

interface DataOptions {
  readonly mirror?: string;
  readonly json?: boolean;
}

export function dataCommand(program: Command): void {
  const command = program
    .command('data')
    .description('Fetches a data set into $LENSLET_DATA, else ./data, and checks it.')
    .addArgument(new Argument('<name>', 'data set').choices(Object.keys(sources)))
    .option('--mirror <url>', 'folder on a server to try before the official ones')
    .option('--json', 'print one JSON document on stdout')
    .action(run);
  example(command, 'lenslet data mnist');
}

async function run(name: string, { mirror, json }: DataOptions): Promise<void> {
  const source = sources[name];
  const folder = join(dataHome(), name);
  const bar = new ProgressBar();
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw fileError('Cannot make the folder', folder, cause);
  }
  const mirrors = [...(mirror ? [mirror.replace(/\/?$/, '/')] : []), ...source.mirrors];
  const done = await allExist(folder, source.unpacked);
  for (const [file, md5] of done ? [] : Object.entries(source.files)) {
    const wanted = { urls: mirrors.map((m) => m + file), path: join(folder, file), md5 };
    if (await isVerified(wanted)) continue;
    await fetchFile(wanted, file, bar).catch((cause: Error) => {
      throw unavailable(cause, source, folder);
    });
  }
  if (source.unpacked && !done) await unpack(folder, Object.keys(source.files), source.unpacked);
  const files = source.unpacked ?? Object.keys(source.files);
  if (json) printJson({ name, folder, files });
  else print(`${name} is in ${folder} (${files.length} files).`);
}

async function allExist(folder: string, files: readonly string[] | undefined): Promise<boolean> {
  if (!files) return false;
  const found = await Promise.all(files.map((f) => exists(join(folder, f))));
  return found.every(Boolean);
}

async function fetchFile(wanted: Download, file: string, bar: ProgressBar): Promise<void> {
  try {
    await download(wanted, (received, total) => {
      bar.update(
        file,
        total ? received / total : 0,
        `${bytes(received)}${total ? ` of ${bytes(total)}` : ''}`,
      );
    });
    bar.say(`${file}: fetched and checked`);
  } finally {
    bar.clear();
  }
}

function unavailable(cause: Error, { mirrors, files }: DataSetSource, folder: string): LensletError {
  return new LensletError(
    'unknown',
    `${cause.message} Without a connection, put ${Object.keys(files).join(', ')} from ${mirrors[0]} into ${folder} ` +
      'and call the command again.',
    { cause },
  );
}

/** Far above CIFAR-10's 180 MB. */
const MOST_BYTES = 2 ** 29;

async function unpack(folder: string, archives: readonly string[], wanted: readonly string[]): Promise<void> {
  for (const archive of archives) {
    const path = join(folder, archive);
    for (const { name, bytes: content } of untar(await gunzip(await readBytes(path), MOST_BYTES))) {
      const file = name.slice(name.lastIndexOf('/') + 1);
      if (isCifar10Name(file) && wanted.includes(file)) await writeAtomic(join(folder, file), content);
    }
    await rm(path);
  }
  if (!(await allExist(folder, wanted))) {
    throw new LensletError('format', `The archive lacks some of ${wanted.join(', ')}; fetch it again.`);
  }
}
