/** How networks are written: functions that ask a builder for named variables and append to its graph. */
import { type Shape, sizeOf } from '../core/tensor.ts';
import type { Graph, Initializer, Value } from '../ir/graph.ts';

/** A network. Parameter names follow torchvision where it has the network. */
export interface Model {
  /** Identifier, file name of the weights: "lenet5-modern". */
  readonly name: string;
  readonly title: string;
  /** Channels, height, width of the input image. Fully convolutional networks accept larger ones. */
  readonly input: readonly [number, number, number];
  readonly classes: readonly string[];
  /** x = scale · pixel + offset for pixels 0 … 255; one number for all channels or one a channel. */
  readonly normalize: {
    readonly scale: number | readonly number[];
    readonly offset: number | readonly number[];
  };
  /** The same network for other classes, where it is made for any. */
  withClasses?(classes: readonly string[]): Model;
  /** Appends the network to the graph and returns scores f32[N×classes]: the largest is the answer. */
  build(b: Builder, x: Value): Value;
  /** The loss to train with, a scalar; cross-entropy of the scores where absent. */
  loss?(b: Builder, scores: Value, labels: Value): Value;
  /** How many images of the batch are right, a scalar; those whose score at the label is largest where absent. */
  correct?(b: Builder, scores: Value, labels: Value): Value;
}

/** Scores of a head inside the network that only training has. */
export interface Auxiliary {
  readonly scores: Value;
  /** Weight of its loss beside that of the network's scores. */
  readonly weight: number;
}

export class Builder {
  /**
   * @param training whether layers behave as in training (dropout, batch statistics)
   * @param path prefix of the names
   * @param taps named values inside the network, for looking at them
   * @param auxiliaries heads that the network has added for training
   */
  constructor(
    readonly graph: Graph,
    readonly training: boolean,
    readonly path = '',
    readonly taps: Map<string, Value> = new Map(),
    readonly auxiliaries: Auxiliary[] = [],
  ) {}

  /** The builder for a part: its names start with this one's path, the part's name and a dot. */
  at(name: string | number): Builder {
    return new Builder(this.graph, this.training, `${this.path}${name}.`, this.taps, this.auxiliaries);
  }

  /**
   * A trained variable.
   * @param parameters how many of its entries are trained, when not all
   */
  param(name: string, shape: Shape, init: Initializer, parameters = sizeOf(shape)): Value {
    return this.graph.variable({ name: this.path + name, shape, init, role: 'parameter', parameters });
  }

  /** A variable that belongs to the model but is not trained by gradients. */
  buffer(name: string, shape: Shape, init: Initializer): Value {
    return this.graph.variable({ name: this.path + name, shape, init, role: 'buffer', parameters: 0 });
  }

  /** Names a value inside the network, so that its contents can be asked for; returns it. */
  tap(name: string, value: Value): Value {
    this.taps.set(this.path + name, value);
    return value;
  }

  /** The seed of the run's random numbers: the input "seed", i32[1], of graphs that draw any. */
  seed(): Value {
    return this.graph.inputs.get('seed') ?? this.graph.input('seed', { dtype: 'i32', shape: [1] });
  }
}
