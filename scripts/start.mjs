// npm start [-- --port N] [--no-open]: installs what is missing, builds, serves the app and opens it.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ensureInstalled, fail, root, run } from './project.mjs';
import { serve } from './serve.mjs';

const FIRST_PORT = 8080;

function options() {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string' }, 'no-open': { type: 'boolean', default: false } },
    });
    const given = values.port ?? process.env.PORT;
    const port = given === undefined ? null : Number(given);
    if (port !== null && !(Number.isInteger(port) && port >= 0 && port < 65536)) {
      throw new Error(`--port must be a whole number from 0 to 65535, not ${given}.`);
    }
    return { port, open: !values['no-open'] && !process.env.CI };
  } catch (error) {
    return fail(`npm start: ${error.message}`);
  }
}

/** The port asked for; without one the first of ten that is free, so that the app keeps its storage. */
async function listen(port) {
  const ports = port === null ? [...Array.from({ length: 10 }, (_, i) => FIRST_PORT + i), 0] : [port];
  for (const p of ports) {
    try {
      return await serve(`${root}dist/app`, p);
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || p === ports.at(-1)) {
        fail(`Port ${p} cannot be used (${error.code}): give another one, as in "npm start -- --port 9000".`);
      }
    }
  }
}

function openBrowser(url) {
  const [command, ...args] = {
    darwin: ['open', url],
    win32: ['cmd', '/c', 'start', '', url],
  }[process.platform] ?? ['xdg-open', url];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  // Without a desktop there is nothing to open; the address is on the screen.
  child.on('error', () => {});
  child.unref();
}

const { port, open } = options();
ensureInstalled();
if (run('npm', ['run', '--silent', 'build']) !== 0) fail('The build failed; see above.');
const server = await listen(port);
const url = `http://localhost:${server.address().port}/`;
console.log(`\nLenslet runs at ${url}  (Ctrl-C stops it)`);
if (open) openBrowser(url);
