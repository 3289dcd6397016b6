// The degradation experiment: npm run experiment:degradation -- --data DIR [--only NETWORK] [--runs DIR] | --plot | --table
// Trains the recipe's networks one after the other with `lenslet train`; a run that was stopped goes on where it was.
// --plot draws the error by epoch of the plain and residual networks; --table measures all networks' time on this machine.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.mjs';
import { fail, root } from './project.mjs';

const folder = join(root, 'docs/experiments/degradation');
const recipe = JSON.parse(readFileSync(join(folder, 'recipe.json'), 'utf8'));
const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    only: { type: 'string' },
    runs: { type: 'string', default: join(root, 'build/runs/degradation') },
    plot: { type: 'boolean' },
    table: { type: 'boolean' },
  },
});
const every = [...recipe.networks, ...recipe.beside];
const cli = join(root, 'dist/cli/main.js');

if (values.plot) plot();
else if (values.table) table();
else train();

function train() {
  const data = values.data ?? join(process.env.LENSLET_DATA ?? '../shared/data', 'cifar10');
  if (!existsSync(data)) fail(`There is no folder ${data}: name CIFAR-10's batches with --data DIR.`);
  const networks = values.only ? [values.only] : every;
  if (values.only && !every.includes(values.only)) fail(`It trains ${every.join(', ')}.`);
  mkdirSync(values.runs, { recursive: true });
  for (const name of networks) trainOne(name, resolve(data));
}

/** The command of one run, as anybody could type it. */
function trainOne(name, data) {
  const at = (ending) => join(values.runs, name + ending);
  if (existsSync(at('.safetensors'))) return copyFileSync(at('.csv'), join(folder, `${name}.csv`));
  const options = Object.entries({ ...recipe.options, ...recipe.changes[name] }).flatMap(([key, value]) =>
    value === true ? [`--${key}`] : [`--${key}`, String(value)],
  );
  const files = ['--checkpoint', at('.checkpoint'), '--out', at('.safetensors'), '--log', at('.csv')];
  const resume = existsSync(at('.checkpoint')) ? ['--resume'] : [];
  const command = ['train', name, '--data', data, ...options, ...files, '--save-every', '120', ...resume];
  console.log(`lenslet ${command.join(' ')}`);
  const { status } = spawnSync(process.execPath, [cli, ...command], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  copyFileSync(at('.csv'), join(folder, `${name}.csv`));
}

/** One picture: error by epoch, on the training images dashed, on the test images drawn through. */
function plot() {
  const colours = ['#b58900', '#dc322f', '#2aa198', '#268bd2'];
  const lines = recipe.networks.flatMap((name, i) => {
    const file = join(folder, `${name}.csv`);
    if (!existsSync(file)) return [];
    const rows = readRows(file);
    const points = (column) => rows.map((row) => [row.epoch, 100 * (1 - row[column])]);
    return [
      { label: `${name}, test`, colour: colours[i], points: points('validation_accuracy') },
      { label: `${name}, training`, colour: colours[i], dashed: true, points: points('train_accuracy') },
    ];
  });
  if (lines.length === 0) fail('No run has finished yet.');
  const out = join(root, 'docs/experiments/degradation.svg');
  writeFileSync(out, chart({ title: recipe.title, x: 'epoch', y: 'error, %', lines }));
  console.log(out);
}

/** Size, error after the last epoch and times of every network whose run has ended, as Markdown. */
function table() {
  const ask = (...command) => {
    const { status, stdout } = spawnSync(process.execPath, [cli, ...command, '--json'], { encoding: 'utf8' });
    return status === 0 ? JSON.parse(stdout) : null;
  };
  const milliseconds = (measured) => (measured ? measured.inference.milliseconds.median.toPrecision(3) : '–');
  const rows = every
    .filter((name) => existsSync(join(folder, `${name}.csv`)))
    .map((name) => {
      const epochs = readRows(join(folder, `${name}.csv`));
      const last = epochs.at(-1);
      const { parameters, macs } = ask('info', name);
      const bench = (batch, ...options) =>
        ask('bench', '--model', name, '--batch', String(batch), '--seconds', '1', ...options);
      const wasm = bench(recipe.options.batch, '--threads', '1');
      const errors = [last.train_accuracy, last.validation_accuracy].map(
        (a) => `${(100 * (1 - a)).toFixed(1)} %`,
      );
      const minutes = epochs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
      const step = wasm.training.milliseconds.median.toPrecision(3);
      const times = [
        minutes.toFixed(0),
        step,
        milliseconds(wasm),
        milliseconds(bench(1, '--backend', 'webgpu')),
      ];
      return [name, parameters.toLocaleString('en'), (macs / 1e6).toFixed(1), ...errors, ...times];
    });
  const head = ['network', 'parameters', 'million MACs', 'training error', 'test error', 'training, min'];
  head.push(`step of ${recipe.options.batch}, ms`, 'inference, WASM, ms', 'inference, WebGPU, ms');
  const lines = [head, head.map((_, i) => (i ? '--:' : '---')), ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  writeFileSync(join(folder, 'table.md'), `${lines.join('\n')}\n`);
  console.log(lines.join('\n'));
}

function readRows(file) {
  const [head, ...rows] = readFileSync(file, 'utf8').trim().split('\n');
  const columns = head.split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((cell, i) => [columns[i], Number(cell)])));
}
