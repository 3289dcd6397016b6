// What the adapters of other runtimes share.
export const sample = (data, n = 64) =>
  Array.from({ length: n }, (_, i) => data[Math.floor((i * (data.length - 1)) / (n - 1))]);

/** The first n images of a batch. */
export const headOf = ({ shape: [all, ...rest], data }, n) => ({
  shape: [n, ...rest],
  data: data.slice(0, (data.length / all) * n),
});

/** The inputs of a case: products take all of "x". */
export const inputsOf = ({ t }, batch) => (t.x2 ? { x: t.x, x2: t.x2 } : { x: headOf(t.x, batch) });

export const oneHot = (labels, n, classes) => {
  const rows = new Float32Array(n * classes);
  for (let i = 0; i < n; i++) rows[i * classes + labels[i]] = 1;
  return rows;
};

/** Transposes [a, b, c, d] by the order of axes `perm`. */
export function permute({ shape, data }, perm) {
  const stride = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const to = perm.map((p) => shape[p]);
  const by = perm.map((p) => stride[p]);
  const out = new Float32Array(data.length);
  let at = 0;
  for (let a = 0; a < to[0]; a++)
    for (let b = 0; b < to[1]; b++)
      for (let c = 0; c < to[2]; c++)
        for (let d = 0; d < to[3]; d++) out[at++] = data[a * by[0] + b * by[1] + c * by[2] + d * by[3]];
  return { shape: to, data: out };
}

export const script = (src) =>
  new Promise((resolve, reject) => {
    const element = document.createElement('script');
    Object.assign(element, { src, onload: resolve, onerror: () => reject(new Error(`${src} did not load`)) });
    document.head.append(element);
  });
