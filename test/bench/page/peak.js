// Attainable GFLOP/s of one thread and of several at once.
const FLOPS = 96;
const WARM_UP = 1 << 20;
const SAMPLE_MS = 40;

const worker = `
  let peak;
  const run = (name, n) => peak[name](n, 0.999999, 1e-7);
  onmessage = async ({ data }) => {
    if (data.module) {
      peak = (await WebAssembly.instantiate(data.module)).exports;
      for (let i = 0; i < 4; i++) { run("fma", ${WARM_UP}); run("mulAdd", ${WARM_UP}); }
      // The optimising compiler works in the background.
      await new Promise((resolve) => setTimeout(resolve, 300));
      postMessage(0);
    } else {
      const start = performance.now();
      run(data.name, data.n);
      postMessage(${FLOPS} * data.n / (performance.now() - start) / 1e6);
    }
  };`;

const ask = (w, message) =>
  new Promise((resolve) => {
    w.onmessage = ({ data }) => resolve(data);
    w.postMessage(message);
  });

export default async function create({ threads }) {
  const module = await WebAssembly.compileStreaming(fetch('/peak.wasm'));
  const url = URL.createObjectURL(new Blob([worker], { type: 'text/javascript' }));
  const workers = Array.from({ length: threads }, () => new Worker(url));
  await Promise.all(workers.map((w) => ask(w, { module })));
  const rate = (some, name, n) => Promise.all(some.map((w) => ask(w, { name, n })));
  const total = async (some, name, n) => (await rate(some, name, n)).reduce((a, b) => a + b, 0);
  const n = {};
  for (const name of ['fma', 'mulAdd']) {
    const [guess] = await rate(workers.slice(0, 1), name, 1 << 22);
    n[name] = Math.round((guess * 1e6 * SAMPLE_MS) / FLOPS);
  }
  return {
    setup: () => n,
    async sample() {
      const first = workers.slice(0, 1);
      return {
        fma1: await total(first, 'fma', n.fma),
        mulAdd1: await total(first, 'mulAdd', n.mulAdd),
        fmaAll: await total(workers, 'fma', n.fma),
        mulAddAll: await total(workers, 'mulAdd', n.mulAdd),
      };
    },
  };
}
