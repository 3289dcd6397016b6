/** lenslet info: what a network consists of and what it needs. */
import type { Command } from 'commander';
import { bytesOf, type TensorType } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { compile } from '../../src/plan/compile.ts';
import { describeLayers, type LayerRow } from '../../src/plan/describe.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { buildStep } from '../../src/train/trainer.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { describeFile, type FileReport } from '../file-info.ts';
import { architecture, isNetwork, isOnnx, isQuantized, trained } from '../network.ts';
import { example, integer, withArch } from '../options.ts';
import { bytes, grouped, print, printJson, table } from '../table.ts';

interface InfoOptions {
  readonly batch: number;
  readonly arch?: string;
  readonly json?: boolean;
}

interface Memory {
  readonly batch: number;
  /** Weights, buffers and, in training, the optimiser's variables. */
  readonly variables: number;
  /** Inputs and outputs. */
  readonly io: number;
  /** Packed weights and the like, kept between runs. */
  readonly persistent: number;
  /** Values that live during a run only, and the least that any plan of this order needs for them. */
  readonly arena: number;
  readonly arenaLowerBound: number;
}

interface Report {
  readonly model: string;
  readonly title: string;
  readonly input: readonly number[];
  readonly classes: number;
  readonly parameters: number;
  readonly macs: number;
  readonly layers: readonly LayerRow[];
  /** Networks in int8 are not trained. */
  readonly memory: { readonly inference: Memory; readonly training: Memory | null };
  readonly file?: FileReport;
}

export function infoCommand(program: Command): void {
  const command = program
    .command('info')
    .description('Shows layers, parameters, operations and planned memory of a network.')
    .argument('<model>', 'network that comes with Lenslet, or a .safetensors or .onnx file')
    .option('--batch <n>', 'images of the training step that is planned', integer(1), 64)
    .option('--json', 'print one JSON document on stdout');
  withArch(command).action(run);
  example(command, 'lenslet info lenet5', 'lenslet info lenet5-modern.safetensors --json');
}

async function run(name: string, { batch, arch, json }: InfoOptions): Promise<void> {
  const file = isNetwork(name) || isOnnx(name) ? undefined : await describeFile(name);
  const of = arch ?? (file ? file.metadata.model : name);
  if (!of && file) {
    if (json) printJson({ file });
    else print(showFile(file));
    return;
  }
  const quantized = file && isQuantized(file);
  const model = quantized ? (await trained(name, arch)).model : await architecture(of);
  const report = { ...reportOn(model, quantized ? null : batch), file };
  if (json) printJson(report);
  else print(file ? `${showFile(file)}\n\n${show(report)}` : show(report));
}

/** @param batch images of a training step, null for a network that is not trained */
function reportOn(model: Model, batch: number | null): Report {
  const inference = new Graph();
  const b = new Builder(inference, false);
  const x = inference.input('x', { dtype: 'f32', shape: [1, ...model.input] });
  inference.output('scores', model.build(b, x));
  const layers = describeLayers(inference, b.taps);
  const sum = (of: (row: LayerRow) => number) => layers.reduce((total, row) => total + of(row), 0);
  return {
    model: model.name,
    title: model.title,
    input: model.input,
    classes: model.classes.length,
    parameters: sum((row) => row.parameters),
    macs: sum((row) => row.macs),
    layers,
    memory: {
      inference: memoryOf(inference, 1),
      training: batch === null ? null : trainingMemory(model, batch),
    },
  };
}

function trainingMemory(model: Model, batch: number): Memory {
  const training = new Graph();
  buildStep(new Builder(training, true), model, sgd({ momentum: 0.9 }), [batch, ...model.input]);
  return memoryOf(training, batch);
}

function memoryOf(graph: Graph, batch: number): Memory {
  const { memory } = compile(graph, wasmTarget);
  const sum = (values: Iterable<TensorType>) => [...values].reduce((total, v) => total + bytesOf(v), 0);
  const variables = sum([...graph.variables.values()].map((v) => v.value));
  return { batch, variables, io: sum([...graph.inputs.values(), ...graph.outputs.values()]), ...memory };
}

function show({ title, input, classes, parameters, macs, layers, memory }: Report): string {
  const rows = layers.map((l) => [
    l.name,
    l.op,
    l.shape.join('×'),
    l.parameters ? grouped(l.parameters) : '–',
    l.macs ? grouped(l.macs) : '–',
  ]);
  const total = ['total', '', '', grouped(parameters), grouped(macs)];
  const { inference, training } = memory;
  const line = (label: string, of: (m: Memory) => number) => [
    label,
    bytes(of(inference)),
    ...(training ? [bytes(of(training))] : []),
  ];
  return [
    `${title}: input ${input.join('×')}, ${classes} classes, ${grouped(parameters)} parameters`,
    '',
    table(['layer', 'operator', 'output', 'parameters', 'MACs'], [...rows, total]),
    '',
    table(
      [
        ...['planned memory', 'inference, batch 1'],
        ...(training ? [`training step, batch ${training.batch} (sgd, momentum)`] : []),
      ],
      [
        line('values', (m) => m.arena),
        line('  lower bound', (m) => m.arenaLowerBound),
        line('packed weights', (m) => m.persistent),
        line('variables', (m) => m.variables),
        line('inputs and outputs', (m) => m.io),
      ],
    ),
  ].join('\n');
}

function showFile({ path, bytes: size, metadata, tensors }: FileReport): string {
  const rows = tensors.map((t) => [t.name, t.dtype, t.shape.join('×'), grouped(t.values)]);
  const about = Object.entries(metadata).map(([key, value]) => `${key}: ${value}`);
  return [
    `${path}: safetensors, ${bytes(size)}`,
    ...about,
    '',
    table(['tensor', 'type', 'shape', 'values'], rows),
  ].join('\n');
}
