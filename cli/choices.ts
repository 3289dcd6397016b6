/** Where plans ran faster on this machine, kept in the user's cache folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Choice, HybridOptions } from '../src/hybrid/index.ts';

const folder = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lenslet');

/** A cache that cannot be read or written costs a measurement, nothing else. */
export function openChoices(): NonNullable<HybridOptions['memory']> {
  const file = join(folder(), 'choices.json');
  const known = readChoices(file);
  return {
    get: (key) => known[key],
    set(key, choice) {
      known[key] = choice;
      try {
        mkdirSync(folder(), { recursive: true });
        writeFileSync(file, `${JSON.stringify(known, null, 1)}\n`);
      } catch {
        // Measured again next time.
      }
    },
  };
}

function readChoices(file: string): Record<string, Choice> {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Choice>;
    return Object.fromEntries(
      Object.entries(found).filter(([, c]) => c?.side === 'wasm' || c?.side === 'webgpu'),
    );
  } catch {
    return {};
  }
}
