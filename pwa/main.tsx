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

// A picture dropped beside the drop zones must not replace the app.
for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault());

render(<App />, document.getElementById('app')!);
// The first format of numbers takes a browser long to make; the first answer needs one.
inTurn(() => void percent(1));
void startEngine().then(() => {
  // Told on the train page, too; nothing to say where it fails.
  setTimeout(() => void findResumable().catch(() => {}), LATER_MS);
});
void registerServiceWorker();
