/** JSON.parse keeps the last of two equal keys in silence; formats that forbid them need this check. */
import { check } from '../core/error.ts';

/** Index after the string whose opening quote is at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    const c = text[i];
    if (c === '"') return i + 1;
    if (c === '\\') i++;
  }
}

/**
 * Checks that no object in `text`, which must be valid JSON, has the same key twice.
 * @throws LensletError `format`
 */
export function checkUniqueKeys(text: string, where: string): void {
  const objects: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') objects.push(new Set());
    else if (c === '}') objects.pop();
    else if (c === '"') {
      const start = i;
      const end = endOfString(text, start);
      let next = end;
      while (/\s/.test(text[next] ?? '')) next++;
      i = end - 1;
      if (text[next] !== ':') continue;
      const key: string = JSON.parse(text.slice(start, end));
      const keys = objects.at(-1) as Set<string>;
      check(!keys.has(key), 'format', () => `${where}: the key ${JSON.stringify(key)} is there twice.`);
      keys.add(key);
    }
  }
}
