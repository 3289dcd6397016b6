// What Lenslet is to reach, and whether a run of the benchmark reaches it.
import { median } from './bench-measure.mjs';

const products = ['gemm-256', 'gemm-512', 'gemm-1024'];
const both = (name) => [`${name}-b1`, `${name}-b8`];
const winograd = ['c3x3-64x64-56', 'c3x3-128x128-28', 'c3x3-256x256-14'].flatMap(both);
const direct = ['c1x1-256x64-56', 'c7x7s2-3x64-224'].flatMap(both);
const networks = ['lenet5-b1', 'lenet5-b64', 'resnet20-b1', 'resnet20-b32', 'resnet18-b1', 'resnet50-b1'];

/** Networks that int8 shall make faster. */
const quick = ['lenet5-b64', 'resnet20-b1', 'resnet20-b32', 'resnet18-b1'];

/** Peers that are beaten for inference; tfjs+grad is tfjs there. */
const PEERS = ['tfjs', 'ort', 'jax'];
const GPU_PEERS = ['tfjs-gpu', 'ort-gpu', 'jax-gpu'];
/** Programs shorter than this on one thread need not gain from a second. */
const SHORT_MS = 1;
const LARGEST_DOWNLOAD = 60 * 1024;

/** @param best the same from the best times of each, which others on the machine disturb least */
const row = (target, id, [measured, best], wanted, unit, detail = '') => ({
  ...{ target, case: id, measured, best, wanted, unit, detail },
  reached: shareOf({ measured, best, wanted, unit }) >= 1,
});

/** How much of a target is reached, by medians or best times, whichever says less. */
export function shareOf({ measured, best, wanted, unit }) {
  const smaller = unit === 'KB' || unit === 'ms';
  return smaller ? wanted / Math.max(measured, best) : Math.min(measured, best) / wanted;
}

/** Share of the peak of the same rounds. */
function ofPeak(target, ids, names, wanted) {
  return ({ cases }) =>
    ids.flatMap((id) =>
      names.flatMap((name) => {
        const r = cases.get(id)?.results[name];
        return r?.median ? [row(target, id, [r.ofPeak, r.ofPeakBest], wanted, 'of peak', name)] : [];
      }),
    );
}

/** How much faster: median of the ratios within each round, and best over best. */
function speedup(slow, fast) {
  const ratios = slow.roundMedians.flatMap((ms, i) =>
    ms && fast.roundMedians[i] ? [ms / fast.roundMedians[i]] : [],
  );
  return [ratios.length ? median(ratios) : slow.median / fast.median, slow.best / fast.best];
}

/** Against the fastest of some peers. @param ids cases, all where absent */
function overPeers(target, ids, peers, wanted, own = 'ours') {
  return ({ cases }) =>
    (ids ?? [...cases.keys()]).flatMap((id) => {
      const results = cases.get(id)?.results ?? {};
      const measured = peers.filter((name) => results[name]?.median);
      if (!results[own]?.median || !measured.length) return [];
      const best = measured.reduce((a, b) => (results[a].median < results[b].median ? a : b));
      return [row(target, id, speedup(results[best], results[own]), wanted, '×', best)];
    });
}

/** Int8 over f32, both with as many threads. */
const quantized = ({ cases }) =>
  quick.flatMap((id) => {
    const results = cases.get(id)?.results ?? {};
    return ['ours', 'ours-1t'].flatMap((name) => {
      const int8 = results[name.replace('ours', 'ours-int8')];
      if (!results[name]?.median || !int8?.median) return [];
      return [row('int8 over f32', id, speedup(results[name], int8), 1.5, '×', name)];
    });
  });

const scaling = ({ cases }) =>
  [...cases.values()].flatMap(({ id, results }) => {
    const { ours, 'ours-1t': single } = results;
    if (!ours?.median || !(single?.median > SHORT_MS)) return [];
    return [row('two threads over one', id, speedup(single, ours), 1.85, '×')];
  });

const download = ({ cold }) =>
  cold.ours
    ? [
        row(
          'download',
          'LeNet-5',
          [cold.ours.brotli / 1024, cold.ours.brotli / 1024],
          LARGEST_DOWNLOAD / 1024,
          'KB',
        ),
      ]
    : [];

function coldStart({ cold }) {
  const peers = PEERS.filter((name) => cold[name]);
  if (!cold.ours || !peers.length) return [];
  const best = peers.reduce((a, b) => (cold[a].total < cold[b].total ? a : b));
  const times = [cold.ours.total, cold.ours.best];
  return [
    row('cold start before every peer', 'LeNet-5', times, cold[best].total, 'ms', best),
    row('cold start in half the time', 'LeNet-5', times, cold[best].total / 2, 'ms', best),
  ];
}

const targets = [
  ofPeak('GEMM', products, ['ours', 'ours-1t'], 0.85),
  ofPeak('GEMM without fused multiply and add', products, ['ours-simd-1t'], 0.85),
  ofPeak('3×3 convolution', winograd, ['ours'], 1.5),
  overPeers('3×3 convolution over peers', winograd, PEERS, 2.5),
  ofPeak('1×1 and 7×7 convolution', direct, ['ours'], 0.8),
  overPeers('1×1 and 7×7 convolution over peers', direct, PEERS, 1.4),
  overPeers('5×5 convolution over peers', both('c5x5-6x16-14'), PEERS, 1),
  overPeers('inference over peers', networks, PEERS, 2),
  overPeers('training over jax-js', ['lenet5-train-b64'], ['jax'], 20),
  overPeers('training over tfjs with its gradient', ['lenet5-train-b64'], ['tfjs+grad'], 5),
  overPeers('training over jax-js', ['resnet20-train-b32'], ['jax'], 30),
  overPeers('training over tfjs with its gradient', ['resnet20-train-b32'], ['tfjs+grad'], 12),
  overPeers('WebGPU over peers', null, GPU_PEERS, 1.5, 'ours-gpu'),
  quantized,
  scaling,
  download,
  coldStart,
];

/** Every target that this run says something about. */
export function judge({ cases, cold }) {
  const known = { cases: new Map(cases.map((c) => [c.id, c])), cold };
  return targets.flatMap((target) => target(known));
}
