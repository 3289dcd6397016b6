/**
 * The networks and single operators that are measured, as flat lists of operations that every runtime's adapter
 * interprets, so that all compute the same. Tensors are NCHW, weights OIHW and [out, in].
 */
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';

export type Activation = 'relu' | 'tanh' | null;

/** `x`, `x2` and `y` are names of values, `w`, `b`, `g`, `be`, `m`, `v` names of tensors. */
export type Operation =
  | {
      readonly op: 'conv';
      readonly x: string;
      readonly y: string;
      readonly w: string;
      readonly b: string | null;
      readonly k: number;
      readonly stride: number;
      readonly pad: number;
      readonly act: Activation;
      readonly cin: number;
      readonly cout: number;
    }
  | {
      readonly op: 'bn';
      readonly x: string;
      readonly y: string;
      readonly g: string;
      readonly be: string;
      readonly m: string;
      readonly v: string;
      readonly act: Activation;
      readonly c: number;
    }
  | {
      readonly op: 'linear';
      readonly x: string;
      readonly y: string;
      readonly w: string;
      readonly b: string;
      readonly act: Activation;
      readonly cin: number;
      readonly cout: number;
    }
  | {
      readonly op: 'maxpool';
      readonly x: string;
      readonly y: string;
      readonly k: number;
      readonly stride: number;
      readonly pad: number;
    }
  | { readonly op: 'gap' | 'flatten'; readonly x: string; readonly y: string }
  | {
      readonly op: 'add';
      readonly x: string;
      readonly x2: string;
      readonly y: string;
      readonly act: Activation;
    }
  | { readonly op: 'matmul'; readonly x: string; readonly x2: string; readonly y: string };

/** micro: one operator. infer: a network, batch norm folded into its convolutions. train: one step of SGD. */
export type Kind = 'micro' | 'infer' | 'train';

export interface Network {
  readonly name: string;
  readonly kind: Kind;
  readonly ops: readonly Operation[];
  readonly output: string;
  /** Names of trained tensors. */
  readonly params: readonly string[];
  /** Names of running statistics. */
  readonly stats: readonly string[];
  readonly classes: number;
  readonly lr: number;
  readonly momentum: number;
  readonly bn_momentum: number;
  readonly bn_eps: number;
}

/** A network with its tensors: weights, "x" (images of the largest batch), "x2" of products, "labels". */
export interface Asset extends Network {
  readonly t: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Tensor['data'] }>>;
}

export interface Case {
  readonly id: string;
  readonly kind: Kind;
  readonly asset: string;
  readonly batch: number;
  /** Of convolutions and products, two a multiplication and addition; in training forward and both gradients. */
  readonly flops: number;
}

const SEED = 5;

class Maker {
  readonly ops: Operation[] = [];
  readonly tensors: Record<string, Tensor> = {};
  readonly params: string[] = [];
  readonly stats: string[] = [];

  /** @param folded whether batch norm is part of its convolution, as in inference */
  constructor(
    readonly name: string,
    readonly folded: boolean,
  ) {}

  next(): string {
    return `t${this.ops.length + 1}`;
  }

  random(name: string, shape: readonly number[], std: number): string {
    const random = new Random(SEED).at(this.name, name);
    const data = Float32Array.from({ length: sizeOf(shape) }, () => std * random.normal());
    this.tensors[name] = tensor(shape, data);
    return name;
  }

  param(name: string, shape: readonly number[], std: number): string {
    this.params.push(name);
    return this.random(name, shape, std);
  }

  conv(
    x: string,
    [cin, cout, k]: readonly number[],
    { stride = 1, pad = 0, bias = true, act = null as Activation, gain = 1 } = {},
  ): string {
    const y = this.next();
    const w = this.param(`${y}.w`, [cout, cin, k, k], gain * Math.sqrt(2 / (cin * k * k)));
    const b = bias ? this.param(`${y}.b`, [cout], 0.05) : null;
    this.ops.push({ op: 'conv', x, y, w, b, k, stride, pad, act, cin, cout });
    return y;
  }

  batchNorm(x: string, c: number, act: Activation): string {
    const y = this.next();
    const constant = (name: string, value: number) => {
      this.tensors[`${y}.${name}`] = tensor([c], new Float32Array(c).fill(value));
      return `${y}.${name}`;
    };
    const [g, be, m, v] = [constant('g', 1), constant('be', 0), constant('m', 0), constant('v', 1)];
    this.params.push(g, be);
    this.stats.push(m, v);
    this.ops.push({ op: 'bn', x, y, g, be, m, v, act, c });
    return y;
  }

  /** Convolution and batch norm. */
  unit(x: string, shape: readonly number[], stride: number, act: Activation, gain = 1): string {
    const pad = (shape[2] - 1) / 2;
    if (this.folded) return this.conv(x, shape, { stride, pad, act, gain });
    return this.batchNorm(this.conv(x, shape, { stride, pad, bias: false }), shape[1], act);
  }

  linear(x: string, cin: number, cout: number, act: Activation = null, gain = 1): string {
    const y = this.next();
    const w = this.param(`${y}.w`, [cout, cin], gain * Math.sqrt(2 / cin));
    this.ops.push({ op: 'linear', x, y, w, b: this.param(`${y}.b`, [cout], 0.05), act, cin, cout });
    return y;
  }

  maxPool(x: string, k: number, stride: number, pad = 0): string {
    const y = this.next();
    this.ops.push({ op: 'maxpool', x, y, k, stride, pad });
    return y;
  }

  simple(op: 'gap' | 'flatten', x: string): string {
    const y = this.next();
    this.ops.push({ op, x, y });
    return y;
  }

  add(x: string, x2: string): string {
    const y = this.next();
    this.ops.push({ op: 'add', x, x2, y, act: 'relu' });
    return y;
  }
}

function lenet5(m: Maker): void {
  let x = m.maxPool(m.conv('x', [1, 6, 5], { act: 'relu' }), 2, 2);
  x = m.simple('flatten', m.maxPool(m.conv(x, [6, 16, 5], { act: 'relu' }), 2, 2));
  x = m.linear(m.linear(x, 400, 120, 'relu'), 120, 84, 'relu');
  m.linear(x, 84, 10, null, 0.7);
}

function basicBlock(m: Maker, x: string, cin: number, cout: number, stride: number): string {
  const y = m.unit(m.unit(x, [cin, cout, 3], stride, 'relu'), [cout, cout, 3], 1, null, 0.5);
  const same = stride === 1 && cin === cout;
  return m.add(y, same ? x : m.unit(x, [cin, cout, 1], stride, null, 0.7));
}

function bottleneck(m: Maker, x: string, [cin, mid]: readonly number[], stride: number): string {
  const y = m.unit(m.unit(x, [cin, mid, 1], 1, 'relu'), [mid, mid, 3], stride, 'relu');
  const z = m.unit(y, [mid, 4 * mid, 1], 1, null, 0.4);
  const same = stride === 1 && cin === 4 * mid;
  return m.add(z, same ? x : m.unit(x, [cin, 4 * mid, 1], stride, null, 0.7));
}

const head = (m: Maker, x: string, features: number, classes: number): string =>
  m.linear(m.simple('gap', x), features, classes, null, 0.5);

/** He et al. 2016, section 4.2; shortcuts by 1×1 convolutions where the shape changes. */
function resnet20(m: Maker): void {
  let x = m.unit('x', [3, 16, 3], 1, 'relu');
  for (let c = 16, stage = 0; stage < 3; stage++) {
    for (let i = 0, cout = 16 << stage; i < 3; i++, c = cout)
      x = basicBlock(m, x, c, cout, stage > 0 && i === 0 ? 2 : 1);
  }
  head(m, x, 64, 10);
}

const stem = (m: Maker): string => m.maxPool(m.unit('x', [3, 64, 7], 2, 'relu'), 3, 2, 1);

/** He et al. 2016, table 1. */
function resnet18(m: Maker): void {
  let x = stem(m);
  for (let c = 64, stage = 0; stage < 4; stage++) {
    for (let i = 0, cout = 64 << stage; i < 2; i++, c = cout)
      x = basicBlock(m, x, c, cout, stage > 0 && i === 0 ? 2 : 1);
  }
  head(m, x, 512, 1000);
}

function resnet50(m: Maker): void {
  let x = stem(m);
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const mid = 64 << stage;
    for (let i = 0; i < blocks; i++) {
      const cin = i > 0 ? 4 * mid : stage === 0 ? 64 : 2 * mid;
      x = bottleneck(m, x, [cin, mid], stage > 0 && i === 0 ? 2 : 1);
    }
  });
  head(m, x, 2048, 1000);
}

interface Source {
  readonly name: string;
  readonly kind: Kind;
  readonly make: (m: Maker) => void;
  /** Channels, height, width. */
  readonly input: readonly number[];
  readonly classes: number;
  readonly batches: readonly number[];
}

const convolution = (cin: number, cout: number, k: number, size: number, stride = 1, pad = 0): Source => ({
  name: `c${k}x${k}${stride > 1 ? `s${stride}` : ''}-${cin}x${cout}-${size}`,
  kind: 'micro',
  make: (m) => m.conv('x', [cin, cout, k], { stride, pad, bias: false }),
  input: [cin, size, size],
  classes: 0,
  batches: [1, 8],
});

const product = (n: number): Source => ({
  name: `gemm-${n}`,
  kind: 'micro',
  make: (m) => {
    m.random('x2', [n, n], 1);
    m.ops.push({ op: 'matmul', x: 'x', x2: 'x2', y: 't1' });
  },
  input: [n],
  classes: 0,
  batches: [n],
});

const network = (
  name: string,
  kind: Kind,
  make: (m: Maker) => void,
  input: readonly number[],
  classes: number,
  batches: readonly number[],
): Source => ({ name, kind, make, input, classes, batches });

const sources: readonly Source[] = [
  ...[256, 512, 1024].map(product),
  convolution(64, 64, 3, 56, 1, 1),
  convolution(128, 128, 3, 28, 1, 1),
  convolution(256, 256, 3, 14, 1, 1),
  convolution(256, 64, 1, 56),
  convolution(3, 64, 7, 224, 2, 3),
  convolution(6, 16, 5, 14),
  network('lenet5', 'infer', lenet5, [1, 32, 32], 10, [1, 64]),
  network('resnet20', 'infer', resnet20, [3, 32, 32], 10, [1, 32]),
  network('resnet18', 'infer', resnet18, [3, 224, 224], 1000, [1]),
  network('resnet50', 'infer', resnet50, [3, 224, 224], 1000, [1]),
  network('lenet5-train', 'train', lenet5, [1, 32, 32], 10, [64]),
  network('resnet20-train', 'train', resnet20, [3, 32, 32], 10, [32]),
];

/** Makes all networks, one after the other: together they take too much memory. */
export function* assets(): Generator<{ asset: Asset; batches: readonly number[] }> {
  for (const { name, kind, make, input, classes, batches } of sources) {
    const m = new Maker(name, kind !== 'train');
    make(m);
    const largest = Math.max(...batches);
    m.random('x', [largest, ...input], 1);
    const random = new Random(SEED).at(name, 'labels');
    const labels = Int32Array.from({ length: classes ? largest : 0 }, () => random.below(classes));
    const { ops, params, stats } = m;
    const t: Asset['t'] = classes ? { ...m.tensors, labels: tensor([largest], labels) } : m.tensors;
    const rates = { lr: 0.01, momentum: 0.9, bn_momentum: 0.1, bn_eps: 1e-5 };
    yield {
      asset: { name, kind, ops, output: ops[ops.length - 1].y, params, stats, classes, ...rates, t },
      batches,
    };
  }
}
