import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { verify } from '../../cli/commands/verify.ts';

const folder = join(process.env.LENSLET_DATA ?? '../shared/data', '..', 'reference', 'onnx-node');

/** What is left out, with the reason that the user is told. */
const refused: Readonly<Record<string, RegExp>> = {
  test_identity_opt: /not a tensor \(a sequence, a map or an optional value\)/,
};

for (const backend of ['wasm', 'reference'] as const) {
  it.runIf(existsSync(folder))(`ONNX's own test cases on ${backend}`, async () => {
    const failures: string[] = [];
    const print = (line: string) => line.startsWith('FAIL') && failures.push(line);
    const { passed, failed } = await verify([folder], {
      backend,
      threads: 2,
      print: (line) => void print(line),
    });
    const surprises = failures.filter((line) => {
      const name = /^FAIL {2}([\w]+)/.exec(line)?.[1] ?? '';
      return !refused[name]?.test(line);
    });
    expect(surprises).toEqual([]);
    expect(failed).toBe(Object.keys(refused).length);
    expect(passed).toBe(readdirSync(folder).length - failed);
  });
}
