/**
 * The graph: a list of nodes to which one can only append, so it is in topological order by construction.
 * It is data: building a graph computes nothing. Shapes are checked as nodes are added, so that an error
 * points at the line that built the node.
 */
import { check, LensletError } from '../core/error.ts';
import type { Random } from '../core/random.ts';
import { type Shape, sameShape, showType, type Tensor, type TensorType } from '../core/tensor.ts';
import type { OpDef } from './op.ts';

export interface Node<A = unknown> {
  readonly id: number;
  readonly op: OpDef<A>;
  /** `null` stands for an optional input that is absent. */
  readonly inputs: readonly (Value | null)[];
  readonly attrs: A;
  readonly outputs: readonly Value[];
}

export type Source =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'constant'; readonly tensor: Tensor }
  | { readonly kind: 'node'; readonly node: Node; readonly index: number };

export interface Value extends TensorType {
  readonly id: number;
  readonly graph: Graph;
  readonly source: Source;
}

/** First values of a variable of the given shape. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** What outlives a run: weights, momenta, running statistics. f32 only. */
export interface VariableSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
  /** Parameters are trained; buffers (running statistics, fixed codes) belong to the model, too; optimisers keep theirs. */
  readonly role: 'parameter' | 'buffer' | 'optimizer';
  /** Entries that are trained; less than all where a connection table leaves some out. */
  readonly parameters: number;
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  readonly variables = new Map<string, { readonly spec: VariableSpec; readonly value: Value }>();
  /** Variable name → value it takes at the end of a run. */
  readonly updates = new Map<string, Value>();
  #values = 0;

  /** Number of trained parameters of its variables. */
  get parameters(): number {
    return [...this.variables.values()].reduce((sum, { spec }) => sum + spec.parameters, 0);
  }

  #value(type: TensorType, source: Source): Value {
    return { id: this.#values++, graph: this, dtype: type.dtype, shape: type.shape, source };
  }

  /** A tensor given at every run. @throws LensletError when the name is taken */
  input(name: string, type: TensorType): Value {
    check(!this.inputs.has(name), 'value', () => `The graph has an input "${name}" already.`);
    const value = this.#value(type, { kind: 'input', name });
    this.inputs.set(name, value);
    return value;
  }

  /** The variable of that name, made on first use. @throws LensletError when it exists with another shape */
  variable(spec: VariableSpec): Value {
    const known = this.variables.get(spec.name);
    if (known) {
      check(
        sameShape(known.spec.shape, spec.shape),
        'shape',
        () => `Variable "${spec.name}" has shape [${known.spec.shape}], asked for [${spec.shape}].`,
      );
      return known.value;
    }
    const value = this.#value({ dtype: 'f32', shape: spec.shape }, { kind: 'variable', name: spec.name });
    this.variables.set(spec.name, { spec, value });
    return value;
  }

  /** A tensor that is part of the graph. */
  constant(tensor: Tensor): Value {
    return this.#value(tensor, { kind: 'constant', tensor });
  }

  /** Appends a node. @throws LensletError what the operator's shape rule says is wrong */
  apply<A>(op: OpDef<A>, inputs: readonly (Value | null)[], attrs: A): readonly Value[] {
    for (const v of inputs) {
      check(!v || v.graph === this, 'value', () => `${op.name}: an input belongs to another graph.`);
    }
    const types = op.infer(inputs, attrs);
    const outputs: Value[] = [];
    const node: Node<A> = { id: this.nodes.length, op, inputs, attrs, outputs };
    types.forEach((type, index) => {
      outputs.push(this.#value(type, { kind: 'node', node: node as Node, index }));
    });
    this.nodes.push(node as Node);
    return outputs;
  }

  /** Gives a variable a new value at the end of every run. */
  update(variable: Value, next: Value): void {
    const { source } = variable;
    if (source.kind !== 'variable') throw new LensletError('value', 'Only a variable can be updated.');
    check(
      next.graph === this && next.dtype === 'f32' && sameShape(variable.shape, next.shape),
      'shape',
      () => `Update of "${source.name}": ${showType(variable)} cannot become ${showType(next)}.`,
    );
    check(!this.updates.has(source.name), 'value', () => `"${source.name}" is updated twice.`);
    this.updates.set(source.name, next);
  }

  /** Names a value to be read after a run. */
  output(name: string, value: Value): void {
    check(!this.outputs.has(name), 'value', () => `The graph has an output "${name}" already.`);
    this.outputs.set(name, value);
  }
}

/** Whether a value is the same in every run until a variable is written from outside. */
export function isStaticValue(value: Value): boolean {
  const seen = new Set<Value>();
  const isFixed = (v: Value): boolean => {
    if (seen.has(v)) return true;
    seen.add(v);
    const { source, graph } = v;
    if (source.kind === 'variable') return !graph.updates.has(source.name);
    return (
      source.kind === 'constant' ||
      (source.kind === 'node' && source.node.inputs.every((x) => !x || isFixed(x)))
    );
  };
  return isFixed(value);
}

/** A node of a plan that is not in the graph: of its first input, which must be there, and others of the same graph. */
export function detachedNode<A>(op: OpDef<A>, inputs: readonly (Value | null)[], attrs: A): Node {
  const outputs: Value[] = [];
  const node = { id: -1, op, inputs, attrs, outputs } as Node<A> as Node;
  const { graph } = inputs[0] as Value;
  op.infer(inputs, attrs).forEach((type, index) => {
    outputs.push({ ...type, id: -1, graph, source: { kind: 'node', node, index } });
  });
  return node;
}

/** Appends a node to the graph of its first input. */
export function apply<A>(op: OpDef<A>, inputs: readonly (Value | null)[], attrs: A): readonly Value[] {
  const first = inputs.find((v) => v !== null);
  if (!first) throw new LensletError('value', `${op.name}: needs at least one input.`);
  return first.graph.apply(op, inputs, attrs);
}

/** Appends a node with one output and returns that. */
export function apply1<A>(op: OpDef<A>, inputs: readonly (Value | null)[], attrs: A): Value {
  return apply(op, inputs, attrs)[0] as Value;
}
