// TensorFlow.js. Its tensors are NHWC, weights HWIO. Its WASM backend has no gradient of convolution filters, so
// convolutional networks cannot be trained on it; `training=1` adds one made of its own convolution.
import { inputsOf, oneHot, permute, sample, script } from './util.js';

const NM = '/nm/@tensorflow/';

export default async function create({ threads, training, steps, backend = 'wasm' }) {
  const onGpu = backend === 'webgpu';
  // The core alone has no gradients; inference does without the rest.
  await script(
    training || onGpu ? `${NM}tfjs/dist/tf.es2017.min.js` : `${NM}tfjs-core/dist/tf-core.es2017.min.js`,
  );
  await script(`${NM}tfjs-backend-${backend}/dist/tf-backend-${backend}.es2017.min.js`);
  const tf = globalThis.tf;
  if (!onGpu) {
    tf.wasm.setWasmPaths(`${NM}tfjs-backend-wasm/dist/`);
    tf.wasm.setThreadsCount(threads);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs has no ${backend} here`);
  await tf.ready();
  if (training) addFilterGradient(tf);

  /** Waits for what was asked of the GPU; the WASM backend computes at once. */
  async function finish() {
    if (!onGpu) return;
    const gpu = tf.backend();
    gpu.endComputePassEncoder();
    gpu.ensureCommandEncoderReady();
    gpu.submitQueue();
    await gpu.queue.onSubmittedWorkDone();
  }

  const images = (t) => {
    if (t.shape.length !== 4) return tf.tensor(t.data, t.shape);
    const { shape, data } = permute(t, [0, 2, 3, 1]);
    return tf.tensor4d(data, shape);
  };

  function weightsOf(asset) {
    const W = {};
    let channels = 1;
    let flat = false;
    for (const o of asset.ops) {
      const t = (name) => asset.t[name];
      if (o.op === 'conv') {
        const { shape, data } = permute(t(o.w), [2, 3, 1, 0]);
        W[o.w] = tf.tensor4d(data, shape);
        if (o.b) W[o.b] = tf.tensor1d(t(o.b).data);
        channels = o.cout;
      } else if (o.op === 'bn') {
        for (const name of [o.g, o.be, o.m, o.v]) W[name] = tf.tensor1d(t(name).data);
      } else if (o.op === 'flatten') {
        flat = true;
      } else if (o.op === 'linear') {
        // Rows of the transposed weight in the order of flattened NHWC.
        const c = flat ? channels : o.cin;
        const { data } = permute({ shape: [o.cout, c, o.cin / c, 1], data: t(o.w).data }, [3, 2, 1, 0]);
        W[o.w] = tf.tensor2d(data, [o.cin, o.cout]);
        W[o.b] = tf.tensor1d(t(o.b).data);
        flat = false;
      }
    }
    return W;
  }

  const activate = (x, act) => (act === 'relu' ? tf.relu(x) : act === 'tanh' ? tf.tanh(x) : x);

  function batchNorm(x, o, W, asset) {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    for (const [running, now] of [
      [W[o.m], mean],
      [W[o.v], variance],
    ])
      running.assign(tf.sub(running, tf.mul(tf.sub(running, now), asset.bn_momentum)));
    return tf.batchNorm(x, mean, variance, W[o.be], W[o.g], asset.bn_eps);
  }

  /** Inference: with the fused kernels. */
  const fused = {
    conv: (x, o, W) =>
      tf.fused.conv2d({
        ...{ x, filter: W[o.w], strides: o.stride, pad: o.pad },
        ...{ bias: o.b ? W[o.b] : undefined, activation: o.act ?? 'linear' },
      }),
    linear: (x, o, W) => tf.fused.matMul({ a: x, b: W[o.w], bias: W[o.b], activation: o.act ?? 'linear' }),
  };
  /** Training: fused kernels have no gradients on this backend. */
  const separate = {
    conv: (x, o, W) => {
      const y = tf.conv2d(x, W[o.w], o.stride, o.pad);
      return activate(o.b ? tf.add(y, W[o.b]) : y, o.act);
    },
    linear: (x, o, W) => activate(tf.add(tf.matMul(x, W[o.w]), W[o.b]), o.act),
  };

  function forward(asset, inputs, W, layers) {
    const values = { ...inputs };
    const rules = {
      ...layers,
      bn: (x, o) => activate(batchNorm(x, o, W, asset), o.act),
      maxpool: (x, o) => tf.maxPool(x, o.k, o.stride, o.pad),
      gap: (x) => tf.mean(x, [1, 2]),
      flatten: (x) => tf.reshape(x, [x.shape[0], -1]),
      add: (x, o) => activate(tf.add(x, values[o.x2]), o.act),
      matmul: (x, o) => tf.matMul(x, values[o.x2]),
    };
    for (const o of asset.ops) values[o.y] = rules[o.op](values[o.x], o, W);
    return values[asset.output];
  }

  function prepareInference(c, asset) {
    const W = weightsOf(asset);
    const inputs = Object.fromEntries(
      Object.entries(inputsOf(asset, c.batch)).map(([name, t]) => [name, images(t)]),
    );
    const once = () => tf.tidy(() => forward(asset, inputs, W, fused));
    return {
      async run() {
        const y = once();
        if (c.kind === 'infer') await y.data();
        else await finish();
        y.dispose();
      },
      async check() {
        const y = once();
        const data = await y.data();
        const nchw = y.shape.length === 4 ? permute({ shape: y.shape, data }, [0, 3, 1, 2]).data : data;
        y.dispose();
        return sample(nchw);
      },
      dispose: () => tf.dispose([W, inputs]),
    };
  }

  function prepareTraining(c, asset) {
    const W = {};
    for (const [name, value] of Object.entries(weightsOf(asset))) {
      W[name] = tf.variable(value, !asset.stats.includes(name));
      value.dispose();
    }
    const x = images(inputsOf(asset, c.batch).x);
    const labels = tf.tensor2d(oneHot(asset.t.labels.data, c.batch, asset.classes), [c.batch, asset.classes]);
    const optimizer = tf.train.momentum(asset.lr, asset.momentum);
    const trained = asset.params.map((name) => W[name]);
    const lossOf = () => tf.losses.softmaxCrossEntropy(labels, forward(asset, { x }, W, separate));
    const step = async () => {
      const loss = optimizer.minimize(lossOf, true, trained);
      const [value] = await loss.data();
      loss.dispose();
      // The loss is there before the update is: wait for that, too.
      await finish();
      return value;
    };
    return {
      run: step,
      async check() {
        const losses = [];
        for (let i = 0; i < Number(steps); i++) losses.push(await step());
        return losses;
      },
      dispose() {
        optimizer.dispose();
        tf.dispose([W, x, labels]);
      },
    };
  }

  return {
    setup: () => ({
      version: tf.version_core ?? tf.version['tfjs-core'],
      ...(onGpu ? { backend } : { threads: tf.wasm.getThreadsCount() }),
    }),
    prepare: (c, asset) => (c.kind === 'train' ? prepareTraining(c, asset) : prepareInference(c, asset)),
  };
}

/** dW as a convolution: of x with channels as batch, by dy as filter, dilated by the stride, cut to the kernel's size. */
function addFilterGradient(tf) {
  const kernelFunc = ({ inputs, attrs: { strides, pad, filterShape, dimRoundingMode } }) => {
    const engine = tf.engine();
    const [x, dy] = [inputs.x, inputs.dy].map((t) => engine.makeTensorFromTensorInfo(t));
    const { padInfo, strideHeight } = tf.backend_util.computeConv2DInfo(
      ...[x.shape, filterShape, strides, 1, pad, dimRoundingMode],
    );
    return tf.tidy(() => {
      const { top, bottom, left, right } = padInfo;
      const [kh, kw, cin, cout] = filterShape;
      const sides = [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ];
      const turned = tf.transpose(x, [3, 1, 2, 0]);
      const padded = top || bottom || left || right ? tf.pad(turned, sides) : turned;
      const dw = tf.conv2d(padded, tf.transpose(dy, [1, 2, 0, 3]), 1, 'valid', 'NHWC', strideHeight);
      return tf.transpose(tf.slice(dw, [0, 0, 0, 0], [cin, kh, kw, cout]), [1, 2, 0, 3]);
    });
  };
  tf.registerKernel({ kernelName: 'Conv2DBackpropFilter', backendName: 'wasm', kernelFunc });
}
