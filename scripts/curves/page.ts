/** What scripts/curves.mjs calls in Chromium. */
import { createBackend, createWebgpuBackend } from '../../workers/browser.ts';
import { trainSteps } from './steps.ts';

async function curve(on: 'wasm' | 'webgpu', url: string, steps: number, lr: number) {
  const file = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const backend = on === 'wasm' ? await createBackend({ threads: 2 }) : await createWebgpuBackend();
  try {
    return await trainSteps(backend, file, steps, lr);
  } finally {
    backend.dispose();
  }
}

Object.assign(globalThis, { curve });
