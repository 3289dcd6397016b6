/** Runs the probe where the app runs its engine: in a worker. */
import { createBackend } from '../../../workers/browser.ts';
import { probe } from './probe.ts';

const answer = async () => {
  const backend = await createBackend({ memoryBytes: 2 ** 28 });
  return { ...(await probe(backend)), webgpu: 'gpu' in navigator };
};

answer().then(
  (value) => postMessage({ value }),
  (error) => postMessage({ error: String(error) }),
);
