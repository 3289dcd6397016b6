/**
 * The shader of convolutions: an invocation keeps some output channels of neighbouring pixels of a row in registers
 * and walks over input channels and taps. In a subgroup of four, the lanes are beside each other and share the weights
 * that they load.
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
import { evenTile, groupOf, pick, range, uint, vectors, XYZW } from './wgsl.ts';

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

export function convTile({ m, columns }: Pass, gpu: GpuTraits, half = false): ConvTile {
  const shared = gpu.subgroup === 4 && m >= 4;
  return {
    channels: evenTile(m, 16),
    vectors: shared && columns.size % 8 === 0 ? 2 : 1,
    shared,
    half: half && m >= 4,
  };
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

  constructor(
    readonly p: Pass,
    readonly t: ConvTile,
  ) {
    const { taps, stride, input, output, size, spread } = p.columns;
    this.taps = p.rows.taps.count * taps.count;
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
    const quads = range(channels / 4);
    const load = (at: string) => (half ? `unpack(w[${at}])` : `w[${at}]`);
    const own = quads
      .filter((q) => q % 4 === 0)
      .map((q) => `let lw${i}_${q} = ${load(`${from} + min(${q} + lane, ${channels / 4 - 1})`)};`);
    const loads = shared
      ? [...own, ...quads.map((q) => `let w${i}_${q} = subgroupBroadcast(lw${i}_${q & ~3}, ${q & 3}u);`)]
      : quads.map((q) => `let w${i}_${q} = ${load(`${from} + ${q}`)};`);
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
    return range(this.live).flatMap((m) => [
      `let first${m} = vec4f(${bias ? `bias[min(g * ${uint(this.p.m)} + tile + ${m}, ${last})]` : '0'});`,
      ...range(this.t.vectors).map((v) => `var s${m}_${v} = first${m};`),
    ]);
  }

  stores(residual: boolean): string[] {
    const { rows, columns, m: channels } = this.p;
    const plane = uint(rows.output * columns.output);
    const place = `(n * ${uint(this.p.g * channels)} + g * ${uint(channels)} + tile) * ${plane} + (qy * ${rows.spread} + ${rows.start}) * ${uint(columns.output)} + qx * ${columns.spread} + ${columns.start}`;
    const each = range(this.t.vectors).flatMap((v) => {
      const at = `at + ${4 * v * columns.spread}`;
      if (this.whole) {
        const sum = `v${v}${residual ? ` + residual[(${at}) >> 2]` : ''}`;
        return [`if (qx + ${4 * v} < ${uint(columns.size)}) { y[(${at}) >> 2] = activate(${sum}); }`];
      }
      // One after the other: the text of an activation is long.
      const to = `${at} + j * ${columns.spread}`;
      const sum = `v${v}[j]${residual ? ` + residual[${to}]` : ''}`;
      return [
        `for (var j = 0u; j < min(4, ${uint(columns.size)} - min(qx + ${4 * v}, ${uint(columns.size)})); j++) { y[${to}] = activate(${sum}); }`,
      ];
    });
    return [
      `let place = ${place};`,
      `for (var m = 0u; m < min(${this.t.channels}, ${uint(channels)} - tile); m++) {`,
      ...pick('m', this.live, this.t.vectors),
      `let at = place + m * ${plane};`,
      ...each,
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
${activationFunctionWgsl(e, text.whole ? 'vec4f' : 'f32')}
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
  const macs = p.n * p.g * p.m * p.c * text.taps * rows.size * columns.size;
  return { wgsl, workgroups: Math.ceil(items / size), size, args, subgroups: t.shared, macs };
}
