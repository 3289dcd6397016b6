/** The one error class of the library; `code` says what kind of thing went wrong, the message what to do. */
export type ErrorCode =
  /** Shapes, dtypes or attributes that do not fit an operator. */
  | 'shape'
  /** A file that is truncated, damaged or of another format. */
  | 'format'
  /** A value that cannot be used: NaN in the data, a label out of range, an impossible option. */
  | 'value'
  /** A name that does not exist. */
  | 'unknown'
  /** Not enough memory for the plan. */
  | 'memory'
  /** A kernel trapped; the run's results are lost, the backend stays usable. */
  | 'kernel'
  /** The GPU was lost or gave no answer: what was in its memory is gone, its backend unusable. */
  | 'device'
  /** Stopped because the caller asked for it. */
  | 'aborted'
  /** The platform lacks something that is needed. */
  | 'unsupported';

export class LensletError extends Error {
  override readonly name = 'LensletError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Throws `LensletError(code, message())` unless `condition` holds. */
export function check(condition: unknown, code: ErrorCode, message: () => string): asserts condition {
  if (!condition) throw new LensletError(code, message());
}
