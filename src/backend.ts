/** What every backend offers. Types only. */
import type { Tensor, TensorType } from './core/tensor.ts';
import type { Graph, VariableSpec } from './ir/graph.ts';
import type { PlanMemory } from './plan/compile.ts';

/** The two of a backend that is WASM and a GPU at once. */
export type Side = 'wasm' | 'webgpu';

export interface Backend {
  readonly name: 'wasm' | 'webgpu' | 'reference' | 'auto';
  /** Variables can be lost while the backend goes on: long runs keep copies. */
  readonly mayLose?: boolean;
  /** Memory for variables that several executables share: training and inference see the same weights. */
  createStore(): VariableStore;
  /**
   * Plans and loads a graph; its variables are those of the store.
   * @param side where it shall run as long as that is there, in a backend that has sides
   * @throws LensletError 'memory' when the plan does not fit, 'unknown' when the store lacks a variable
   */
  load(graph: Graph, store: VariableStore, side?: Side): Promise<Executable>;
  dispose(): void;
}

export interface VariableStore {
  readonly specs: ReadonlyMap<string, VariableSpec>;
  /** Adds a variable, zero at first. @throws LensletError 'value' when there is one of that name, 'memory' */
  add(spec: VariableSpec): void;
  /** A copy of a variable. */
  read(name: string): Promise<Tensor>;
  /** @throws LensletError 'unknown' or 'shape' */
  write(name: string, value: Tensor): Promise<void>;
  dispose(): void;
}

export interface StepTime {
  readonly label: string;
  readonly milliseconds: number;
}

export interface Executable {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  readonly memory: PlanMemory;
  /**
   * One run: writes the inputs, executes, updates the variables, returns copies of the outputs.
   * @throws LensletError 'unknown' or 'shape' for feeds that do not fit, 'kernel' when a kernel trapped,
   * 'device' when the GPU was lost
   */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /**
   * The first half of a run, where a device computes beside this thread: resolves when all was handed over. What comes
   * back, which must be called, waits for the outputs.
   */
  start?(feeds: Readonly<Record<string, Tensor>>): Promise<() => Promise<Record<string, Tensor>>>;
  /**
   * One more run with the inputs of the last one; its outputs stay in the backend's memory.
   * @throws LensletError 'unknown' when there was no run yet, 'kernel'
   */
  replay(): Promise<void>;
  /** Copies of the outputs of the last run. */
  results(): Promise<Record<string, Tensor>>;
  /** Time of each step of one more run with the inputs of the last one; updates happen. */
  profile(): Promise<readonly StepTime[]>;
  dispose(): void;
}
