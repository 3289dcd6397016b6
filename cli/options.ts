/** Options that commands share, and how their numbers are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';

/**
 * webgpu: this machine's GPU, through the optional package of that name. auto: each plan where it is faster, measured
 * on first use. reference: slow, for comparison.
 */
export const BACKENDS = ['wasm', 'webgpu', 'auto', 'reference'] as const;
export type BackendName = (typeof BACKENDS)[number];
/** For training. both: each batch is divided between WASM and the GPU. */
export const TRAINING_BACKENDS = [...BACKENDS, 'both'] as const;

export interface CommonOptions {
  readonly threads?: number;
  readonly backend: BackendName;
  /** Of weights on the GPU. */
  readonly precision?: 'f32' | 'f16';
  readonly json?: boolean;
}

/** Reads a whole number from `low` to `high`. */
export const integer =
  (low: number, high = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const n = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (n >= low && n <= high) return n;
    const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `from ${low} to ${high}`;
    throw new InvalidArgumentError(`Give a whole number, ${range}.`);
  };

/** Reads a finite number in [low, high]; `open`: low itself is excluded. */
export const real =
  (low: number, high = Number.POSITIVE_INFINITY, open = false) =>
  (text: string): number => {
    const n = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(n) && n <= high && (open ? n > low : n >= low)) return n;
    const least = open ? `above ${low}` : `${low} or more`;
    throw new InvalidArgumentError(`Give a number, ${least}${high < 1e300 ? `, at most ${high}` : ''}.`);
  };

/** Where a command runs a network: --threads, --backend; and --json. */
export const withCommon = (command: Command, backends: readonly string[] = BACKENDS): Command =>
  command
    .option('--threads <n>', 'threads (default: one a core, at most 8)', integer(1, 64))
    .addOption(new Option('--backend <name>', 'what computes').choices(backends).default('wasm'))
    .option('--json', 'print one JSON document on stdout');

/** For inference: --precision. */
export const withPrecision = (command: Command): Command =>
  command.addOption(
    new Option('--precision <type>', 'of weights on the GPU, with --backend webgpu')
      .choices(['f32', 'f16'])
      .default('f32'),
  );

/** The network's architecture for weights that do not name it. */
export const withArch = (command: Command): Command =>
  command.option(
    '--arch <name>',
    'network (or .onnx file) of a weights file that does not say which it is for',
  );

/** Appends an example to a command's help. */
export const example = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText(
    'after',
    `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((l) => `  ${l}\n`).join('')}`,
  );
