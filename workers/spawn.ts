/** Starts the engine's worker from the page. */
import { type Remote, wrap } from 'comlink';
import type { Engine } from './api.ts';

/**
 * @param onFailure told when the worker itself dies (its script does not load, an error nobody caught);
 *   calls that were under way then never answer
 */
export function connectEngine(onFailure: (message: string) => void): Remote<Engine> {
  const worker = new Worker(new URL('./engine.ts', import.meta.url), { type: 'module', name: 'engine' });
  worker.addEventListener('error', (event) => onFailure(event.message || 'The engine did not load.'));
  return wrap<Engine>(worker);
}
