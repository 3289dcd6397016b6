// jax-js. Values are consumed when used; `.ref` keeps one for later.
import { inputsOf, oneHot, sample } from './util.js';

export default async function create(options) {
  const J = await import('/nm/@jax-js/jax/dist/index.js');
  const { numpy: np, lax, nn, tree } = J;
  const device = options.backend ?? 'wasm';
  if (!(await J.init(device)).includes(device)) throw new Error(`jax-js has no ${device} here`);
  J.defaultDevice(device);

  const arrayOf = ({ shape, data }) => np.array(Float32Array.from(data)).reshape(shape);
  const activate = (x, act) => (act === 'relu' ? nn.relu(x) : act === 'tanh' ? np.tanh(x) : x);
  const perChannel = (v, c) => v.reshape([1, c, 1, 1]);

  function batchNorm(x, o, P, eps, statistics) {
    const axes = [0, 2, 3];
    const mean = np.mean(x.ref, axes, { keepdims: true });
    const centred = x.sub(mean.ref);
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
    statistics[o.m] = lax.stopGradient(mean.reshape([o.c]));
    statistics[o.v] = lax.stopGradient(variance.ref.reshape([o.c]));
    const normal = centred.mul(np.reciprocal(np.sqrt(variance.add(eps))));
    return normal.mul(perChannel(P[o.g], o.c)).add(perChannel(P[o.be], o.c));
  }

  function apply(o, x, other, P, asset, statistics) {
    switch (o.op) {
      case 'conv': {
        const padding = [
          [o.pad, o.pad],
          [o.pad, o.pad],
        ];
        const y = lax.convGeneralDilated(x, P[o.w], [o.stride, o.stride], padding);
        return o.b ? y.add(perChannel(P[o.b], o.cout)) : y;
      }
      case 'linear':
        return np.matmul(x, np.transpose(P[o.w])).add(P[o.b]);
      case 'bn':
        return batchNorm(x, o, P, asset.bn_eps, statistics);
      case 'maxpool': {
        // Zeros never win: what is padded comes out of a ReLU.
        const sides = [0, 0, o.pad, o.pad].map((p) => [p, p]);
        return lax.reduceWindow(o.pad ? np.pad(x, sides) : x, np.max, [o.k, o.k], [o.stride, o.stride]);
      }
      case 'gap':
        return np.mean(x, [2, 3]);
      case 'flatten':
        return x.reshape([x.shape[0], x.shape.slice(1).reduce((a, b) => a * b, 1)]);
      case 'add':
        return x.add(other());
      case 'matmul':
        return np.matmul(x, other());
    }
  }

  function forward(asset, inputs, P, statistics) {
    const values = { ...inputs };
    const uses = {};
    for (const o of asset.ops) for (const name of [o.x, o.x2]) if (name) uses[name] = (uses[name] ?? 0) + 1;
    const take = (name) => (--uses[name] > 0 ? values[name].ref : values[name]);
    for (const o of asset.ops) {
      values[o.y] = activate(
        apply(o, take(o.x), () => take(o.x2), P, asset, statistics),
        o.act,
      );
    }
    return values[asset.output];
  }

  function prepareInference(c, asset) {
    const P = Object.fromEntries(asset.params.map((name) => [name, arrayOf(asset.t[name])]));
    const inputs = Object.fromEntries(
      Object.entries(inputsOf(asset, c.batch)).map(([name, t]) => [name, arrayOf(t)]),
    );
    const compiled = J.jit((p, x) => forward(asset, x, p, {}));
    const once = () => compiled(tree.ref(P), tree.ref(inputs));
    return {
      async run() {
        const y = once();
        if (c.kind === 'infer') return y.data();
        await y.blockUntilReady();
        y.dispose();
      },
      check: async () => sample(await once().data()),
      dispose() {
        tree.dispose([P, inputs]);
        compiled.dispose?.();
      },
    };
  }

  function prepareTraining(c, asset) {
    const { params, stats, t, lr, momentum } = asset;
    const all = (names, make) => Object.fromEntries(names.map((name) => [name, make(name)]));
    let state = [
      all(params, (name) => arrayOf(t[name])),
      all(params, (name) => np.zeros(t[name].shape)),
      all(stats, (name) => arrayOf(t[name])),
    ];
    const x = arrayOf(inputsOf(asset, c.batch).x);
    const shape = [c.batch, asset.classes];
    const labels = arrayOf({ shape, data: oneHot(t.labels.data, c.batch, asset.classes) });
    const lossOf = (p, images, rows) => {
      const statistics = {};
      const scores = forward(asset, { x: images }, p, statistics);
      return [np.mean(np.sum(nn.logSoftmax(scores, -1).mul(rows), -1)).mul(-1), statistics];
    };
    const differentiate = J.valueAndGrad(lossOf, { hasAux: true });
    const compiled = J.jit((p, m, s, images, rows) => {
      const [[loss, seen], grads] = differentiate(tree.ref(p), images, rows);
      const velocity = all(params, (k) => m[k].mul(momentum).add(grads[k]));
      const next = all(params, (k) => p[k].sub(velocity[k].ref.mul(lr)));
      const blend = (k) => s[k].mul(1 - asset.bn_momentum).add(seen[k].mul(asset.bn_momentum));
      return [next, velocity, all(stats, blend), loss];
    });
    const step = async () => {
      const [p, m, s, loss] = compiled(...state, x.ref, labels.ref);
      state = [p, m, s];
      const [value] = await loss.data();
      // The loss is there before the update is: wait for that, too.
      await J.blockUntilReady(state);
      return value;
    };
    return {
      run: step,
      async check() {
        const losses = [];
        for (let i = 0; i < Number(options.steps); i++) losses.push(await step());
        return losses;
      },
      dispose() {
        tree.dispose([state, x, labels]);
        compiled.dispose?.();
      },
    };
  }

  return {
    setup: () => ({ threads: navigator.hardwareConcurrency, device }),
    prepare: (c, asset) => (c.kind === 'train' ? prepareTraining(c, asset) : prepareInference(c, asset)),
  };
}
