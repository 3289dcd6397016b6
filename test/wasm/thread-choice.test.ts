import { expect, test } from 'vitest';
import { ThreadChoice } from '../../src/wasm/thread-choice.ts';

/** Numbers of threads of runs in a row that take `ms(threads, run)`. */
function runs(choice: ThreadChoice, count: number, ms: (threads: number, run: number) => number): number[] {
  return Array.from({ length: count }, (_, run) => {
    const { threads } = choice;
    choice.took(ms(threads, run));
    return threads;
  });
}

const alone = (threads: readonly number[]): number => threads.filter((n) => n === 1).length;

test('the faster number of threads is found and kept', () => {
  for (const [all, one, wanted] of [
    [0.1, 0.19, 4],
    [0.1, 0.09, 1],
  ]) {
    const tried = runs(new ThreadChoice(4), 96, (n) => (n === 4 ? all : one));
    expect(alone(tried.slice(0, 48))).toBe(24);
    expect(new Set(tried.slice(48))).toEqual(new Set([wanted]));
  }
});

test('cold runs at the beginning of a block and a disturbed block do not count', () => {
  const slow = (run: number) => (run % 8 < 2 ? 4 : run < 8 ? 3 : 0);
  const tried = runs(new ThreadChoice(2), 96, (n, run) => 0.2 / n + slow(run) * (n === 2 ? 1 : 0));
  expect(new Set(tried.slice(48))).toEqual(new Set([2]));
});

test('long programs are never run with one thread', () => {
  expect(alone(runs(new ThreadChoice(2), 10_000, () => 20))).toBe(0);
});

test('what was best is asked again, ever more rarely, but not too rarely where one thread was', () => {
  const choice = new ThreadChoice(2);
  const busy = runs(choice, 10_000, (n) => 1 / n + (n === 2 ? 1 : 0));
  expect(busy.length - alone(busy)).toBeLessThan(1000);
  const free = runs(choice, 40_000, (n) => 1 / n);
  expect(alone(free.slice(0, 432))).toBeLessThan(432);
  expect(alone(free.slice(432))).toBeLessThan(100);
});

test('a wrong answer at the beginning, while code is compiled, is soon put right', () => {
  const tried = runs(new ThreadChoice(2), 2000, (n, run) => 1 / n + (run < 60 && n === 2 ? 1 : 0));
  expect(new Set(tried.slice(48, 96))).toEqual(new Set([1]));
  expect(alone(tried.slice(144))).toBe(48);
});
