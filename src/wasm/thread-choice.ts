/** Longer runs are not tried with one thread: what waiting for one another costs is short of a millisecond. */
const SHORT_MS = 5;
/** Runs in a row with one number of threads; the first ones find caches and threads as the other number left them. */
const BLOCK = 8;
const SETTLING = 2;
/** Runs of a trial: three blocks with all threads, three with one, in turns. */
const TRIAL = 6 * BLOCK;
/**
 * Runs from the beginning of a trial to the next one: few after the first, as code is still being compiled on a core
 * that the other thread needs; twice as many each time that one thread was faster, until there are OFTEN; this many
 * times as many each time that all were: other programs, which take cores away, come and go.
 */
const FIRST = 2 * TRIAL;
const OFTEN = 8 * TRIAL;
const LONGER = 8;

/**
 * Finds out whether a program is faster with all threads or with one, from the times of its own runs; the results are
 * the same bits. The fastest block of a trial counts.
 */
export class ThreadChoice {
  #chosen: number;
  /** Runs since the trial began, and after how many the next one begins. */
  #runs = 0;
  #next = FIRST;
  #sum = 0;
  /** Fastest block with all threads and with one, in milliseconds. */
  #best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];

  constructor(private readonly all: number) {
    this.#chosen = all;
  }

  /** Threads of the next run. */
  get threads(): number {
    if (this.#runs >= TRIAL) return this.#chosen;
    return Math.floor(this.#runs / BLOCK) % 2 ? 1 : this.all;
  }

  /** A run with `threads` threads has taken this long. */
  took(ms: number): void {
    if (this.#runs < TRIAL) this.#try(ms, this.#runs % BLOCK, Math.floor(this.#runs / BLOCK) % 2);
    if (++this.#runs < this.#next) return;
    this.#runs = 0;
    this.#next = this.#chosen === 1 ? Math.min(2 * this.#next, OFTEN) : this.#next * LONGER;
    this.#best.fill(Number.POSITIVE_INFINITY);
  }

  #try(ms: number, position: number, alone: number): void {
    if (position === SETTLING) this.#sum = 0;
    this.#sum += ms;
    if (position === BLOCK - 1) this.#best[alone] = Math.min(this.#best[alone], this.#sum);
    if (position >= SETTLING && ms > SHORT_MS) {
      this.#chosen = this.all;
      this.#runs = TRIAL;
    } else if (this.#runs === TRIAL - 1) this.#chosen = this.#best[1] < this.#best[0] ? 1 : this.all;
  }
}
