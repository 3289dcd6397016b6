import { check } from '../core/error.ts';
import { arrayTypes, sameShape, showType, sizeOf, type Tensor, type TensorType } from '../core/tensor.ts';

/**
 * Checks what is fed to a run.
 * @throws LensletError 'unknown' for a name that is missing or too much, 'shape' for a tensor of another type
 */
export function checkFeeds(
  inputs: ReadonlyMap<string, TensorType>,
  feeds: Readonly<Record<string, Tensor>>,
): void {
  for (const name of Object.keys(feeds)) {
    check(
      inputs.has(name),
      'unknown',
      () => `There is no input "${name}"; the inputs are ${[...inputs.keys()].join(', ') || 'none'}.`,
    );
  }
  for (const [name, type] of inputs) {
    const fed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    check(fed, 'unknown', () => `Input "${name}" ${showType(type)} is missing.`);
    check(
      fed.dtype === type.dtype && sameShape(fed.shape, type.shape),
      'shape',
      () => `Input "${name}" is ${showType(type)}; ${showType(fed)} was given.`,
    );
    checkData(`Input "${name}"`, fed);
  }
}

/** Checks that a tensor's data is what its type says. @throws LensletError 'shape' */
export function checkData(what: string, { dtype, shape, data }: Tensor): void {
  const Data = arrayTypes[dtype];
  check(
    data instanceof Data && data.length === sizeOf(shape),
    'shape',
    () =>
      `${what}: ${showType({ dtype, shape })} needs ${sizeOf(shape)} values in a ${Data.name}, ` +
      `but ${data?.length} in a ${data?.constructor.name} were given.`,
  );
}
