/** All networks by name. */
import { LensletError } from '../src/core/error.ts';
import type { Model } from '../src/nn/builder.ts';
import { lenet5, lenet5Modern } from './lenet5.ts';

export { lenet5, lenet5Modern };

export const models: readonly Model[] = [lenet5Modern, lenet5];

/** @throws LensletError 'unknown', naming those that there are */
export function modelByName(name: string): Model {
  const model = models.find((m) => m.name === name);
  if (!model) {
    throw new LensletError(
      'unknown',
      `There is no network "${name}"; there are ${models.map((m) => m.name).join(', ')}.`,
    );
  }
  return model;
}
