/** lenslet convert: between ONNX networks and safetensors weights. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { check } from '../../src/core/error.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { METADATA } from '../../src/io/onnx/classifier.ts';
import { exportOnnx, replaceWeights } from '../../src/io/onnx/export.ts';
import { importOnnx, type OnnxModel } from '../../src/io/onnx/import.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { readBytes, writeAtomic } from '../files.ts';
import { isOnnx, networkTensors, readWeights, trained } from '../network.ts';
import { example, integer } from '../options.ts';
import { print } from '../table.ts';

export interface ConvertOptions {
  /** Network of a weights file that does not say which it is for: a name, or the ONNX file it was trained from. */
  readonly model?: string;
  /** Batch size of the ONNX file; open by default. */
  readonly batch?: number;
  /** Stores weights in half precision; only for safetensors. */
  readonly half?: boolean;
}

export function convertCommand(program: Command): void {
  const command = program
    .command('convert')
    .description('Converts between ONNX networks and safetensors weights.')
    .argument('<from>', 'network that comes with Lenslet, .safetensors or .onnx file')
    .argument('<to>', '.onnx or .safetensors file to write')
    .option('--model <name>', 'network, or .onnx file, of a weights file that does not say which it is for')
    .option('--batch <n>', 'batch size of the ONNX file (default: any)', integer(1))
    .option('--half', 'store the weights of a .safetensors file in half precision')
    .action(async (from: string, to: string, options: ConvertOptions) => {
      print(await convert(from, to, options));
    });
  example(
    command,
    'lenslet convert lenet5-modern lenet5.onnx',
    'lenslet convert resnet18.safetensors resnet18.onnx --model resnet18',
    'lenslet convert resnet18.onnx resnet18.safetensors',
    'lenslet convert tuned.safetensors tuned.onnx --model original.onnx',
    'lenslet convert trained.safetensors small.safetensors --half',
  );
}

const isSafetensors = (path: string): boolean => /\.safetensors$/i.test(path);

/**
 * Writes `to` from `from`; the names' endings say what they are. From ONNX the weights are taken, to ONNX the network
 * must be known.
 * @returns what was done, in a line
 * @throws LensletError 'value' for other endings or where nothing would change, 'unknown' when the network is not named
 */
export async function convert(from: string, to: string, options: ConvertOptions = {}): Promise<string> {
  if (isOnnx(from) && isSafetensors(to)) return toSafetensors(from, to, options);
  if (isSafetensors(from) && isSafetensors(to) && options.half) return toHalf(from, to);
  check(
    !isOnnx(from) && isOnnx(to) && !options.half,
    'value',
    () =>
      `Cannot convert ${basename(from)} to ${basename(to)}: one must end in .onnx, the other in .safetensors, or both in .safetensors with --half.`,
  );
  return toOnnx(from, to, options);
}

/** The same tensors and metadata; of a checkpoint the network's alone. */
async function toHalf(from: string, to: string): Promise<string> {
  const { tensors, metadata } = await readWeights(from);
  const { progress: _, ...kept } = metadata;
  const weights = networkTensors({ tensors, metadata });
  const bytes = writeSafetensors(weights, kept, { half: true });
  await writeAtomic(to, bytes);
  return `${to}: ${weights.size} weights, ${bytes.length} bytes`;
}

async function toOnnx(from: string, to: string, { model: name, batch }: ConvertOptions): Promise<string> {
  if (name && isOnnx(name)) return intoOnnx(from, to, name);
  const { model, weights } = await trained(from, name, '--model');
  check(
    weights,
    'unknown',
    () => `${from} has no f32 weights to write: quantised networks are not exported, the f32 one is.`,
  );
  const bytes = exportOnnx(model, weights, { batch: batch ?? 'N' });
  await writeAtomic(to, bytes);
  return `${to}: ${model.name} with ${weights.size} weights, ${bytes.length} bytes`;
}

/** The network of an ONNX file with other weights: what fine-tuning it has made. */
async function intoOnnx(from: string, to: string, original: string): Promise<string> {
  const { weights } = await trained(from, original);
  const bytes = replaceWeights(await readBytes(original), weights ?? new Map());
  await writeAtomic(to, bytes);
  return `${to}: ${original} with ${weights?.size ?? 0} weights of ${from}, ${bytes.length} bytes`;
}

async function toSafetensors(from: string, to: string, { model, half }: ConvertOptions): Promise<string> {
  const onnx = importOnnx(await readBytes(from));
  const weights = new Map<string, Tensor>();
  for (const [name, stored] of onnx.initializers) {
    if (stored.dtype === 'f32') weights.set(name, stored.tensor(name));
  }
  check(weights.size, 'value', () => `${from} holds no weights (floating-point initialisers).`);
  const name = model ?? modelOf(onnx);
  const bytes = writeSafetensors(weights, name ? { model: name } : {}, { half: half ?? false });
  await writeAtomic(to, bytes);
  return `${to}: ${weights.size} weights, ${bytes.length} bytes`;
}

/** The network's name in a file that Lenslet wrote. */
function modelOf(onnx: OnnxModel): string | null {
  try {
    const name: unknown = JSON.parse(onnx.metadata.get(METADATA.model) ?? 'null');
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  }
}
