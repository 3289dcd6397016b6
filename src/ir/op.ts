/** The definition of an operator: everything the system knows about it, in one object (see CONTRIBUTING.md). */
import type { Tensor, TensorType } from '../core/tensor.ts';
import type { Node, Value } from './graph.ts';
import type { GpuTraits, WasmKernel, WebgpuKernel } from './kernel.ts';

export interface OpDef<A> {
  /** The standard name, as in ONNX or PyTorch. */
  readonly name: string;

  /**
   * Types of the outputs. `null` inputs are absent optional ones.
   * @throws LensletError when inputs or attributes do not fit, saying which and what would
   */
  infer(inputs: readonly (TensorType | null)[], attrs: A): readonly TensorType[];

  /**
   * The vector–Jacobian product, as new nodes of the same graph: from the gradients of the outputs (`null`
   * where the loss does not depend on one) those of the inputs (`null` where there is none).
   */
  grad(node: Node<A>, dOut: readonly (Value | null)[]): readonly (Value | null)[];

  /** The definition as plain loops, sums in f64; writes the outputs' data. The oracle of every test. */
  reference(inputs: readonly (Tensor | null)[], outputs: readonly Tensor[], attrs: A): void;

  /** The kernels, in order, that compute the node on the WASM backend. A view has none. */
  wasm(node: Node<A>): readonly WasmKernel[];

  /** The kernels, in order, that compute the node on the WebGPU backend. A view has none. */
  webgpu(node: Node<A>, gpu: GpuTraits): readonly WebgpuKernel[];

  /** Output 0 is input 0 under another shape. */
  readonly view?: true;

  /**
   * Output → input whose memory it may take: element i is written after it was read, by the same tile (WASM) or the
   * same invocation, through the same type of element (WebGPU).
   */
  readonly inPlace?: readonly (readonly [output: number, input: number])[];

  /** Fusion: how this node also computes `next`, the one consumer of its one output; null when it cannot. */
  absorb?(node: Node<A>, next: Node): Absorbed<A> | null;
}

/** A node that computes two. */
export interface Absorbed<A> {
  readonly attrs: A;
  /** Its inputs where they differ from the first node's. */
  readonly inputs?: readonly (Value | null)[];
  /** Nodes that compute inputs of its own. */
  readonly before?: readonly Node[];
}

/** Types an operator definition. */
export const defineOp = <A>(def: OpDef<A>): OpDef<A> => def;

/** For operators that have no gradient by nature (integer results, updates). */
export const noGrad = (): readonly null[] => [];
