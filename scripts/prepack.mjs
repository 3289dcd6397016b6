// Before npm packs: a library without leftovers of files that no longer exist.
import { rmSync } from 'node:fs';
import { ensureInstalled, fail, root, run } from './project.mjs';

ensureInstalled();
for (const folder of ['as', 'src', 'models', 'workers', 'cli']) {
  rmSync(`${root}dist/${folder}`, { recursive: true, force: true });
}
for (const script of ['build:wasm', 'build:lib']) {
  if (run('npm', ['run', '--silent', script]) !== 0) fail(`${script} failed; nothing was packed.`);
}
