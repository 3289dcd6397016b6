// Measures the contestants in Chromium: each has its own browser, and all take turns, with the peak in between.
import { chromium } from 'playwright';
import { contestants } from './bench-contestants.mjs';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** Besides, for contestants on WebGPU: by adapter. */
const GPU_ARGS = {
  default: ['--enable-unsafe-webgpu'],
  software: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader'],
};

const WARM_UP_MS = 600;
const MOST_RUNS = 400;
/** A program that takes longer than this is measured in the first two rounds only. */
const SLOW_MS = 4000;
/** Whose check takes longer than this needs no other warm-up, and is measured in the first round only. */
const CRAWLING_MS = 60_000;
const PROFILES = 9;
/** Training steps whose losses are checked: as many as `test/bench/models.ts` has expected values of. */
const STEPS = 2;

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/** Relative to the largest value expected. */
export function errorOf(values, wanted) {
  const scale = Math.max(...wanted.map(Math.abs), 1e-9);
  const n = Math.min(values.length, wanted.length);
  const worst = Math.max(...wanted.slice(0, n).map((w, i) => Math.abs(values[i] - w)));
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / scale;
}

/** Largest error of a result that counts. Losses drift apart from step to step; a byte tells 1 in 255. */
const tolerance = (kind, { int8 }) => (int8 ? 0.1 : kind === 'train' ? 2e-2 : 1e-3);

export class Page {
  static async open(address, options, { timeout, chromiumPath, adapter }) {
    const page = new Page();
    page.timeout = timeout;
    page.address = address;
    const args = options.backend === 'webgpu' ? [...CHROMIUM_ARGS, ...GPU_ARGS[adapter]] : CHROMIUM_ARGS;
    page.browser = await chromium.launch({ executablePath: chromiumPath, args });
    page.version = page.browser.version();
    page.page = await page.browser.newPage();
    await page.page.goto(`${address}/index.html?${new URLSearchParams({ ...options, steps: STEPS })}`);
    await page.page.waitForFunction('window.bench');
    return page;
  }

  /** Calls a function of the page's harness. */
  async call(name, argument) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${this.timeout / 1000} s`)), this.timeout);
    });
    const answer = this.page.evaluate(([f, a]) => window.bench[f](a), [name, argument]);
    answer.catch(() => {});
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  close() {
    return this.browser.close().catch(() => {});
  }
}

const failure = (error) => String(error.message).split('\n')[0].slice(0, 200);

/** Loads a case in one contestant's page, checks what it computes and warms it up. */
async function prepare(page, c, wanted, contestant, settings) {
  const start = performance.now();
  const values = await page.call('prepare', c);
  const crawls = performance.now() - start > CRAWLING_MS;
  const error = errorOf(values, wanted);
  const row = { error: Number(error.toPrecision(2)), rounds: [] };
  if (error > tolerance(c.kind, contestant)) return { ...row, failed: `wrong by ${row.error}` };
  if (crawls) return { ...row, slowRounds: 1 };
  const times = await page.call('measure', {
    budget: settings.warmUp ?? WARM_UP_MS,
    fewest: 1,
    most: MOST_RUNS,
  });
  return { ...row, ...(times.at(-1) > SLOW_MS ? { slowRounds: 2 } : {}) };
}

/** The shortest times of each kernel, summed over equal labels and sorted by time. */
async function profile(page) {
  const runs = await page.call('profile', PROFILES);
  const sums = new Map();
  runs[0].forEach(({ label }, i) => {
    const entry = sums.get(label) ?? { label, count: 0, ms: 0 };
    entry.count++;
    entry.ms += Math.min(...runs.map((run) => run[i].milliseconds));
    sums.set(label, entry);
  });
  return [...sums.values()].sort((a, b) => b.ms - a.ms);
}

/** Without fused multiply and add, the peak is that of the two apart. */
const peakKey = ({ threads, binary }) => `${binary ? 'mulAdd' : 'fma'}${threads > 1 ? 'All' : '1'}`;

function summarise(row, c, peaks, contestant) {
  const times = row.rounds.flat();
  if (!times.length) return row;
  const { rounds, slowRounds, ...rest } = row;
  const rate = (ms) => c.flops / ms / 1e6;
  const ms = median(times);
  return {
    ...rest,
    runs: times.length,
    median: ms,
    best: Math.min(...times),
    roundMedians: rounds.map((r) => (r.length ? median(r) : null)),
    gflops: rate(ms),
    ...(contestant.backend === 'webgpu' ? {} : { ofPeak: shareOfPeak(rounds, peaks, rate, contestant) }),
  };
}

/** Of the processor's peak: median over the rounds of (median of the round / peak of the round). */
function shareOfPeak(rounds, peaks, rate, contestant) {
  const key = peakKey(contestant);
  return median(rounds.flatMap((r, i) => (r.length ? [rate(median(r)) / peaks[i][key]] : [])));
}

/** The best time against the best peak of the whole run: what others on the machine disturb least. */
function addBest(cases) {
  for (const { flops, results } of cases) {
    for (const [name, r] of Object.entries(results)) {
      if (!r.best || r.ofPeak === undefined) continue;
      const key = peakKey(contestants[name]);
      const peak = Math.max(...cases.flatMap((c) => c.peaks.map((p) => p[key])));
      r.ofPeakBest = flops / r.best / 1e6 / peak;
    }
  }
}

/** A new page for one that failed, which may be computing still. */
async function reopened(page, name, settings) {
  await page.close();
  const next = await Page.open(page.address, contestants[name], settings);
  await next.call('setup').catch(() => {});
  return next;
}

async function measureCase(c, wanted, pages, peakPage, settings) {
  const rows = {};
  for (const [name, page] of pages) {
    if (contestants[name].kinds?.includes(c.kind) === false) continue;
    try {
      rows[name] = await prepare(page, c, wanted, contestants[name], settings);
    } catch (error) {
      rows[name] = { failed: failure(error), rounds: [] };
      pages.set(name, await reopened(page, name, settings));
    }
  }
  const turn = [...pages].filter(([name]) => rows[name] && !rows[name].failed);
  const peaks = [];
  for (let round = 0; round < settings.rounds; round++) {
    peaks.push(await peakPage.call('call', 'sample'));
    for (let i = 0; i < turn.length; i++) {
      const [name, page] = turn[(i + round) % turn.length];
      const row = rows[name];
      if (row.failed || round >= (row.slowRounds ?? settings.rounds)) {
        row.rounds.push([]);
        continue;
      }
      try {
        const limits = { budget: settings.budget, fewest: row.slowRounds ? 1 : 2, most: MOST_RUNS };
        row.rounds.push(await page.call('measure', limits));
      } catch (error) {
        row.failed = failure(error);
        pages.set(name, await reopened(page, name, settings));
      }
    }
  }
  for (const [name] of turn) {
    const { adapter } = contestants[name];
    const page = pages.get(name);
    if (adapter === 'ours' && !rows[name].failed) rows[name].profile = await profile(page);
    await page.call('dispose').catch(() => {});
  }
  const results = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, summarise(row, c, peaks, contestants[name])]),
  );
  return { ...c, peaks, results };
}

/**
 * @param settings {names, rounds, budget, timeout, chromiumPath}
 * @param expected values by case id
 * @param report called with each finished case
 */
export async function measureCases(address, cases, expected, settings, report) {
  const peakPage = await Page.open(address, { adapter: 'peak', threads: 2 }, settings);
  const pages = new Map();
  const info = { chromium: peakPage.version };
  try {
    await peakPage.call('setup');
    for (const name of settings.names) {
      const page = await Page.open(address, contestants[name], settings);
      info[name] = await page.call('setup').catch((error) => ({ failed: failure(error) }));
      pages.set(name, page);
    }
    const done = [];
    for (const c of cases) {
      done.push(await measureCase(c, expected(c), pages, peakPage, settings));
      report(done.at(-1));
    }
    addBest(done);
    return { info, cases: done };
  } finally {
    for (const page of [peakPage, ...pages.values()]) await page.close();
  }
}

/** Cold starts, a new browser for each: navigation to the first logits. */
export async function measureCold(address, c, names, settings, clear) {
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  const files = {};
  for (let i = 0; i < settings.coldRuns; i++) {
    for (const name of names) {
      const { kinds, ...options } = contestants[name];
      clear();
      const page = await Page.open(address, options, settings);
      try {
        runs[name].push(await page.call('cold', c));
      } catch (error) {
        console.error(`  cold start of ${name}: ${failure(error)}`);
      } finally {
        await page.close();
      }
      files[name] ??= clear();
    }
  }
  return { runs, files };
}
