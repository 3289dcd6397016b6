// What the scripts share. Only Node's own modules: dependencies may not be installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Ends the script with one line that says what to do. */
export function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** Runs a command in the project's folder, its output passed through; returns its exit status. */
export function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    // npm and npx are .cmd files there.
    shell: process.platform === 'win32' && command !== process.execPath,
  });
  if (error) fail(`${command} cannot be started: ${error.message}`);
  return status ?? 1;
}

/** Whether node_modules holds what package-lock.json asks for; optional packages differ between machines. */
function isInstalled() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const { packages: have } = JSON.parse(readFileSync(installed, 'utf8'));
  const { packages: want } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(want).every(
    ([path, p]) => !path || p.optional || p.devOptional || have[path]?.version === p.version,
  );
}

/**
 * Installs the locked dependencies where they are missing or of other versions. Not with "npm ci": that refuses a
 * lock file without the packages of every platform, and npm locks only those that it has seen.
 */
export function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(`Node 20 or newer is needed, this is ${process.version}.`);
  }
  if (isInstalled()) return;
  console.log('Installing the dependencies …');
  if (run('npm', ['install', '--no-save']) !== 0) {
    fail('The dependencies could not be installed: check the connection to the npm registry and try again.');
  }
}

/** Whether all outputs are newer than all files in the inputs (files and folders). */
export function isFresh(outputs, inputs) {
  const time = (path) => statSync(join(root, path)).mtimeMs;
  const files = inputs.flatMap((path) =>
    statSync(join(root, path)).isDirectory()
      ? readdirSync(join(root, path)).map((name) => `${path}/${name}`)
      : [path],
  );
  if (!outputs.every((path) => existsSync(join(root, path)))) return false;
  return Math.min(...outputs.map(time)) >= Math.max(...files.map(time));
}
