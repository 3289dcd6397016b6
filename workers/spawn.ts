/**
 * The engine's worker, started as soon as this module runs. It imports nothing, so that the app's page can load it before
 * all its other scripts: the engine gets ready while they travel.
 */
export const engineWorker = new Worker(new URL('./engine.ts', import.meta.url), {
  type: 'module',
  name: 'engine',
});

/** Resolves when the worker itself dies (its script does not load, an error nobody caught): calls then never answer. */
export const engineDied = new Promise<string>((resolve) => {
  engineWorker.addEventListener('error', ({ message }) => resolve(message || 'The engine did not load.'));
});
