import { render } from 'preact';
import { App } from './app.tsx';
import { startEngine } from './engine.ts';
import { percent } from './i18n/index.ts';
import { registerServiceWorker } from './register.ts';
import { findResumable } from './train/status.ts';
import { inTurn } from './ui/slices.ts';
import './styles/base.css';
import './styles/controls.css';
import './styles/shared.css';
import './styles/digit.css';

/** After the first paint and the first digit. */
const LATER_MS = 1500;
/** The engine is no longer waited for. */
const PATIENCE_MS = 5000;

// A picture dropped beside the drop zones must not replace the app.
for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault());

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const started = startEngine();
// In a task of its own: the engine's worker cannot start while the page is drawn.
void wait(0).then(() => {
  render(<App />, document.getElementById('app')!);
  // The first format of numbers takes a browser long to make; the first answer needs one.
  inTurn(() => void percent(1));
});
void started.then(async () => {
  await wait(LATER_MS);
  // Told on the train page, too; nothing to say where it fails.
  await findResumable().catch(() => {});
});
// What it stores for later would hold up what the engine loads now.
void Promise.race([started, wait(PATIENCE_MS)]).then(registerServiceWorker);
