/** A thread of the WASM backend in the browser: a worker that gets its work through shared memory only. */
import { serveThread, type ThreadInit } from '../src/wasm/threads.ts';

addEventListener(
  'message',
  ({ data }: MessageEvent<ThreadInit>) => serveThread(data, () => postMessage('ready')),
  {
    once: true,
  },
);
