// Vite plugin: puts the values of the enums in as/ where they are used, as the compiler of the kernels does. A bundler would
// ship every enum as an object with all names, both ways.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const IMPORT = /^import \{[^}]*\} from '([^']*\/as\/[a-z-]+\.ts)';$/gm;
const ENUM = /^export const enum (\w+) \{\n([\s\S]*?)^\}/gm;
const MEMBER = /^\s*(\w+) = (-?\d+),?$/gm;

/** "Enum.MEMBER" → value, of a file in which every member has a literal one. */
function valuesOf(file) {
  const values = new Map();
  for (const [, name, body] of readFileSync(file, 'utf8').matchAll(ENUM)) {
    for (const [, member, value] of body.matchAll(MEMBER)) values.set(`${name}.${member}`, value);
  }
  return values;
}

export function constEnums() {
  const files = new Map();
  return {
    name: 'const-enums',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null;
      const values = new Map();
      for (const [, from] of code.matchAll(IMPORT)) {
        const file = resolve(dirname(id), from);
        if (!files.has(file)) files.set(file, valuesOf(file));
        for (const [name, value] of files.get(file)) values.set(name, value);
      }
      if (!values.size) return null;
      return { code: code.replace(/\b\w+\.\w+\b/g, (name) => values.get(name) ?? name), map: null };
    },
  };
}
