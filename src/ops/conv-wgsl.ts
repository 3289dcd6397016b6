/**
 * The shader of convolutions: an invocation keeps some output channels of neighbouring pixels of a row in registers
 * and walks over input channels and taps. In a subgroup of four, the lanes are beside each other and share the weights
 * that they load: each begins with the four channels of its own weights and swaps with the others, so that sums of
 * number k belong to other channels in every lane.
 */
import {
  type Buffer,
  type GpuTraits,
  reads,
  type Scratch,
  type WebgpuArg,
  type WebgpuKernel,
  writes,
  writesPart,
} from '../ir/kernel.ts';
import type { ConvEpilogue } from './conv-shape.ts';
import { activationFunctionWgsl } from './elementwise-wgsl.ts';
import { readsHalves, UNPACK } from './half-wgsl.ts';
import { evenTile, fromLane, groupOf, pickFour, range, uint, vectors, XYZW } from './wgsl.ts';

/** Taps of one dimension: tap i is number `first + i·step` of the kernel and reads `shift + i·move` pixels further. */
export interface Taps {
  readonly count: number;
  readonly first: number;
  readonly step: number;
  readonly shift: number;
  readonly move: number;
}

/** One dimension of the images: pixel q < `size` reads from q·stride of the input on and goes to start + q·spread. */
export interface Axis {
  readonly input: number;
  readonly size: number;
  readonly stride: number;
  readonly output: number;
  readonly start: number;
  readonly spread: number;
  readonly taps: Taps;
}

/** y[m] = Σ x[c] over taps, for every image and group. */
export interface Pass {
  readonly n: number;
  readonly g: number;
  readonly c: number;
  readonly m: number;
  readonly rows: Axis;
  readonly columns: Axis;
}

export const tapsOf = ({ rows, columns }: Pass): number => rows.taps.count * columns.taps.count;
export const pixelsOf = ({ n, rows, columns }: Pass): number => n * rows.size * columns.size;

/** What an invocation computes. */
export interface ConvTile {
  /** Output channels: 1–3, or a multiple of four. */
  readonly channels: number;
  /** Vectors of four pixels of a row. */
  readonly vectors: number;
  /** Whether the lanes of a subgroup share weights. */
  readonly shared: boolean;
  /** Whether weights are packed in half precision; of four channels or more. */
  readonly half: boolean;
}

/** Invocations that remain where they make more than one vector: some for every thread of a software adapter. */
const FEWEST = 32;

export function convTile(p: Pass, gpu: GpuTraits, half = false): ConvTile {
  const shared = gpu.subgroup === 4 && p.m >= 4;
  const channels = evenTile(p.m, 16);
  const lines = p.n * p.g * Math.ceil(p.m / channels) * p.rows.size;
  const across = (v: number) => Math.ceil(p.columns.size / (4 * v));
  // Least waste at the end of rows; of equals, two vectors before three before one.
  const fitting = shared ? [2, 3].filter((v) => lines * across(v) >= FEWEST) : [];
  const vectors = [...fitting, 1].reduce((a, b) => (across(b) * b < across(a) * a ? b : a));
  return { channels, vectors, shared, half: half && p.m >= 4 };
}

/** Taps that are written out one after the other; the rows of larger kernels are a loop. */
const UNROLLED = 12;

/** Whether a tap of some pixel lies outside the input. */
function leaves({ input, size, stride, taps }: Axis): boolean {
  const ends = [taps.shift, taps.shift + (taps.count - 1) * taps.move];
  return Math.min(...ends) < 0 || (size - 1) * stride + Math.max(...ends) >= input;
}

/** Largest divisor of n up to `most`. */
function divisor(n: number, most: number): number {
  let d = Math.max(1, Math.min(n, Math.floor(most)));
  while (n % d) d--;
  return d;
}

/** Writes the text of one pass. */
class ConvText {
  readonly taps: number;
  /** Input pixels that a tile reads in a row, from its first pixel. */
  readonly reach: readonly number[];
  /** Whether they are vectors of the input. */
  readonly aligned: boolean;
  /** Whether results are vectors of the output. */
  readonly whole: boolean;
  readonly unrolledChannels: number;
  /** Output channels of a tile that some tile has. */
  readonly live: number;
  /** Weights of a tap, in elements of the packed buffer. */
  readonly weights: number;
  /** Whether lanes swap weights: else, of numbers of channels that do not fit, they say them to all. */
  readonly swaps: boolean;
  /** Vectors of a tile that every tile has, and pixels of each. */
  readonly sure: number;

  constructor(
    readonly p: Pass,
    readonly t: ConvTile,
  ) {
    const { taps, stride, input, output, size, spread } = p.columns;
    this.taps = tapsOf(p);
    const reached = range(4 * t.vectors).flatMap((pixel) =>
      range(taps.count).map((i) => pixel * stride + taps.shift + i * taps.move),
    );
    this.reach = [...new Set(reached)].sort((a, b) => a - b);
    const direct = taps.count === 1 && stride === 1 && taps.shift % 4 === 0 && input % 4 === 0;
    this.aligned = direct && !leaves(p.columns);
    this.whole = spread === 1 && size === output && size % 4 === 0;
    this.unrolledChannels = divisor(p.c, UNROLLED / this.taps);
    this.live = Math.min(t.channels, p.m);
    this.weights = t.channels < 4 ? t.channels : t.channels / 4;
    this.swaps = t.shared && this.live === t.channels && [2, 4].includes(this.weights);
    this.sure = size - 4 * t.vectors * (Math.ceil(size / (4 * t.vectors)) - 1);
  }

  /** Which four channels of the tile the lane's sums of number k are of. */
  four(k: number | string): string {
    return this.swaps ? `((lane ^ ${k}) & ${this.weights - 1})` : `${k}`;
  }

  /** Loads of one row of one channel, from `line`, the index of its first pixel. */
  row(line: string, inside: string | null): string[] {
    const { columns } = this.p;
    if (this.aligned) {
      return range(this.t.vectors).map((v) => {
        const load = `x[(${line} + ${uint(columns.taps.shift + 4 * v)}) >> 2]`;
        return `let x${v} = ${inside ? `select(vec4f(), ${load}, ${inside})` : load};`;
      });
    }
    const edges = leaves(columns);
    return this.reach.map((at, i) => {
      const load = `x[${line} + ${uint(at)}]`;
      const ok = [inside, edges ? `in${i}` : null].filter(Boolean).join(' && ');
      return `let x${i} = ${ok ? `select(0f, ${load}, ${ok})` : load};`;
    });
  }

  /** The four pixels of vector v that tap i reads. */
  pixels(v: number, i: number): string {
    if (this.aligned) return `x${v}`;
    const { stride, taps } = this.p.columns;
    const at = range(4).map((j) => (4 * v + j) * stride + taps.shift + i * taps.move);
    return `vec4f(${at.map((a) => `x${this.reach.indexOf(a)}`).join(', ')})`;
  }

  /** Loads of the weights of tap i of a row: one name for each output channel of the tile. */
  weightsOf(i: number, from: string): { loads: string[]; names: string[] } {
    const { channels, shared, half } = this.t;
    if (channels < 4) {
      const loads = range(channels).map((m) => `let w${i}_${m} = w[${from} + ${m}];`);
      return { loads, names: range(channels).map((m) => `w${i}_${m}`) };
    }
    const fours = range(channels / 4);
    const load = (at: string) => (half ? `unpack(w[${from} + ${at}])` : `w[${from} + ${at}]`);
    const own = `let own${i} = ${load(this.swaps ? this.four(0) : `min(lane, ${channels / 4 - 1})`)};`;
    const said = (k: number) => (this.swaps ? fromLane(`own${i}`, k) : `subgroupBroadcast(own${i}, ${k}u)`);
    const loads =
      shared && channels > 4
        ? [own, ...fours.map((k) => `let w${i}_${k} = ${said(k)};`)]
        : fours.map((k) => `let w${i}_${k} = ${load(`${k}`)};`);
    return { loads, names: range(channels).map((m) => `w${i}_${m >> 2}.${XYZW[m & 3]}`) };
  }

  /** All taps of row j: a number, or the name of a loop's variable. */
  tapsOf(j: number | string, channel: number): string {
    const { rows, columns } = this.p;
    const { shift, move } = rows.taps;
    const further = typeof j === 'number' ? uint(shift + j * move) : `${uint(shift)} + ${j} * ${uint(move)}`;
    const plane = channel * rows.input * columns.input;
    const count = columns.taps.count;
    const skipped = `${channel * this.taps} + ${typeof j === 'number' ? j : `${j}`} * ${count}`;
    const lines = [
      `let iy = iy0 + ${further};`,
      `let line = px + ${uint(plane)} + iy * ${uint(columns.input)};`,
      leaves(rows) ? `let inside = iy < ${uint(rows.input)};` : '',
      ...this.row('line', leaves(rows) ? 'inside' : null),
    ];
    const weights = range(count).map((i) => {
      const { loads, names } = this.weightsOf(i, `pw + (${skipped} + ${i}) * ${this.weights}`);
      lines.push(...loads);
      return names;
    });
    for (const v of range(this.t.vectors)) {
      for (const i of range(count)) lines.push(`let p${v}_${i} = ${this.pixels(v, i)};`);
      for (const m of range(this.live)) {
        const products = range(count).map((i) => `${weights[i][m]} * p${v}_${i}`);
        lines.push(`s${m}_${v} += ${products.join(' + ')};`);
      }
    }
    return `{ ${lines.join('\n')} }`;
  }

  /** Some channels of the sum. */
  channels(): string {
    const { count } = this.p.rows.taps;
    // A phase of the stride that no tap meets.
    if (!this.taps) return '';
    return range(this.unrolledChannels)
      .map((u) =>
        this.taps <= UNROLLED
          ? range(count)
              .map((j) => this.tapsOf(j, u))
              .join('\n')
          : `for (var j = 0u; j < ${count}; j++) ${this.tapsOf('j', u)}`,
      )
      .join('\n');
  }

  firstSums(bias: boolean): string[] {
    const last = uint(this.p.g * this.p.m - 1);
    const channel = (m: number) => `tile + 4 * ${this.four(m >> 2)} + ${m & 3}`;
    return range(this.live).flatMap((m) => [
      `let first${m} = vec4f(${bias ? `bias[min(g * ${uint(this.p.m)} + ${channel(m)}, ${last})]` : '0'});`,
      ...range(this.t.vectors).map((v) => `var s${m}_${v} = first${m};`),
    ]);
  }

  /** `then` for the pixel of this number, where the row has it. */
  within(pixel: number, then: string): string {
    if (pixel < this.sure) return then;
    const { size } = this.p.columns;
    return size <= 4 * this.t.vectors ? '' : `if (qx + ${pixel} < ${uint(size)}) { ${then} }`;
  }

  /** Stores of vector v, `sum`, of a channel that begins at `at`. */
  store(v: number, sum: string, residual: boolean): string {
    const { spread } = this.p.columns;
    const to = range(4).map((j) => `at + ${(4 * v + j) * spread}`);
    if (this.whole) {
      const place = `(${to[0]}) >> 2`;
      const value = `activate(${sum}${residual ? ` + residual[${place}]` : ''})`;
      return this.within(4 * v, `y[${place}] = ${value};`);
    }
    const more = residual ? ` + vec4f(${to.map((t) => `residual[${t}]`).join(', ')})` : '';
    const each = to.map((t, j) => this.within(4 * v + j, `y[${t}] = value.${XYZW[j]};`));
    return `{ let value = activate(${sum}${more}); ${each.join(' ')} }`;
  }

  stores(residual: boolean): string[] {
    const { rows, columns, g: groups, m: channels } = this.p;
    const plane = uint(rows.output * columns.output);
    const first = `(n * ${uint(groups * channels)} + g * ${uint(channels)}) * ${plane} + (qy * ${rows.spread} + ${rows.start}) * ${uint(columns.output)} + qx * ${columns.spread} + ${columns.start}`;
    return [
      `let place = ${first};`,
      `for (var k = 0u; k < ${Math.ceil(this.live / 4)}; k++) {`,
      ...pickFour('k', this.live, this.t.vectors),
      ...range(Math.min(4, this.live)).flatMap((i) => [
        `{ let channel = tile + 4 * ${this.four('k')} + ${i};`,
        `if (channel < ${uint(channels)}) { let at = place + channel * ${plane};`,
        ...range(this.t.vectors).map((v) => this.store(v, `v${i}_${v}`, residual)),
        '} }',
      ]),
      '}',
    ];
  }
}

function weightsArg(packed: Scratch, { channels, half }: ConvTile): WebgpuArg {
  if (channels < 4) return reads('w', packed);
  return half ? readsHalves('w', packed) : reads('w', packed, 'vec4f', vectors(packed));
}

/**
 * y = activation(Σ + bias + residual) for the pixels of a pass.
 * @param packed weights [group][tile][c][row][column][channel of the tile]
 * @param part whether other passes make the other pixels
 */
export function convShader(
  x: Buffer,
  packed: Scratch,
  bias: Buffer | null,
  y: Buffer,
  p: Pass,
  t: ConvTile,
  e: ConvEpilogue,
  part: boolean,
): WebgpuKernel {
  const text = new ConvText(p, t);
  const { rows, columns } = p;
  const tiles = Math.ceil(p.m / t.channels);
  const across = Math.ceil(columns.size / (4 * t.vectors));
  const spots = p.n * rows.size * across;
  // The lanes of a subgroup have one tile of channels.
  const line = 4 * Math.ceil(spots / 4);
  const items = line * tiles * p.g;
  const size = groupOf(items);
  const plane = rows.input * columns.input;
  const wgsl = `
${activationFunctionWgsl(e)}
${t.half ? UNPACK : ''}
fn run(group: u32, local: u32) {
  let lane = local & 3;
  let number = group * ${size}u + local;
  let item = min(number, ${uint(items - 1)});
  let spot = min(item % ${uint(line)}, ${uint(spots - 1)});
  let rest = item / ${uint(line)};
  let tile = (rest % ${uint(tiles)}) * ${t.channels};
  let g = rest / ${uint(tiles)};
  let n = spot / ${uint(rows.size * across)};
  let qy = (spot / ${uint(across)}) % ${uint(rows.size)};
  let qx = (spot % ${uint(across)}) * ${4 * t.vectors};
  let iy0 = qy * ${rows.stride};
  let ix0 = qx * ${columns.stride};
  var px = (n * ${uint(p.g)} + g) * ${uint(p.c * plane)} + ix0;
  var pw = rest * ${uint(p.c * text.taps * text.weights)};
  ${leaves(columns) ? text.reach.map((at, i) => `let in${i} = ix0 + ${uint(at)} < ${uint(columns.input)};`).join('\n  ') : ''}
  ${text.firstSums(bias !== null).join('\n  ')}
  for (var c = 0u; c < ${p.c / text.unrolledChannels}; c++) {
    ${text.channels()}
    px += ${uint(text.unrolledChannels * plane)};
    pw += ${uint(text.unrolledChannels * text.taps * text.weights)};
  }
  if (number > item || item % ${uint(line)} >= ${uint(spots)}) { return; }
  ${text.stores(!!e.residual).join('\n  ')}
}`;
  const element = text.whole ? 'vec4f' : 'f32';
  const args = [
    text.aligned ? reads('x', x, 'vec4f', vectors(x)) : reads('x', x, 'f32', 4 * vectors(x)),
    weightsArg(packed, t),
    ...(bias ? [reads('bias', bias)] : []),
    ...(e.residual ? [reads('residual', e.residual, element)] : []),
    (part ? writesPart : writes)('y', y, element),
  ];
  const macs = pixelsOf(p) * p.g * p.m * p.c * text.taps;
  return { wgsl, workgroups: Math.ceil(items / size), size, args, subgroups: t.shared, macs };
}
