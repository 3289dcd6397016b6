/** A thread of the WASM backend in Node (worker_threads). */
import { parentPort, workerData } from 'node:worker_threads';
import { serveThread, type ThreadInit } from '../src/wasm/threads.ts';

serveThread(workerData as ThreadInit, () => parentPort?.postMessage('ready'));
