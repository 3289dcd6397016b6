// Compiles as/ into the three binaries of asconfig.json where they are older than it: node scripts/build-wasm.mjs
import { fail, isFresh, root, run } from './project.mjs';

const targets = ['simd', 'threads', 'relaxed'];
const compiler = 'node_modules/assemblyscript/package.json';

for (const target of targets) {
  if (isFresh([`build/wasm/${target}.wasm`], ['as', 'asconfig.json', compiler])) continue;
  const asc = `${root}node_modules/assemblyscript/bin/asc.js`;
  if (run(process.execPath, [asc, '--config', 'asconfig.json', '--target', target]) !== 0) {
    fail(`build/wasm/${target}.wasm could not be built.`);
  }
}
