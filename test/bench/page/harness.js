// The benchmark's page: index.html?adapter=ours|tfjs|ort|jax|peak&…, the rest are the adapter's options. An adapter is
//   export default async (options) => ({ setup(): info, prepare(case, asset): { run, check, profile?, dispose } })
// run: kind "micro": the result is computed, not read; "infer": logits read; "train": one step, loss read.
// check: 64 evenly spaced values of the output (NCHW), or the losses of the first steps (option "steps"), before any
// other run.
const query = Object.fromEntries(new URL(location.href).searchParams);
const adapters = {
  ours: '/ours/bench-adapter.js',
  peak: '/peak.js',
  tfjs: '/tfjs.js',
  ort: '/ort.js',
  jax: '/jax.js',
};

async function loadAsset(name) {
  const [doc, bytes] = await Promise.all([
    fetch(`/models/${name}.json`).then((r) => r.json()),
    fetch(`/models/${name}.bin`).then((r) => r.arrayBuffer()),
  ]);
  const t = {};
  for (const [key, { shape, dtype, offset, size }] of Object.entries(doc.tensors)) {
    t[key] = { shape, data: new (dtype === 'int32' ? Int32Array : Float32Array)(bytes, offset, size) };
  }
  return { ...doc, t };
}

/** What is timed takes at least about this long. */
const CLOCK_MS = 0.25;

let adapter;
let program;

const bench = {
  async setup() {
    const { default: create } = await import(adapters[query.adapter]);
    adapter = await create({ ...query, threads: Number(query.threads ?? 1) });
    return adapter.setup();
  },
  async prepare(c) {
    await bench.dispose();
    program = await adapter.prepare(c, await loadAsset(c.asset));
    return Array.from(await program.check(), Number);
  },
  /** Times of a run, milliseconds; short runs are timed several at once, as the clock ticks every 5 µs. */
  async measure({ budget, fewest, most }) {
    const times = [];
    let count = 1;
    for (
      const start = performance.now();
      times.length < most && (times.length < fewest || performance.now() - start < budget);
    ) {
      const before = performance.now();
      for (let i = 0; i < count; i++) await program.run();
      const time = (performance.now() - before) / count;
      if (count === 1 && time < CLOCK_MS) count = Math.ceil(CLOCK_MS / Math.max(time, CLOCK_MS / 100));
      else times.push(time);
    }
    return times;
  },
  /** Times of the kernels of several runs. */
  async profile(runs) {
    const all = [];
    for (let i = 0; i < runs; i++) all.push(await program.profile());
    return all;
  },
  async call(name) {
    return adapter[name]();
  },
  async dispose() {
    const old = program;
    program = null;
    await old?.dispose();
  },
  /** From navigation to the first logits. */
  async cold(c) {
    const page = performance.now();
    await bench.setup();
    const setup = performance.now();
    program = await adapter.prepare(c, await loadAsset(c.asset));
    const prepared = performance.now();
    await program.run();
    const total = performance.now();
    return { page, setup: setup - page, prepare: prepared - setup, run: total - prepared, total };
  },
};

// jax-js and tfjs take their number of threads from here.
if (query.cores) {
  Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => Number(query.cores) });
}
window.bench = bench;
