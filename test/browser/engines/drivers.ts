/** The engines that Playwright has no patched build for: the system's Firefox and WebKit, as their users have them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright';
import puppeteer from 'puppeteer-core';

export interface EnginePage {
  goto(url: string): Promise<void>;
  /** The value of an expression in the page, which JSON can hold. */
  evaluate<T>(expression: string): Promise<T>;
  close(): Promise<void>;
}

export interface Engine {
  readonly name: 'Chromium' | 'Firefox' | 'WebKit';
  /** The program, or null where it is not installed. */
  readonly path: string | null;
  open(): Promise<EnginePage>;
}

const firstOf = (...paths: readonly (string | undefined)[]): string | null =>
  paths.find((path) => path && existsSync(path)) ?? null;

const chromiumPath = firstOf(process.env.CHROMIUM_PATH, '/usr/bin/chromium', chromium.executablePath());
const firefoxPath = firstOf(process.env.FIREFOX_PATH, '/usr/bin/firefox-esr', '/usr/bin/firefox');
const webkitPath = firstOf(process.env.WEBKIT_DRIVER_PATH, '/usr/bin/WebKitWebDriver');

export const engines: readonly Engine[] = [
  { name: 'Chromium', path: chromiumPath, open: openChromium },
  { name: 'Firefox', path: firefoxPath, open: openFirefox },
  { name: 'WebKit', path: webkitPath, open: openWebKit },
];

async function openChromium(): Promise<EnginePage> {
  const browser = await chromium.launch({
    executablePath: chromiumPath ?? undefined,
    args: ['--no-sandbox'],
  });
  const page = await browser.newPage();
  return {
    goto: async (url) => void (await page.goto(url)),
    evaluate: (expression) => page.evaluate(expression),
    close: () => browser.close(),
  };
}

/** Over WebDriver BiDi. */
async function openFirefox(): Promise<EnginePage> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: firefoxPath ?? '',
    headless: true,
  });
  const page = await browser.newPage();
  return {
    goto: async (url) => void (await page.goto(url)),
    evaluate: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
    close: () => browser.close(),
  };
}

/** WebKitGTK's MiniBrowser over WebDriver (W3C), under a display of its own where there is none. */
async function openWebKit(): Promise<EnginePage> {
  const port = await freePort();
  const command = [webkitPath ?? '', `--port=${port}`];
  const display = process.env.DISPLAY ? [] : ['xvfb-run', '--auto-servernum'];
  const [program, ...args] = [...display, ...command];
  // WebKitGTK takes the language from the locale and, of "C.UTF-8", makes one that Intl refuses.
  const env = { ...process.env, LC_ALL: 'C' };
  const driver = spawn(program as string, args, { stdio: 'ignore', detached: true, env });
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body && JSON.stringify(body),
    });
    const { value } = (await reply.json()) as { value: T & { message?: string } };
    if (!reply.ok) throw new Error(`WebKit: ${value.message}`);
    return value;
  };
  await untilReady(() => call('GET', '/status'));
  const browser = { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': { args: ['--automation'] } };
  const { sessionId } = await call<{ sessionId: string }>('POST', '/session', {
    capabilities: { alwaysMatch: browser },
  });
  const session = `/session/${sessionId}`;
  return {
    goto: (url) => call('POST', `${session}/url`, { url }),
    evaluate: (expression) =>
      call('POST', `${session}/execute/sync`, { script: `return ${expression}`, args: [] }),
    async close() {
      await call('DELETE', session).catch(() => undefined);
      stop(driver);
    },
  };
}

async function untilReady(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await delay(100);
    }
  }
}

/** The driver and the display it was started under. */
function stop({ pid }: ChildProcess): void {
  if (pid) process.kill(-pid, 'SIGTERM');
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
