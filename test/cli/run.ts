/** Runs the built command as users do, in a folder of its own. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { ImageSet } from '../../src/data/dataset.ts';
import { syntheticDigits } from '../../src/data/digits.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with everything on stderr so far; returns a signal to send, once. */
  readonly signalOn?: (stderr: string) => NodeJS.Signals | null;
}

/** @throws Error when the command has not been built */
export function lenslet(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  if (!existsSync(MAIN)) throw new Error('The command is not built: run "npm run build:lib" first.');
  const { LENSLET_DATA: _, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  let sent = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    const signal = sent ? null : options.signalOn?.(stderr);
    if (!signal) return;
    sent = true;
    child.kill(signal);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'lenslet-'));

/** An IDX file of unsigned bytes. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x800 + shape.length);
  shape.forEach((d, i) => {
    header.setUint32(4 + 4 * i, d);
  });
  return Buffer.concat([new Uint8Array(header.buffer), data]);
}

function writePart(folder: string, part: string, set: ImageSet, zip: boolean): void {
  const end = zip ? '.gz' : '';
  const write = (name: string, bytes: Uint8Array) =>
    writeFileSync(join(folder, name + end), zip ? gzipSync(bytes) : bytes);
  write(`${part}-images-idx3-ubyte`, idx([set.count, set.height, set.width], set.pixels));
  write(`${part}-labels-idx1-ubyte`, idx([set.count], set.labels as Uint8Array));
}

/** A folder like MNIST's: plain training files, gzipped test files. */
export function writeDigits(folder: string, train: number, test: number): string {
  mkdirSync(folder, { recursive: true });
  writePart(folder, 'train', syntheticDigits({ count: train, seed: 1 }), false);
  writePart(folder, 't10k', syntheticDigits({ count: test, seed: 2 }), true);
  return folder;
}
