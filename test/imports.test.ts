/** Imports go one way; the library depends on no platform and on no package that users do not get. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { expect, test } from 'vitest';

/** From the bottom up: a file may import its own layer and those below, not a neighbour on the same step. */
const STEPS: readonly (readonly string[])[] = [
  ['as/protocol.ts', 'as/kinds.ts', 'as/args.ts', 'as/conv-args.ts', 'as/int8-args.ts'],
  ['src/core'],
  ['src/ir'],
  ['src/ops'],
  ['src/plan'],
  ['src/backend.ts'],
  ['src/reference', 'src/wasm', 'src/webgpu'],
  ['src/hybrid'],
  ['src/nn'],
  ['src/io'],
  ['src/data', 'src/vision'],
  ['src/session.ts'],
  ['src/train', 'src/quantize'],
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

const kernels = readdirSync('as')
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('as', name));

/** What a file imports, relative paths resolved from the project's folder; with `types`, types alone as well. */
function importsOf(file: string, types = true): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)\s(?:[^'";]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\('([^']+)'\)/g,
  );
  return [...found]
    .filter(([statement]) => types || !/^\s*(import|export) type\s/.test(statement))
    .map(([, named, called]) => named ?? called)
    .map((path) => (path.startsWith('.') ? normalize(join(dirname(file), path)) : path))
    .map((path) => (file.startsWith('as/') ? `${path}.ts` : path));
}

const isIn = (path: string, layer: string): boolean => path === layer || path.startsWith(`${layer}/`);
const layerOf = (path: string): string | undefined => STEPS.flat().find((layer) => isIn(path, layer));
const stepOf = (path: string): number => STEPS.findIndex((layers) => layers.some((l) => isIn(path, l)));
const isOwn = (path: string): boolean => /^(as|src|models|workers|pwa|cli|scripts|build)\//.test(path);

/** A file without comments and without what stands in quotes. */
const codeOf = (file: string): string =>
  readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, '');

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
  const packed = /^(as|src|models|cli)\/|^workers\/(browser|node|thread|work)\b/;
  const seen = new Set(entries);
  for (const file of seen) for (const to of importsOf(file)) if (isOwn(to)) seen.add(to);
  expect([...seen].filter((file) => !packed.test(file))).toEqual([]);
});

test('no files need each other in a circle; types may, as graphs and operators do', () => {
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    state.set(file, 'open');
    for (const to of importsOf(file, false)) if (known.has(to)) visit(to, [...path, file]);
    state.set(file, 'done');
  };
  const known = new Set([...files, ...kernels]);
  for (const file of known) visit(file, []);
  expect(circles).toEqual([]);
});

test('kernels import kernels only', () => {
  const wrong = kernels.flatMap((file) => importsOf(file).filter((to) => !kernels.includes(to)));
  expect(kernels).toContain('as/gemm.ts');
  expect(wrong).toEqual([]);
});

test('the library names nothing that only pages, workers or Node have', () => {
  // The compiler knows no document, window, process or Buffer there …
  const { compilerOptions } = JSON.parse(readFileSync('src/tsconfig.json', 'utf8'));
  expect(compilerOptions.lib).toEqual(['ES2023', 'WebWorker']);
  expect(readFileSync('tsconfig.base.json', 'utf8')).toContain('"types": []');
  // … but these of workers.
  const globals = /(?<![.\w#])(self|navigator|location|indexedDB|caches|importScripts|postMessage)\b\s*[.([]/;
  const wrong = files.filter((file) => /^(src|models)\//.test(file) && globals.test(codeOf(file)));
  expect(codeOf('workers/browser.ts')).toMatch(globals);
  expect(wrong).toEqual([]);
});
