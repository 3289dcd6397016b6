/** The probe's page: what came out stands in `window.probed` and, as text, in the page. */
const worker = new Worker(new URL('./probe.worker.ts', import.meta.url), { type: 'module' });
const done = (result: unknown): void => {
  document.body.textContent = JSON.stringify(result);
};
worker.onmessage = ({ data }) => done(data);
worker.onerror = ({ message }) => done({ error: message || 'the worker did not load' });
