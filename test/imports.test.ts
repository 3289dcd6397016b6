/** Imports go one way; the library depends on no platform and on no package that users do not get. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { expect, test } from 'vitest';

/** From the bottom up: a file may import its own layer and those below, not a neighbour on the same step. */
const STEPS: readonly (readonly string[])[] = [
  ['as/protocol.ts'],
  ['src/core'],
  ['src/ir'],
  ['src/ops'],
  ['src/plan'],
  ['src/backend.ts'],
  ['src/reference', 'src/wasm'],
  ['src/nn'],
  ['src/io'],
  ['src/data', 'src/vision'],
  ['src/session.ts'],
  ['src/train'],
  ['src/index.ts'],
  ['models'],
  ['workers'],
  ['pwa', 'cli', 'scripts'],
];

const files = ['src', 'models', 'workers', 'pwa', 'cli', 'scripts'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name.replaceAll('\\', '/')))
    .filter((path) => /\.tsx?$/.test(path)),
);

/** What a file imports, relative paths resolved from the project's folder. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/g,
  );
  return [...found]
    .map(([, named, called]) => named ?? called)
    .map((path) => (path.startsWith('.') ? normalize(join(dirname(file), path)) : path));
}

const isIn = (path: string, layer: string): boolean => path === layer || path.startsWith(`${layer}/`);
const layerOf = (path: string): string | undefined => STEPS.flat().find((layer) => isIn(path, layer));
const stepOf = (path: string): number => STEPS.findIndex((layers) => layers.some((l) => isIn(path, l)));
const isOwn = (path: string): boolean => /^(as|src|models|workers|pwa|cli|scripts|build)\//.test(path);

test('every source file has its layer', () => {
  expect(files.length).toBeGreaterThan(80);
  expect(files.filter((file) => !layerOf(file))).toEqual([]);
});

test('imports go from upper layers to lower ones only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter(isOwn)
      .filter((to) => layerOf(to) !== layerOf(file) && !(stepOf(to) >= 0 && stepOf(to) < stepOf(file)))
      .map((to) => `${file} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test('the library depends on no platform, and on nothing that is not installed with it', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const shipped = files.filter(
    (f) => /^(src|models|cli)\//.test(f) || /^workers\/(browser|node|thread)/.test(f),
  );
  const installed = Object.keys({ ...dependencies, ...optionalDependencies });
  const wrong = shipped.flatMap((file) =>
    importsOf(file)
      .filter((to) => !isOwn(to))
      .filter((to) =>
        to.startsWith('node:') ? /^(src|models)\//.test(file) : !installed.some((d) => isIn(to, d)),
      )
      .map((to) => `${file} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test('the entry points of the package need only what is in it', () => {
  const entries = ['src/index.ts', 'models/index.ts', 'workers/node.ts', 'workers/browser.ts', 'cli/main.ts'];
  const packed = /^(as|src|models|cli)\/|^workers\/(browser|node|thread)\b/;
  const seen = new Set(entries);
  for (const file of seen) for (const to of importsOf(file)) if (isOwn(to)) seen.add(to);
  expect([...seen].filter((file) => !packed.test(file))).toEqual([]);
});
