/** In the place of workers/spawn.ts when the page is built with `--mode fake`. */
import { type Remote, wrap } from 'comlink';
import type { Engine } from '../../../workers/api.ts';

export function connectEngine(onFailure: (message: string) => void): Remote<Engine> {
  const worker = new Worker(new URL('./engine.ts', import.meta.url), { type: 'module', name: 'engine' });
  worker.addEventListener('error', (event) => onFailure(event.message || 'The engine did not load.'));
  return wrap<Engine>(worker);
}
