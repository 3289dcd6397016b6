// The benchmark's results as tables, in Markdown.
import { median } from './bench-measure.mjs';
import { shareOf } from './bench-targets.mjs';

const digits = (x) =>
  x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toFixed(3);
const percent = (x) => `${(100 * x).toFixed(0)} %`;

function table(head, rows) {
  const all = [head, ...rows].map((cells) => cells.map(String));
  const width = head.map((_, i) => Math.max(3, ...all.map((cells) => cells[i].length)));
  const line = (cells) =>
    `| ${cells.map((c, i) => (i ? c.padStart(width[i]) : c.padEnd(width[i]))).join(' | ')} |`;
  const rule = `|${width.map((w, i) => (i ? `${'-'.repeat(w + 1)}:` : '-'.repeat(w + 2))).join('|')}|`;
  return [line(all[0]), rule, ...all.slice(1).map(line)].join('\n');
}

/** Below this share of the run's best peak, someone else used the machine. */
const BUSY = 0.85;

const peakOf = (c) => median(c.peaks.map((p) => p.fmaAll));

export function isBusy(c, cases) {
  return peakOf(c) < BUSY * Math.max(...cases.flatMap((other) => other.peaks.map((p) => p.fmaAll)));
}

const cell = (r, best) => {
  if (!r) return '';
  if (r.failed) return r.failed.startsWith('wrong') ? 'wrong' : '–';
  const ms = best ? r.best : r.median;
  const share = best ? r.ofPeakBest : r.ofPeak;
  return `${digits(ms)} (${share === undefined ? `${digits((r.gflops * r.median) / ms)} GFLOP/s` : percent(share)})`;
};

/** Milliseconds and share of the processor's peak (on WebGPU GFLOP/s), one line a case; the best times with `best`. */
export function timesTable(cases, names, best = false) {
  const rows = cases.map((c) => {
    const peaks = `${digits(median(c.peaks.map((p) => p.fma1)))} / ${digits(peakOf(c))}`;
    return [
      `${c.id}${isBusy(c, cases) ? ' *' : ''}`,
      peaks,
      ...names.map((name) => cell(c.results[name], best)),
    ];
  });
  return table(['case', 'peak 1 / 2', ...names], rows);
}

export function coldTable(cold) {
  const rows = Object.entries(cold).map(([name, r]) => [
    name,
    ...[r.total, r.best, r.setup, r.prepare, r.run].map((ms) => ms.toFixed(0)),
    ...[r.raw, r.brotli].map((bytes) => (bytes / 1024).toFixed(1)),
  ]);
  return table(['', 'ms', 'best', 'set-up', 'prepare', 'first run', 'KB', 'KB brotli'], rows);
}

const shown = (x, unit) =>
  unit === 'of peak' ? percent(x) : unit === '×' ? `${digits(x)}×` : `${digits(x)} ${unit}`;

const gap = (target) => (target.reached ? 'yes' : `no: ${percent(shareOf(target))} of it`);

export function targetsTable(judged) {
  const rows = judged.map((t) => [
    t.target,
    t.case,
    shown(t.wanted, t.unit),
    `${shown(t.measured, t.unit)}${t.detail ? ` (${t.detail})` : ''}`,
    shown(t.best, t.unit),
    gap(t),
  ]);
  return table(['target', 'case', 'wanted', 'measured', 'at best', 'reached'], rows);
}

/** Where the time goes in the cases that miss a target. */
export function profiles(cases, judged) {
  const missed = new Set(judged.filter((t) => !t.reached).map((t) => t.case));
  return cases
    .filter((c) => missed.has(c.id))
    .flatMap((c) => ['ours', 'ours-1t'].map((name) => profileLine(c, name)))
    .filter(Boolean)
    .join('\n');
}

function profileLine(c, name) {
  const { profile } = c.results[name] ?? {};
  if (!profile) return null;
  const total = profile.reduce((sum, p) => sum + p.ms, 0);
  const parts = profile
    .filter((p) => p.ms > total / 50)
    .map((p) => `${p.label}${p.count > 1 ? ` (${p.count})` : ''} ${digits(p.ms)}`);
  return `- ${c.id}, ${name}: ${digits(total)} ms = ${parts.join(' + ')}`;
}

/** The whole report. */
export function markdown({ meta, info, cases, cold, judged }, names) {
  const reached = judged.filter((t) => t.reached).length;
  const versions = Object.entries(meta.peers).map(([name, version]) => `${name} ${version}`);
  const { other } = meta;
  const rest = cases.filter((c) => !other?.cases.includes(c.id)).map((c) => c.id);
  const parts = [
    '# Measured figures',
    `Written by \`npm run bench --${meta.backend === 'webgpu' ? ' --backend webgpu' : ''} --record\`, ${meta.date.slice(0, 10)}, commit ${meta.commit}. ` +
      `${meta.cpu}, ${meta.cores} cores; Chromium ${info.chromium}; Node ${meta.node}; ` +
      `${versions.length ? versions.join(', ') : 'no peers installed'}.`,
    `Load of the machine, mean of a minute: ${meta.loadBefore.toFixed(1)} before, ${meta.loadAfter.toFixed(1)} after` +
      ` (a quiet machine has 0 before). ${meta.rounds} rounds a case; in each the peak is sampled and all take turns.`,
    ...(other
      ? [
          `${rest.join(', ')}: of this run. All other cases: of ${other.date.slice(0, 10)}, commit ${other.commit}.`,
        ]
      : []),
    '## Times\nMedian milliseconds, in brackets the share of the peak with as many threads, in the same rounds ' +
      '(on WebGPU GFLOP/s; fused multiply and add; ours-simd-1t: multiply and add apart). Peak in GFLOP/s. `*`: the peak was below ' +
      `${percent(BUSY)} of the run's best, so others used the machine. –: cannot do it or failed.`,
    timesTable(cases, names),
    'The best of all runs of each, against the best peak of the whole run: what others on the machine disturb least.',
    timesTable(cases, names, true),
  ];
  if (Object.keys(cold).length) {
    parts.push(
      '## Cold start\nNavigation to the first logits of LeNet-5, and what is downloaded for it.',
      coldTable(cold),
    );
  }
  parts.push(
    `## Targets: ${reached} of ${judged.length}\nRatios are medians of the ratios within each round; \`at best\`: from the best times. Reached: by both.`,
    targetsTable(judged),
    'Not measured here: native PyTorch and ONNX Runtime.',
  );
  const where = profiles(cases, judged);
  if (where)
    parts.push(
      '## Where the time goes\nCases that miss a target: kernels one by one, best of nine, milliseconds.',
      where,
    );
  const failures = cases.flatMap((c) =>
    Object.entries(c.results).flatMap(([name, r]) => (r.failed ? [`- ${c.id}, ${name}: ${r.failed}`] : [])),
  );
  if (failures.length) parts.push('## Failed', failures.join('\n'));
  return `${parts.join('\n\n')}\n`;
}
