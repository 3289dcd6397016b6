/**
 * The messages of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that networks use: field
 * numbers and kinds as tables, one reader and one writer for all of them. Fields not listed are skipped.
 *
 * Integers are numbers (64-bit ones are rounded beyond 2^53). Repeated fields are never absent; single fields are
 * undefined where the file has none.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { check, LensletError } from '../../core/error.ts';

export interface TensorProto {
  dims: number[];
  dataType?: number;
  segment?: Uint8Array;
  floatData: Float32Array;
  int32Data: number[];
  stringData: Uint8Array[];
  int64Data: number[];
  name?: string;
  rawData?: Uint8Array;
  doubleData: Float64Array;
  uint64Data: number[];
  externalData: StringStringEntryProto[];
  dataLocation?: number;
}

export interface AttributeProto {
  name?: string;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats: Float32Array;
  ints: number[];
  strings: Uint8Array[];
  type?: number;
  refAttrName?: string;
}

export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  opType?: string;
  attribute: AttributeProto[];
  domain?: string;
}

export interface DimensionProto {
  dimValue?: number;
  dimParam?: string;
}

export interface TypeProto {
  tensorType?: { elemType?: number; shape?: { dim: DimensionProto[] } };
  sequenceType?: Uint8Array;
  mapType?: Uint8Array;
  sparseTensorType?: Uint8Array;
  optionalType?: Uint8Array;
}

export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
}

export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  sparseInitializer: Uint8Array[];
}

export interface ModelProto {
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  graph?: GraphProto;
  opsetImport: { domain?: string; version?: number }[];
  metadataProps: StringStringEntryProto[];
  functions: Uint8Array[];
}

type Kind = 'int' | 'float' | 'double' | 'string' | 'bytes';

interface Field {
  readonly name: string;
  readonly kind: Kind | Table;
  readonly repeated: boolean;
}

/** Fields by number. `T` is the interface that it reads and writes. */
type Table<T = unknown> = Readonly<Record<number, Field>> & { readonly type?: T };

const one = (name: string, kind: Kind | Table): Field => ({ name, kind, repeated: false });
const many = (name: string, kind: Kind | Table): Field => ({ name, kind, repeated: true });

const stringStringEntry: Table<StringStringEntryProto> = {
  1: one('key', 'string'),
  2: one('value', 'string'),
};

const tensorTable: Table<TensorProto> = {
  1: many('dims', 'int'),
  2: one('dataType', 'int'),
  3: one('segment', 'bytes'),
  4: many('floatData', 'float'),
  5: many('int32Data', 'int'),
  6: many('stringData', 'bytes'),
  7: many('int64Data', 'int'),
  8: one('name', 'string'),
  9: one('rawData', 'bytes'),
  10: many('doubleData', 'double'),
  11: many('uint64Data', 'int'),
  13: many('externalData', stringStringEntry),
  14: one('dataLocation', 'int'),
};

const typeTable: Table<TypeProto> = {
  1: one('tensorType', {
    1: one('elemType', 'int'),
    2: one('shape', { 1: many('dim', { 1: one('dimValue', 'int'), 2: one('dimParam', 'string') }) }),
  }),
  4: one('sequenceType', 'bytes'),
  5: one('mapType', 'bytes'),
  8: one('sparseTensorType', 'bytes'),
  9: one('optionalType', 'bytes'),
};

const valueInfoTable: Table<ValueInfoProto> = { 1: one('name', 'string'), 2: one('type', typeTable) };

/** Graphs hold nodes that hold attributes that hold graphs. */
const graphTable: Record<number, Field> = {};

const attributeTable: Table<AttributeProto> = {
  1: one('name', 'string'),
  2: one('f', 'float'),
  3: one('i', 'int'),
  4: one('s', 'bytes'),
  5: one('t', tensorTable),
  6: one('g', graphTable),
  7: many('floats', 'float'),
  8: many('ints', 'int'),
  9: many('strings', 'bytes'),
  20: one('type', 'int'),
  21: one('refAttrName', 'string'),
};

Object.assign(graphTable, {
  1: many('node', {
    1: many('input', 'string'),
    2: many('output', 'string'),
    3: one('name', 'string'),
    4: one('opType', 'string'),
    5: many('attribute', attributeTable),
    7: one('domain', 'string'),
  }),
  2: one('name', 'string'),
  5: many('initializer', tensorTable),
  11: many('input', valueInfoTable),
  12: many('output', valueInfoTable),
  15: many('sparseInitializer', 'bytes'),
});

const modelTable: Table<ModelProto> = {
  1: one('irVersion', 'int'),
  2: one('producerName', 'string'),
  3: one('producerVersion', 'string'),
  7: one('graph', graphTable),
  8: many('opsetImport', { 1: one('domain', 'string'), 2: one('version', 'int') }),
  14: many('metadataProps', stringStringEntry),
  25: many('functions', 'bytes'),
};

/** Messages within messages: a graph inside an attribute takes four levels. */
const MAX_DEPTH = 32;

type Message = Record<string, unknown>;

/** Length of a delimited field that lies within `end`. */
function lengthWithin(r: BinaryReader, end: number): number {
  const length = r.uint32();
  check(
    length <= end - r.pos,
    'format',
    () =>
      `ONNX: a field of ${length} bytes is declared where ${end - r.pos} are left; the file is truncated.`,
  );
  return length;
}

function readMessage(r: BinaryReader, end: number, table: Table, depth: number): Message {
  check(depth <= MAX_DEPTH, 'format', () => `ONNX: messages are nested more than ${MAX_DEPTH} deep.`);
  const out: Message = {};
  const lists = (Object.values(table) as Field[]).filter((f) => f.repeated);
  for (const { name } of lists) out[name] = [];
  while (r.pos < end) {
    const [number, wire] = r.tag();
    const field = table[number];
    if (field) readField(r, end, field, wire, out, depth);
    else r.skip(wire, number);
  }
  check(
    r.pos === end,
    'format',
    () => 'ONNX: a field runs over the end of its message; the file is damaged.',
  );
  for (const { name, kind } of lists) {
    if (kind === 'float') out[name] = joined(out[name] as Piece[], Float32Array);
    if (kind === 'double') out[name] = joined(out[name] as Piece[], Float64Array);
  }
  return out;
}

const WIRE: Readonly<Record<Kind, WireType>> = {
  int: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

function readField(
  r: BinaryReader,
  end: number,
  f: Field,
  wire: WireType,
  out: Message,
  depth: number,
): void {
  const { name, kind, repeated } = f;
  const isMessage = typeof kind !== 'string';
  const isNumber = kind === 'int' || kind === 'float' || kind === 'double';
  if (repeated && isNumber && wire === WireType.LengthDelimited) {
    if (kind === 'int') readInts(r, lengthWithin(r, end), out[name] as number[]);
    else (out[name] as Piece[]).push(readFloats(r.bytes(), kind));
    return;
  }
  check(
    wire === (isMessage ? WireType.LengthDelimited : WIRE[kind]),
    'format',
    () => `ONNX: field "${name}" has wire type ${wire}; this is no ONNX file, or it is damaged.`,
  );
  if (isMessage) {
    const length = lengthWithin(r, end);
    const value = readMessage(r, r.pos + length, kind, depth + 1);
    if (repeated) (out[name] as unknown[]).push(value);
    else out[name] = value;
    return;
  }
  const value = readScalar(r, kind);
  if (repeated) (out[name] as unknown[]).push(value);
  else out[name] = value;
}

function readScalar(r: BinaryReader, kind: Kind): unknown {
  switch (kind) {
    case 'int':
      return Number(r.int64());
    case 'float':
      return r.float();
    case 'double':
      return r.double();
    case 'string':
      return r.string();
    case 'bytes':
      return r.bytes();
  }
}

/** What a list of floats is made of while its message is read: packed runs and single numbers. */
type Piece = Float32Array | Float64Array | number;

function joined<T extends Float32Array | Float64Array>(
  pieces: readonly Piece[],
  kind: new (count: number) => T,
): T {
  if (pieces.length === 1 && pieces[0] instanceof kind) return pieces[0];
  const list = new kind(pieces.reduce<number>((n, p) => n + (typeof p === 'number' ? 1 : p.length), 0));
  let at = 0;
  for (const p of pieces) {
    if (typeof p === 'number') list[at++] = p;
    else {
      list.set(p, at);
      at += p.length;
    }
  }
  return list;
}

function readInts(r: BinaryReader, length: number, list: number[]): void {
  const end = r.pos + length;
  while (r.pos < end) list.push(Number(r.int64()));
  check(r.pos === end, 'format', () => 'ONNX: a packed list ends within a number; the file is damaged.');
}

function readFloats(bytes: Uint8Array, kind: 'float' | 'double'): Float32Array | Float64Array {
  const size = kind === 'float' ? 4 : 8;
  check(
    bytes.length % size === 0,
    'format',
    () => 'ONNX: a packed list ends within a number; the file is damaged.',
  );
  // Not slice(): that of Node's Buffer is a view.
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return kind === 'float' ? new Float32Array(copy.buffer) : new Float64Array(copy.buffer);
}

function decode<T>(bytes: Uint8Array, table: Table<T>, what: string): T {
  try {
    return readMessage(new BinaryReader(bytes), bytes.length, table, 0) as T;
  } catch (cause) {
    if (cause instanceof LensletError) throw cause;
    throw new LensletError('format', `ONNX: not ${what}, or a damaged one: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

/** @throws LensletError 'format' when the bytes are no such message */
export const decodeModel = (bytes: Uint8Array): ModelProto => decode(bytes, modelTable, 'an ONNX model');
/** A tensor file of a test data set. @throws LensletError 'format' */
export const decodeTensor = (bytes: Uint8Array): TensorProto => decode(bytes, tensorTable, 'an ONNX tensor');

/** Deep partial: what is left out is not written. */
export type Partially<T> = T extends readonly (infer E)[]
  ? readonly Partially<E>[]
  : T extends Uint8Array | Float32Array | Float64Array | string | number
    ? T
    : { readonly [K in keyof T]?: Partially<T[K]> };

function writeMessage(w: BinaryWriter, value: Message, table: Table): void {
  for (const [number, { name, kind, repeated }] of Object.entries(table) as [string, Field][]) {
    const field = value[name];
    if (field === undefined) continue;
    if (!repeated) {
      writeValue(w, Number(number), kind, field);
    } else if (kind === 'int' || kind === 'float' || kind === 'double') {
      const list = field as ArrayLike<number>;
      if (list.length === 0) continue;
      w.tag(Number(number), WireType.LengthDelimited).fork();
      for (let i = 0; i < list.length; i++) writeScalar(w, kind, list[i]);
      w.join();
    } else {
      for (const v of field as unknown[]) writeValue(w, Number(number), kind, v);
    }
  }
}

function writeValue(w: BinaryWriter, number: number, kind: Kind | Table, value: unknown): void {
  if (typeof kind === 'string') {
    w.tag(number, WIRE[kind]);
    writeScalar(w, kind, value);
  } else {
    w.tag(number, WireType.LengthDelimited).fork();
    writeMessage(w, value as Message, kind);
    w.join();
  }
}

function writeScalar(w: BinaryWriter, kind: Kind, value: unknown): void {
  switch (kind) {
    case 'int':
      w.int64(value as number);
      break;
    case 'float':
      w.float(value as number);
      break;
    case 'double':
      w.double(value as number);
      break;
    case 'string':
      w.string(value as string);
      break;
    case 'bytes':
      w.bytes(value as Uint8Array);
      break;
  }
}

function encode<T>(value: Partially<T>, table: Table<T>): Uint8Array {
  const w = new BinaryWriter();
  writeMessage(w, value as Message, table);
  return w.finish();
}

export const encodeModel = (model: Partially<ModelProto>): Uint8Array => encode(model, modelTable);
export const encodeTensor = (tensor: Partially<TensorProto>): Uint8Array => encode(tensor, tensorTable);
