import { render } from 'preact';
import { App } from './app.tsx';
import { startEngine } from './engine.ts';
import { registerServiceWorker } from './register.ts';
import './styles/base.css';
import './styles/controls.css';
import './styles/shared.css';
import './styles/digit.css';

// A picture dropped beside the drop zones must not replace the app.
for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault());

render(<App />, document.getElementById('app')!);
void startEngine();
void registerServiceWorker();
