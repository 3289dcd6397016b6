// npm run bench: Lenslet beside its peers in Chromium; prints tables, writes build/bench/results.json.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { ADAPTER, buildAdapter } from './bench-build.mjs';
import {
  availableContestants,
  contestants,
  installedPeers,
  installPeers,
  PEERS,
} from './bench-contestants.mjs';
import { measureCases, measureCold, median } from './bench-measure.mjs';
import { MODELS, writeModels } from './bench-models.mjs';
import { coldTable, markdown, targetsTable, timesTable } from './bench-report.mjs';
import { serveBench } from './bench-server.mjs';
import { judge } from './bench-targets.mjs';
import { ensureInstalled, fail, isFresh, root, run } from './project.mjs';

const USAGE = `npm run bench -- [options]
  --cases LIST        names with * and kinds (micro, infer, train); default *
  --backend NAME      wasm or webgpu, default wasm
  --adapter NAME      for webgpu: software (SwiftShader) or default (the machine's own), default software
  --contestants LIST  of ${Object.keys(contestants).join(', ')}; default all of the backend that are installed
  --rounds N          rounds a case, default 7
  --budget MS         for each contestant in a round, default 250
  --cold N            cold starts of each on wasm, default 5; 0: none
  --timeout S         for an answer of a contestant, default 600: checks, warm-up, or its runs of a round
  --peers FOLDER      where the peers are installed, default build/bench-peers
  --install-peers     installs them there from npm first
  --out FILE          JSON, default build/bench/results.json; has every case as soon as it is measured
  --with FILE         JSON of another run, an ended one too, whose cases come into the tables beside these
  --record            also writes test/bench/RESULTS.md, or RESULTS-WEBGPU.md`;

function options() {
  const text = (value) => ({ type: 'string', default: value });
  try {
    const { values } = parseArgs({
      options: {
        cases: text('*'),
        contestants: { type: 'string' },
        backend: text('wasm'),
        adapter: text('software'),
        rounds: text('7'),
        budget: text('250'),
        cold: text('5'),
        timeout: text('600'),
        peers: text(PEERS),
        'install-peers': { type: 'boolean' },
        out: text(`${root}build/bench/results.json`),
        with: { type: 'string' },
        record: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    for (const name of ['rounds', 'budget', 'cold', 'timeout']) {
      const n = Number(values[name]);
      const least = name === 'cold' ? 0 : 1;
      if (!(Number.isInteger(n) && n >= least))
        throw new Error(`--${name} must be a whole number from ${least}.`);
      values[name] = n;
    }
    const choices = { backend: ['wasm', 'webgpu'], adapter: ['software', 'default'] };
    for (const [name, known] of Object.entries(choices))
      if (!known.includes(values[name])) throw new Error(`--${name} must be ${known.join(' or ')}.`);
    if (!values.help) return values;
  } catch (error) {
    fail(`npm run bench: ${error.message}\n\n${USAGE}`);
  }
  console.log(USAGE);
  process.exit(0);
}

function choose(cases, list) {
  const patterns = list.split(',').map((p) => {
    if (['micro', 'infer', 'train'].includes(p)) return (c) => c.kind === p;
    const rule = new RegExp(`^${p.replace(/[.+]/g, '\\$&').replaceAll('*', '.*')}$`);
    return (c) => rule.test(c.id);
  });
  const chosen = cases.filter((c) => patterns.some((fits) => fits(c)));
  if (!chosen.length) fail(`No case fits "${list}"; there are ${cases.map((c) => c.id).join(', ')}.`);
  return chosen;
}

function chooseContestants(list, peers, backend) {
  const available = availableContestants(peers, backend);
  const names = list?.split(',') ?? available;
  const missing = names.filter((name) => !available.includes(name));
  if (missing.length) {
    fail(`${missing.join(', ')}: unknown or not installed (npm run bench -- --install-peers). ${USAGE}`);
  }
  return names;
}

async function prepare() {
  ensureInstalled();
  if (run('npm', ['run', '--silent', 'build:wasm']) !== 0) fail('The kernels could not be built.');
  await buildAdapter();
  if (!isFresh(['build/bench/peak.wasm'], ['as/peak.ts'])) {
    const asc = `${root}node_modules/assemblyscript/bin/asc.js`;
    const features = ['--enable', 'simd', '--enable', 'relaxed-simd', '--disableWarning', '201'];
    const args = ['peak.ts', '--baseDir', 'as', '-o', '../build/bench/peak.wasm', '-O3', '--runtime', 'stub'];
    if (run(process.execPath, [asc, ...args, '--noAssert', ...features]) !== 0)
      fail('as/peak.ts: see above.');
  }
  console.error('Networks (the first time takes minutes: expected values are computed by the reference) …');
  await writeModels();
}

const brotli = (files) => files.reduce((sum, file) => sum + brotliCompressSync(readFileSync(file)).length, 0);

/** Medians of the cold starts, and the size of what was downloaded for them but the network. */
function summariseCold({ runs, files }) {
  const cold = {};
  for (const [name, list] of Object.entries(runs)) {
    if (!list.length) continue;
    const of = (key) => median(list.map((r) => r[key]));
    const own = Object.entries(files[name]).filter(([url]) => /^\/(ours|nm)\//.test(url));
    const paths = own.map(([, file]) => file);
    cold[name] = {
      ...{ total: of('total'), setup: of('setup'), prepare: of('prepare'), run: of('run') },
      best: Math.min(...list.map((r) => r.total)),
      raw: paths.reduce((sum, file) => sum + readFileSync(file).length, 0),
      brotli: brotli(paths),
      files: own.map(([url, file]) => ({ url, raw: readFileSync(file).length, brotli: brotli([file]) })),
    };
  }
  return cold;
}

/** The commit, and whether what is measured differs from it. */
const commit = () => {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'as', 'src', 'workers', 'test/bench');
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' with local changes' : '');
  } catch {
    return 'unknown';
  }
};

/** Cases of another run that were not measured in this one, in the order of `all`; the description says whose they are. */
function addRun(measured, meta, other, all) {
  const own = new Set(measured.cases.map((c) => c.id));
  const added = other.cases.filter((c) => !own.has(c.id));
  const place = (c) => all.findIndex(({ id }) => id === c.id);
  measured.cases = [...added, ...measured.cases].sort((a, b) => place(a) - place(b));
  meta.other = { ...other.meta, cases: added.map((c) => c.id) };
}

async function findChromium() {
  const { chromium } = await import('playwright');
  const known = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', chromium.executablePath()];
  return known.find((path) => path && existsSync(path)) ?? fail('No Chromium: set CHROMIUM_PATH to one.');
}

const values = options();
const peers = resolve(values.peers);
if (values['install-peers']) installPeers(peers);
await prepare();
const { cases: all } = JSON.parse(readFileSync(`${MODELS}/index.json`, 'utf8'));
const cases = choose(all, values.cases);
const names = chooseContestants(values.contestants, peers, values.backend);
const settings = {
  ...{ names, rounds: values.rounds, budget: values.budget, coldRuns: values.cold },
  timeout: 1000 * values.timeout,
  chromiumPath: await findChromium(),
  adapter: values.adapter,
};
const loadBefore = loadavg()[0];
const server = await serveBench([
  ['/ours/', ADAPTER],
  ['/models/', MODELS],
  ['/nm/', `${peers}/node_modules`],
  ['/peak.wasm', `${root}build/bench/peak.wasm`],
  ['/', `${root}test/bench/page`],
]);
const expected = (c) => JSON.parse(readFileSync(`${MODELS}/${c.asset}.json`, 'utf8')).expected[c.id].values;
const meta = {
  ...{ date: new Date().toISOString(), commit: commit(), cpu: cpus()[0].model, cores: cpus().length },
  ...{ node: process.version, rounds: values.rounds, budget: values.budget, loadBefore },
  backend: values.backend,
  peers: installedPeers(peers),
};
const finished = [];
mkdirSync(dirname(resolve(values.out)), { recursive: true });
const progress = (c) => {
  const parts = Object.entries(c.results).map(([n, r]) => `${n} ${r.failed ? '–' : r.median.toFixed(3)}`);
  console.error(`  ${c.id.padEnd(20)} ${parts.join('  ')}`);
  finished.push(c);
  writeFileSync(values.out, JSON.stringify({ meta, cases: finished }, null, 1));
};
console.error(`${cases.length} cases, ${names.join(', ')} …`);
const measured = await measureCases(server.address, cases, expected, settings, progress);
const takeServed = () => {
  const files = Object.fromEntries(server.served);
  server.served.clear();
  return files;
};
const coldNames = names.filter((name) => ['ours', 'tfjs', 'ort', 'jax'].includes(name));
const lenet = all.find((c) => c.id === 'lenet5-b1');
const cold =
  values.cold && coldNames.length
    ? summariseCold(await measureCold(server.address, lenet, coldNames, settings, takeServed))
    : {};
server.close();
meta.loadAfter = loadavg()[0];
const other = values.with && JSON.parse(readFileSync(values.with, 'utf8'));
if (other) addRun(measured, meta, other, all);
const judged = judge({ cases: measured.cases, cold });
const result = { meta, ...measured, cold, judged };
writeFileSync(values.out, JSON.stringify(result, null, 1));
const shown = Object.keys(contestants).filter((name) => measured.cases.some((c) => c.results[name]));
console.log(`\n${timesTable(measured.cases, shown)}\n`);
if (Object.keys(cold).length) console.log(`${coldTable(cold)}\n`);
console.log(`${targetsTable(judged)}\n\nJSON: ${values.out}`);
const record = { wasm: 'RESULTS.md', webgpu: 'RESULTS-WEBGPU.md' }[values.backend];
if (values.record) writeFileSync(`${root}test/bench/${record}`, markdown(result, shown));
