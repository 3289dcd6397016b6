/** A network that is quickly compiled: two linear layers for images of 4×4. */
import { DIGITS } from '../../src/data/dataset.ts';
import type { Model } from '../../src/nn/builder.ts';
import { linear } from '../../src/nn/layers.ts';
import { relu } from '../../src/ops/elementwise.ts';
import { flatten } from '../../src/ops/shape.ts';

export const smallNet: Model = {
  ...{
    name: 'small',
    title: 'Small',
    input: [3, 4, 4],
    classes: DIGITS,
    normalize: { scale: 0.01, offset: 0 },
  },
  build: (b, x) => linear(b.at('fc2'), relu(linear(b.at('fc1'), flatten(x), 16)), DIGITS.length),
};
