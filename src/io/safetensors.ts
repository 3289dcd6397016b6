/**
 * safetensors (https://github.com/huggingface/safetensors, "Format"): a 64-bit header length, a JSON header
 * `{name: {dtype, shape, data_offsets}, __metadata__: {…}}`, then the tensors' bytes, little-endian, row-major,
 * without holes or overlaps.
 */
import { check, LensletError } from '../core/error.ts';
import { dtypeOf, type Shape, sizeOf, type Tensor, type TensorData } from '../core/tensor.ts';
import { floatToHalf, halfToFloat } from './half.ts';
import { checkUniqueKeys } from './json-keys.ts';

export interface Safetensors {
  /** In the order of their bytes in the file. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

const METADATA = '__metadata__';
/** The format's own cap. */
const MAX_HEADER = 100_000_000;

/** Little-endian values of `bytes` (aligned at 0 of their buffer) as the dtype nearest to them. */
type Decode = (bytes: ArrayBuffer, name: string) => TensorData;

const DTYPES: Readonly<Record<string, { readonly bytes: number; readonly decode: Decode }>> = {
  F32: { bytes: 4, decode: (b) => new Float32Array(b) },
  F64: { bytes: 8, decode: (b) => new Float32Array(new Float64Array(b)) },
  F16: { bytes: 2, decode: (b) => Float32Array.from(new Uint16Array(b), halfToFloat) },
  BF16: {
    bytes: 2,
    decode: (b) => new Float32Array(Uint32Array.from(new Uint16Array(b), (h) => h << 16).buffer),
  },
  I32: { bytes: 4, decode: (b) => new Int32Array(b) },
  I16: { bytes: 2, decode: (b) => new Int32Array(new Int16Array(b)) },
  I8: { bytes: 1, decode: (b) => new Int8Array(b) },
  U16: { bytes: 2, decode: (b) => new Int32Array(new Uint16Array(b)) },
  U8: { bytes: 1, decode: (b) => new Uint8Array(b) },
  BOOL: { bytes: 1, decode: (b) => Int32Array.from(new Uint8Array(b), (v) => (v ? 1 : 0)) },
  I64: { bytes: 8, decode: narrowI64 },
};

function narrowI64(bytes: ArrayBuffer, name: string): Int32Array {
  const words = new Int32Array(bytes);
  const out = new Int32Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const low = words[2 * i] as number;
    check(
      words[2 * i + 1] === low >> 31,
      'format',
      () => `safetensors: "${name}" (I64) holds a value outside the range of 32-bit integers.`,
    );
    out[i] = low;
  }
  return out;
}

/**
 * Reads a safetensors file. F32, F16, BF16 and F64 become f32, I8 and U8 stay, other integers and BOOL become i32;
 * data is copied.
 * @throws LensletError `format` when anything is not as the format says, or an I64 does not fit 32 bits;
 *   `unsupported` for other dtypes. Nothing is allocated from a declared size before it is checked.
 */
export function parseSafetensors(bytes: Uint8Array): Safetensors {
  const { header, start } = readHeader(bytes);
  const metadata = readMetadata(header[METADATA]);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, value]) => readEntry(name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, Tensor>();
  let end = 0;
  for (const e of entries) {
    check(
      e.begin === end,
      'format',
      () => `safetensors: "${e.name}" begins at ${e.begin}, but ${end} is where the tensor before it ends.`,
    );
    end = e.end;
  }
  check(
    end === bytes.length - start,
    'format',
    () => `safetensors: the tensors take ${end} bytes, but ${bytes.length - start} follow the header.`,
  );
  for (const { name, dtype, shape, begin, end } of entries) {
    // Not slice(): that of Node's Buffer is a view.
    const copy = new Uint8Array(end - begin);
    copy.set(bytes.subarray(start + begin, start + end));
    const data = dtype.decode(copy.buffer, name);
    tensors.set(name, { dtype: dtypeOf(data), shape, data });
  }
  return { tensors, metadata };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  check(
    bytes.length >= 8,
    'format',
    () => `safetensors: the file has ${bytes.length} bytes; the header's length alone takes 8.`,
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const available = Math.min(MAX_HEADER, bytes.length - 8);
  check(
    length <= available,
    'format',
    () =>
      `safetensors: a header of ${length} bytes is declared, at most ${available} are possible; ` +
      'the file is truncated or of another format.',
  );
  check(bytes[8] === 0x7b && length > 0, 'format', () => 'safetensors: the header does not begin with "{".');
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(8, 8 + length));
    header = JSON.parse(text);
  } catch (cause) {
    throw new LensletError('format', 'safetensors: the header is not JSON.', { cause });
  }
  check(isObject(header), 'format', () => 'safetensors: the header is not a JSON object.');
  checkUniqueKeys(text, 'safetensors header');
  return { header, start: 8 + length };
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  check(
    isObject(value) && Object.values(value).every((v) => typeof v === 'string'),
    'format',
    () => `safetensors: "${METADATA}" is not a map from strings to strings.`,
  );
  return value as Record<string, string>;
}

const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;

function readEntry(name: string, value: unknown) {
  const bad = (what: string): never => {
    throw new LensletError('format', `safetensors: tensor "${name}": ${what}.`);
  };
  if (!isObject(value)) return bad('its entry is not an object');
  const { dtype: code, shape, data_offsets: offsets } = value;
  if (typeof code !== 'string') return bad('its dtype is not a string');
  const dtype = Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  if (!dtype) {
    const known = Object.keys(DTYPES).join(', ');
    throw new LensletError(
      'unsupported',
      `safetensors: "${name}" is ${code}; convert it to one of ${known}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) return bad('its shape is not a list of sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return bad('its data_offsets are not two offsets');
  }
  const [begin, end] = offsets as [number, number];
  const bytes = sizeOf(shape as Shape) * dtype.bytes;
  if (bytes !== end - begin) {
    return bad(
      `${code}[${shape}] takes ${bytes} bytes, its data_offsets [${begin},${end}] give ${end - begin}`,
    );
  }
  return { name, dtype, shape: shape as Shape, begin, end };
}

const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;

/** What a file needs of a tensor. */
interface Stored {
  readonly dtype: string;
  readonly shape: Shape;
  readonly data: TensorData | Uint16Array;
}

const inHalf = ({ dtype, shape, data }: Tensor): Stored =>
  dtype === 'f32'
    ? { dtype: 'f16', shape, data: Uint16Array.from(data, floatToHalf) }
    : { dtype, shape, data };

/**
 * A safetensors file of the tensors (F32, I32, I8, U8), the largest types first, then by name: the same content
 * gives the same bytes, and all are aligned.
 * The data begins at a multiple of 8.
 * @param options `half`: F32 is stored as F16, half the bytes, 11 significant bits; beyond 65504 it becomes infinity
 * @throws LensletError `value` for the reserved name `__metadata__`, `shape` when data and shape disagree
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
  { half = false }: { readonly half?: boolean } = {},
): Uint8Array {
  const stored = [...tensors].map(([name, t]): [string, Stored] => [name, half ? inHalf(t) : t]);
  const sorted = stored.sort(
    (a, b) => b[1].data.BYTES_PER_ELEMENT - a[1].data.BYTES_PER_ELEMENT || byName(a, b),
  );
  const fields: string[] = [];
  // Text by hand: a tensor may be called "__proto__", and integer-like names would lose their order in an object.
  const strings = Object.entries(metadata)
    .sort(byName)
    .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
  if (strings.length) fields.push(`"${METADATA}":{${strings.join(',')}}`);
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    check(name !== METADATA, 'value', () => `No tensor can be called "${METADATA}" in a safetensors file.`);
    check(
      data.length === sizeOf(shape),
      'shape',
      () => `"${name}" has shape [${shape}], but ${data.length} values.`,
    );
    const begin = end;
    end += data.byteLength;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype.toUpperCase()}","shape":[${shape}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`);
  const start = 8 + 8 * Math.ceil(header.length / 8);
  const out = new Uint8Array(start + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(start - 8), true);
  out.set(header, 8);
  out.fill(0x20, 8 + header.length, start);
  let at = start;
  for (const [, { data }] of sorted) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}
