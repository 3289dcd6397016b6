// Who is measured, and where the peers come from.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, root, run } from './project.mjs';

export const PEERS = `${root}build/bench-peers`;

/** Versions of record. playwright-core is for other harnesses that use the same folder. */
const packages = {
  '@jax-js/jax': '0.1.25',
  '@tensorflow/tfjs': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  '@tensorflow/tfjs-backend-webgpu': '4.22.0',
  'onnxruntime-web': '1.30.0',
  'playwright-core': '1.65.1',
};

/**
 * By name: options of the page's adapter. `threads` also says which peak it is compared to. tfjs takes half the
 * machine's cores for its threads and jax-js all of them, so they are told a number of cores. `kinds`: of the cases it
 * takes part in, all where absent; tfjs trains no convolutions on WASM without the gradient that the page adds.
 */
export const contestants = {
  ours: { adapter: 'ours', threads: 2 },
  'ours-1t': { adapter: 'ours', threads: 1 },
  'ours-simd-1t': { adapter: 'ours', threads: 1, binary: 'simd' },
  'ours-int8': { adapter: 'ours', threads: 2, int8: 1, kinds: ['infer'] },
  'ours-int8-1t': { adapter: 'ours', threads: 1, int8: 1, kinds: ['infer'] },
  tfjs: { adapter: 'tfjs', threads: 2, cores: 4, kinds: ['micro', 'infer'] },
  'tfjs+grad': { adapter: 'tfjs', threads: 2, cores: 4, training: 1, kinds: ['train'] },
  ort: { adapter: 'ort', threads: 2, kinds: ['micro', 'infer'] },
  jax: { adapter: 'jax', threads: 2, cores: 2 },
  'ours-gpu': { adapter: 'ours', backend: 'webgpu' },
  'tfjs-gpu': { adapter: 'tfjs', backend: 'webgpu' },
  'ort-gpu': { adapter: 'ort', backend: 'webgpu', kinds: ['micro', 'infer'] },
  'jax-gpu': { adapter: 'jax', backend: 'webgpu' },
};

const needs = {
  tfjs: '@tensorflow/tfjs-backend-wasm',
  'tfjs-gpu': '@tensorflow/tfjs-backend-webgpu',
  ort: 'onnxruntime-web',
  jax: '@jax-js/jax',
};

/** Installs the peers from npm into a folder of their own. */
export function installPeers(folder) {
  mkdirSync(folder, { recursive: true });
  const description = { name: 'bench-peers', private: true, type: 'module', dependencies: packages };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(description, null, 2));
  const status = run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts']);
  if (status !== 0) fail('The peers could not be installed: check the connection to the npm registry.');
}

const versionOf = (folder, name) => {
  const file = join(folder, 'node_modules', name, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null;
};

/** Versions of the peers that are installed, by package. */
export const installedPeers = (folder) =>
  Object.fromEntries(
    Object.values(needs)
      .map((name) => [name, versionOf(folder, name)])
      .filter(([, version]) => version),
  );

/** Names of the contestants that can be measured on a backend. */
export const availableContestants = (folder, backend) =>
  Object.keys(contestants).filter((name) => {
    const { adapter, backend: own = 'wasm' } = contestants[name];
    return own === backend && (adapter === 'ours' || versionOf(folder, needs[name] ?? needs[adapter]));
  });
