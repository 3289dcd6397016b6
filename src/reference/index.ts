/** The reference backend: every operator by its plain definition, node after node. Slow; the oracle of the tests. */
import type { Backend, Executable, VariableStore } from '../backend.ts';
import { check } from '../core/error.ts';
import { sameShape, showType, type Tensor, tensor } from '../core/tensor.ts';
import type { Graph, Value, VariableSpec } from '../ir/graph.ts';
import { checkData, checkFeeds } from '../plan/feeds.ts';
import { live } from '../plan/simplify.ts';

class ReferenceStore implements VariableStore {
  readonly specs = new Map<string, VariableSpec>();
  readonly values = new Map<string, Tensor>();

  add(spec: VariableSpec): void {
    check(!this.specs.has(spec.name), 'value', () => `There is a variable "${spec.name}" already.`);
    this.specs.set(spec.name, spec);
    this.values.set(spec.name, tensor(spec.shape));
  }

  get(name: string): Tensor {
    const value = this.values.get(name);
    check(value, 'unknown', () => `There is no variable "${name}".`);
    return value;
  }

  async read(name: string): Promise<Tensor> {
    const value = this.get(name);
    return { ...value, data: value.data.slice() };
  }

  async write(name: string, value: Tensor): Promise<void> {
    const old = this.get(name);
    check(
      value.dtype === 'f32' && sameShape(value.shape, old.shape),
      'shape',
      () => `"${name}" is ${showType(old)}; ${showType(value)} was given.`,
    );
    checkData(`"${name}"`, value);
    this.values.set(name, { ...value, data: value.data.slice() });
  }

  dispose(): void {
    this.values.clear();
  }
}

const copies = (tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, { ...t, data: t.data.slice() }]));

class ReferenceExecutable implements Executable {
  readonly memory = { arena: 0, arenaLowerBound: 0, persistent: 0 };
  #feeds: Readonly<Record<string, Tensor>> = {};
  #results: Record<string, Tensor> = {};
  constructor(
    private readonly graph: Graph,
    private readonly store: ReferenceStore,
  ) {}

  get inputs() {
    return this.graph.inputs;
  }

  get outputs() {
    return this.graph.outputs;
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    checkFeeds(this.inputs, feeds);
    this.#feeds = copies(feeds);
    await this.replay();
    return this.results();
  }

  async results(): Promise<Record<string, Tensor>> {
    return copies(this.#results);
  }

  async replay(): Promise<void> {
    checkFeeds(this.inputs, this.#feeds);
    const values = new Map<Value, Tensor>();
    const get = (v: Value): Tensor => {
      const { source } = v;
      if (source.kind === 'constant') return source.tensor;
      if (source.kind === 'variable') return this.store.get(source.name);
      if (source.kind === 'node') return values.get(v) as Tensor;
      return this.#feeds[source.name];
    };
    for (const node of live(this.graph)) {
      const outputs = node.outputs.map((y) => tensor(y.shape, undefined, y.dtype));
      node.op.reference(
        node.inputs.map((x) => x && get(x)),
        outputs,
        node.attrs,
      );
      node.outputs.forEach((y, i) => {
        values.set(y, outputs[i]);
      });
    }
    const copy = (v: Value): Tensor => ({ ...get(v), data: get(v).data.slice() });
    this.#results = Object.fromEntries([...this.graph.outputs].map(([name, v]) => [name, copy(v)]));
    const next = [...this.graph.updates].map(([name, v]) => [name, copy(v)] as const);
    for (const [name, value] of next) this.store.values.set(name, value);
  }

  async profile() {
    return [];
  }

  dispose(): void {}
}

export class ReferenceBackend implements Backend {
  readonly name = 'reference';

  createStore(): VariableStore {
    return new ReferenceStore();
  }

  async load(graph: Graph, store: VariableStore): Promise<Executable> {
    return new ReferenceExecutable(graph, store as ReferenceStore);
  }

  dispose(): void {}
}
