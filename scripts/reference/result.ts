/** What checking one case gives. */
export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  /** What was measured, or what went wrong. */
  readonly detail: string;
}

/** Largest errors by what they are of; a case passes when none is above its tolerance. */
export class Errors {
  readonly #entries = new Map<string, { error: number; tolerance: number; where: string }>();

  /** @param error relative to what `tolerance` is relative to; NaN fails */
  add(what: string, error: number, tolerance: number, where: string): void {
    const worst = this.#entries.get(what);
    if (!worst || !(error / tolerance <= worst.error / worst.tolerance)) {
      this.#entries.set(what, { error, tolerance, where });
    }
  }

  /** Exact matches (tolerance 0) are not worth a word. */
  result(name: string): CaseResult {
    const entries = [...this.#entries];
    const parts = entries.flatMap(([what, { error, tolerance, where }]) => {
      if (error <= tolerance) return tolerance > 0 ? [`${what} ${error.toExponential(1)}`] : [];
      return [`${what} ${error.toExponential(1)} > ${tolerance} (${where})`];
    });
    const passed = entries.every(([, { error, tolerance }]) => error <= tolerance);
    return { name, passed, detail: parts.join(', ') };
  }
}

/** Runs a case; an exception is a failure. */
export async function attempt(name: string, run: () => Promise<CaseResult>): Promise<CaseResult> {
  try {
    return await run();
  } catch (error) {
    return { name, passed: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
