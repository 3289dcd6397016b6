/** TensorProto to and from host tensors. */
import { check, LensletError } from '../../core/error.ts';
import { sizeOf, type Tensor } from '../../core/tensor.ts';
import { halfToFloat } from '../half.ts';
import type { Partially, TensorProto } from './proto.ts';

/** TensorProto.DataType. */
export const DataType = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  BFLOAT16: 16,
} as const;

const nameOf = (code: number | undefined): string =>
  Object.entries(DataType).find(([, v]) => v === code)?.[0] ?? `type ${code}`;

/** How a type lies in `raw_data`, which typed field holds it otherwise, and what it becomes. */
interface Rule {
  readonly bytes: number;
  readonly field: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
  readonly dtype: 'f32' | 'i32';
  readonly raw: (bytes: ArrayBuffer) => ArrayLike<number>;
  /** Value of an entry of `field`. */
  readonly entry?: (v: number) => number;
}

const brainToFloat = (bits: number): number => new Float32Array(Uint32Array.of(bits << 16).buffer)[0];

const rules: Readonly<Record<number, Rule>> = {
  [DataType.FLOAT]: { bytes: 4, field: 'floatData', dtype: 'f32', raw: (b) => new Float32Array(b) },
  [DataType.DOUBLE]: { bytes: 8, field: 'doubleData', dtype: 'f32', raw: (b) => new Float64Array(b) },
  [DataType.FLOAT16]: {
    bytes: 2,
    field: 'int32Data',
    dtype: 'f32',
    raw: (b) => Float32Array.from(new Uint16Array(b), halfToFloat),
    entry: halfToFloat,
  },
  [DataType.BFLOAT16]: {
    bytes: 2,
    field: 'int32Data',
    dtype: 'f32',
    raw: (b) => Float32Array.from(new Uint16Array(b), brainToFloat),
    entry: brainToFloat,
  },
  [DataType.INT64]: {
    bytes: 8,
    field: 'int64Data',
    dtype: 'i32',
    raw: (b) => Float64Array.from(new BigInt64Array(b), Number),
  },
  [DataType.UINT64]: {
    bytes: 8,
    field: 'uint64Data',
    dtype: 'i32',
    raw: (b) => Float64Array.from(new BigUint64Array(b), Number),
  },
  [DataType.UINT32]: { bytes: 4, field: 'uint64Data', dtype: 'i32', raw: (b) => new Uint32Array(b) },
  [DataType.INT32]: { bytes: 4, field: 'int32Data', dtype: 'i32', raw: (b) => new Int32Array(b) },
  [DataType.INT16]: { bytes: 2, field: 'int32Data', dtype: 'i32', raw: (b) => new Int16Array(b) },
  [DataType.UINT16]: { bytes: 2, field: 'int32Data', dtype: 'i32', raw: (b) => new Uint16Array(b) },
  [DataType.INT8]: { bytes: 1, field: 'int32Data', dtype: 'i32', raw: (b) => new Int8Array(b) },
  [DataType.UINT8]: { bytes: 1, field: 'int32Data', dtype: 'i32', raw: (b) => new Uint8Array(b) },
  [DataType.BOOL]: { bytes: 1, field: 'int32Data', dtype: 'i32', raw: (b) => new Uint8Array(b) },
};

/** More dimensions than any network needs; bounds the work a file can ask for. */
export const MAX_RANK = 16;

/** Our type for an ONNX one: floating types are f32, integers and booleans i32. @throws LensletError 'unsupported' */
export function dtypeOf(code: number | undefined, what: string): 'f32' | 'i32' {
  const rule = code === undefined ? undefined : rules[code];
  if (!rule)
    throw new LensletError('unsupported', `ONNX: ${what} is of ${nameOf(code)}, which is not supported.`);
  return rule.dtype;
}

/** A tensor of a file whose sizes have been checked against the bytes that are there; decoded when asked for. */
export class FileTensor {
  readonly shape: readonly number[];
  readonly dtype: 'f32' | 'i32';
  readonly #proto: TensorProto;
  readonly #rule: Rule;

  /** @throws LensletError 'format' or 'unsupported', naming the tensor by `what` */
  constructor(proto: TensorProto, what: string) {
    const bad = (code: 'format' | 'unsupported', why: string) =>
      new LensletError(code, `ONNX: ${what} ${why}.`);
    this.dtype = dtypeOf(proto.dataType, what);
    this.#rule = rules[proto.dataType as number];
    this.#proto = proto;
    this.shape = proto.dims;
    const isSize = (d: number) => Number.isSafeInteger(d) && d >= 0;
    if (proto.dims.length > MAX_RANK) throw bad('unsupported', `has ${proto.dims.length} dimensions`);
    if (!proto.dims.every(isSize)) throw bad('format', `has the impossible shape [${proto.dims}]`);
    if (proto.dataLocation === 1 || proto.externalData.length) {
      throw bad(
        'unsupported',
        'keeps its values in another file (external data); save the model as one file first, for example with onnx.save(model, path) in Python',
      );
    }
    if (proto.segment) throw bad('unsupported', 'is stored in segments');
    const size = sizeOf(this.shape);
    const there = proto.rawData ? proto.rawData.length / this.#rule.bytes : proto[this.#rule.field].length;
    if (size !== there) {
      throw bad('format', `has shape [${proto.dims}], ${size} values, but the file holds ${there}`);
    }
  }

  /** All values; 64-bit integers are exact to 2^53. */
  numbers(): ArrayLike<number> {
    const { rawData } = this.#proto;
    if (!rawData) {
      const list = this.#proto[this.#rule.field];
      return this.#rule.entry ? Array.from(list, this.#rule.entry) : list;
    }
    // Not slice(): that of Node's Buffer is a view.
    const copy = new Uint8Array(rawData.length);
    copy.set(rawData);
    return this.#rule.raw(copy.buffer);
  }

  /**
   * 64-bit integers beyond 2^53 stand for "no bound" (the end of a slice) and become the largest or smallest of 32 bits.
   * @throws LensletError 'unsupported' for other integers of more than 32 bits
   */
  tensor(what: string): Tensor {
    const list = this.numbers();
    if (this.dtype === 'f32') {
      return {
        dtype: 'f32',
        shape: this.shape,
        data: list instanceof Float32Array ? list : Float32Array.from(list),
      };
    }
    const data = Int32Array.from(list, (v) =>
      Math.abs(v) > 2 ** 53 ? Math.sign(v) * 2 ** 31 - (v > 0 ? 1 : 0) : v,
    );
    for (let i = 0; i < data.length; i++) {
      check(
        data[i] === list[i] || Math.abs(list[i]) > 2 ** 53,
        'unsupported',
        () => `ONNX: ${what} holds ${list[i]}, which does not fit 32 bits; integers are computed in 32 bits.`,
      );
    }
    return { dtype: 'i32', shape: this.shape, data };
  }
}

/** A TensorProto of a tensor; i32 is written as INT64, what ONNX wants for shapes, axes and indices. */
export function tensorProto(t: Tensor, name?: string): Partially<TensorProto> {
  const isFloat = t.dtype === 'f32';
  const data = isFloat ? t.data : BigInt64Array.from(t.data as Int32Array, BigInt);
  return {
    name,
    dims: t.shape,
    dataType: isFloat ? DataType.FLOAT : DataType.INT64,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}
