/** What the table's rows are given to export a node of a graph. */
import { LensletError } from '../../core/error.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { Node, Value } from '../../ir/graph.ts';
import type { AttributeProto, NodeProto, Partially } from './proto.ts';
import { tensorProto } from './tensor.ts';

/** AttributeProto.AttributeType. */
const AttributeType = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, INTS: 7 } as const;

export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | { readonly float: number }>
>;

/** Marks an attribute as floating, whatever its value. */
export const float = (value: number): { readonly float: number } => ({ float: value });

function attribute(name: string, value: Attributes[string]): Partially<AttributeProto> {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') {
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: Math.fround(value.float) };
  return { name, type: AttributeType.INTS, ints: value as readonly number[] };
}

export class Writing {
  readonly nodes: Partially<NodeProto>[] = [];
  readonly #names = new Map<Value, string>();
  readonly #taken = new Set<string>();

  constructor(
    /** The value's twin in the same network built for another batch size, to tell which dimensions are the batch. */
    private readonly twins: ReadonlyMap<Value, Value> | null,
  ) {}

  /** Names a value; the name must be free. */
  bind(value: Value, name: string): void {
    this.#names.set(value, name);
    this.#taken.add(name);
  }

  fresh(stem: string): string {
    let name = stem;
    for (let i = 1; this.#taken.has(name); i++) name = `${stem}_${i}`;
    this.#taken.add(name);
    return name;
  }

  /** The name of a value; constants are written on first use. */
  name(value: Value | null): string {
    if (!value) return '';
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    if (value.source.kind !== 'constant') {
      throw new LensletError('value', 'A value is used before the node that makes it.');
    }
    const name = this.tensor(value.source.tensor, 'constant');
    this.#names.set(value, name);
    return name;
  }

  /** A tensor as a node: initialisers are the weights alone. */
  tensor(t: Tensor, stem: string): string {
    const name = this.fresh(stem);
    const value = { name: 'value', type: AttributeType.TENSOR, t: tensorProto(t) };
    this.nodes.push({ name, opType: 'Constant', output: [name], attribute: [value] });
    return name;
  }

  integers(list: readonly number[], stem: string): string {
    return this.tensor(tensor([list.length], Int32Array.from(list)), stem);
  }

  scalar(value: number): string {
    return this.tensor(tensor([], [value]), 'constant');
  }

  /** Appends an ONNX node whose output is that of `y`, or a value in between. */
  emit(
    opType: string,
    inputs: readonly string[],
    y: Node | null,
    attributes: Attributes = {},
    stem = opType.toLowerCase(),
  ): string {
    const name = this.fresh(stem);
    if (y) this.#names.set(y.outputs[0], name);
    let last = inputs.length;
    while (last > 0 && inputs[last - 1] === '') last--;
    this.nodes.push({
      name,
      opType,
      input: inputs.slice(0, last),
      output: [name],
      attribute: Object.entries(attributes).map(([k, v]) => attribute(k, v)),
    });
    return name;
  }

  /** The value's shape with −1 for the dimension that is the batch size (times something). */
  shape(value: Value): number[] {
    const twin = this.twins?.get(value);
    const shape = value.shape.map((d, i) => (twin && twin.shape[i] !== d ? -1 : d));
    if (shape.filter((d) => d < 0).length > 1) {
      throw new LensletError(
        'unsupported',
        `Export: more than one dimension of [${value.shape}] depends on the batch size; give a fixed one.`,
      );
    }
    return shape;
  }
}
