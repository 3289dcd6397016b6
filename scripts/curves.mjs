// The same training steps in Node and in Chromium, on WASM and on WebGPU, plotted over each other:
// npm run experiment:curves -- --data DIR [--steps 200] [--lr 0.1] [--only NAME] [--plot]
// A place that has its column in the file is not run again; --plot only draws and compares what is there.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { build } from 'vite';
import { trainSteps } from '../dist/scripts/curves/steps.js';
import { createBackend, createWebgpuBackend } from '../dist/workers/node.js';
import { chart } from './chart.mjs';
import { fail, root } from './project.mjs';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    steps: { type: 'string', default: '200' },
    lr: { type: 'string', default: '0.1' },
    only: { type: 'string' },
    plot: { type: 'boolean' },
  },
});
const steps = Number(values.steps);
const lr = Number(values.lr);
const folder = join(root, 'docs/experiments/curves');
const csv = join(folder, `lr-${lr}.csv`);
const page = join(root, 'build/curves');
const file = join(
  values.data ?? join(process.env.LENSLET_DATA ?? '../shared/data', 'cifar10'),
  'data_batch_1.bin',
);
if (!existsSync(file)) fail(`There is no ${file}: name the folder of CIFAR-10's batches with --data DIR.`);

/** The first one is what the others are compared with. */
const places = {
  'Node, WASM': () => inNode(createBackend({ threads: 1 })),
  'Node, WASM, no FMA': () => inNode(createBackend({ threads: 1, binary: 'simd' })),
  'Chromium, WASM': () => inChromium('wasm'),
  'Chromium, WebGPU': () => inChromium('webgpu'),
  'Node, WebGPU': () => inNode(createWebgpuBackend()),
};

async function inNode(opening) {
  const backend = await opening;
  try {
    return await trainSteps(backend, readFileSync(file), steps, lr);
  } finally {
    backend.dispose();
  }
}

async function inChromium(on) {
  await build({
    ...{ configFile: false, root, base: './', logLevel: 'warn', publicDir: false, worker: { format: 'es' } },
    build: {
      ...{ outDir: page, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
      rolldownOptions: {
        input: { page: join(root, 'scripts/curves/page.ts') },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: ['/usr/bin/chromium'].find((path) => existsSync(path)),
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://localhost:${server.address().port}/`);
    await tab.waitForFunction('globalThis.curve');
    return await tab.evaluate((args) => globalThis.curve(...args), [on, '/data', steps, lr]);
  } finally {
    await browser.close();
    server.close();
  }
}

async function serve() {
  const types = { js: 'text/javascript', wasm: 'application/wasm', '/': 'text/html' };
  const server = createServer(async ({ url }, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.setHeader('Content-Type', types[url.split('.').at(-1)] ?? 'application/octet-stream');
    if (url === '/') response.end('<!doctype html><script type="module" src="/page.js"></script>');
    else response.end(await readFile(url === '/data' ? file : page + url).catch(() => ''));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Columns by name, of a run before this one. */
function readColumns() {
  if (!existsSync(csv)) return {};
  const [names, ...rows] = readFileSync(csv, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(';'));
  const columns = names.slice(1).map((name, i) => [name, rows.map((row) => Number(row[i + 1]))]);
  return Object.fromEntries(columns.filter(([, losses]) => losses.length === steps));
}

/** Largest and mean difference from the first place, over the first tenth of the steps and over all. */
function compare(columns) {
  const [wanted, ...others] = Object.entries(columns);
  for (const [name, losses] of others) {
    const apart = losses.map((loss, i) => Math.abs(loss - wanted[1][i]));
    const most = (n) => Math.max(...apart.slice(0, n)).toExponential(1);
    const mean = (of) => of.slice(-steps / 4).reduce((a, v) => a + v, 0) / (steps / 4);
    console.log(
      `${name}: at most ${most(steps / 10)} apart in ${steps / 10} steps, ${most(steps)} in ${steps}; ` +
        `mean loss of the last quarter ${mean(losses).toFixed(4)} (${wanted[0]}: ${mean(wanted[1]).toFixed(4)})`,
    );
  }
}

function write(columns) {
  const names = Object.keys(columns);
  const rows = Array.from({ length: steps }, (_, i) => [i + 1, ...names.map((n) => columns[n][i])].join(';'));
  writeFileSync(csv, `${['step', ...names].join(';')}\n${rows.join('\n')}\n`);
  const colours = ['#268bd2', '#2aa198', '#b58900', '#dc322f', '#6c71c4'];
  const lines = names.map((label, i) => ({
    ...{ label, colour: colours[i], dashed: i > 0 },
    points: columns[label].map((loss, at) => [at + 1, loss]),
  }));
  const title = `ResNet-20, ${steps} steps, learning rate up to ${lr}`;
  writeFileSync(csv.replace('.csv', '.svg'), chart({ title, x: 'step', y: 'loss', lines }));
}

mkdirSync(folder, { recursive: true });
const known = readColumns();
const columns = () =>
  Object.fromEntries(Object.keys(places).flatMap((name) => (known[name] ? [[name, known[name]]] : [])));
for (const [name, work] of Object.entries(places)) {
  if (values.plot || (values.only ? name !== values.only : known[name])) continue;
  const { losses, seconds } = await work();
  known[name] = losses;
  console.log(`${name}: ${seconds.toFixed(0)} s`);
  write(columns());
}
write(columns());
compare(columns());
process.exit(0);
