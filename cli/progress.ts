/** A line on stderr that tells how far the work is; nothing where stderr is no terminal. */

const WIDTH = 28;
const INTERVAL_MS = 100;

export class ProgressBar {
  #drawn = 0;
  #visible = false;
  readonly #terminal = process.stderr.isTTY === true;

  /** @param share 0 … 1 */
  update(label: string, share: number, detail: string): void {
    const now = performance.now();
    if (!this.#terminal || (now - this.#drawn < INTERVAL_MS && share < 1)) return;
    this.#drawn = now;
    this.#visible = true;
    const full = Math.round(WIDTH * Math.min(1, Math.max(0, share)));
    const line = `${label} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${detail}`;
    process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (this.#visible) process.stderr.write('\r\x1b[2K');
    this.#visible = false;
  }

  /** A line that stays. */
  say(line: string): void {
    this.clear();
    process.stderr.write(`${line}\n`);
  }
}

/** 75 → "1 min 15 s". */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600
    ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
