/** `measure(steps)`: images a second of the bare engine in a worker. */
const measure = (steps: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./bare.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(steps);
  });

Object.assign(window, { measure });
