/** What the browser tests share: the built app behind a small server, Chromium, and a hand that draws. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { onTestFailed } from 'vitest';
import { samples } from '../../pwa/digit/samples.ts';

/** The folder of the built app; `LENSLET_APP` names another one. */
export const FOLDER = process.env.LENSLET_APP ?? fileURLToPath(new URL('../../dist/app', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

export interface Site {
  readonly url: string;
  /** Answers no request for a file until the function returned is called. */
  hold(name: string): () => void;
  /** Files that are not there. */
  readonly missing: Set<RegExp>;
  /** Serves another build from now on: the page says which in a meta element, the service worker knows the page's revision. */
  update(): void;
  close(): Promise<void>;
}

/** Serves the built app under /some/base/, with or without the headers that isolate it. */
export async function serveApp(isolated: boolean): Promise<Site> {
  if (!existsSync(join(FOLDER, 'index.html'))) {
    throw new Error(`No built app in ${FOLDER}: run "node scripts/build-app.mjs" first.`);
  }
  const base = '/some/base/';
  const held = new Map<string, Promise<void>>();
  const missing = new Set<RegExp>();
  let version = 0;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const file = normalize(join(FOLDER, name.slice(base.length)));
    try {
      if (!name.startsWith(base) || !file.startsWith(FOLDER)) throw new Error('outside');
      if ([...missing].some((pattern) => pattern.test(file))) throw new Error('missing');
      await held.get(basename(file));
      const content = await readFile(file);
      const body = version === 0 ? content : laterBuild(file, content, version);
      response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
      response.setHeader('Cache-Control', 'no-cache');
      if (isolated) {
        response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
        response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      }
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}${base}`,
    hold: (name) => {
      let release = () => {};
      held.set(
        name,
        new Promise((resolve) => {
          release = resolve;
        }),
      );
      return () => {
        held.delete(name);
        release();
      };
    },
    missing,
    update: () => {
      version++;
    },
    close: () => closeServer(server),
  };
}

function laterBuild(file: string, content: Buffer, version: number): string | Buffer {
  if (file.endsWith('/sw.js')) {
    return String(content).replace(/"revision":"\w+","url":"index.html"/, (entry) =>
      entry.replace(/"\w{32}"/, `"${version}"`),
    );
  }
  if (!file.endsWith('/index.html')) return content;
  return String(content).replace('</head>', `<meta name="build" content="${version}"></head>`);
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

export const EXECUTABLE = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path && existsSync(path),
);

/** Chromium named by `CHROMIUM_PATH`, else the system's, else Playwright's own. */
export function launch(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({
    ...(EXECUTABLE ? { executablePath: EXECUTABLE } : {}),
    args: ['--no-sandbox', ...args],
  });
}

export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/** Errors the page printed or threw; a test ends with this list empty. */
export function problemsOf(page: Page): string[] {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return problems;
}

/** Opens a page of the app in a new context and waits for the engine. */
export async function openApp(
  browser: Browser,
  site: Site,
  options: BrowserContextOptions & { readonly path?: string; readonly serviceWorker?: boolean } = {},
): Promise<Page> {
  const { path = '#/digit', serviceWorker = false, ...context } = options;
  const page = await (
    await browser.newContext({
      locale: 'en-GB',
      serviceWorkers: serviceWorker ? 'allow' : 'block',
      ...context,
    })
  ).newPage();
  return visit(page, site, path);
}

/** A busy machine may need most of it; what never comes fails all the same. */
const PATIENCE_MS = 90_000;

/** Opens a page of the app and waits for it and the engine. A test that fails tells what the page showed. */
export async function visit(page: Page, site: Site, path: string): Promise<Page> {
  page.setDefaultTimeout(PATIENCE_MS);
  const problems = problemsOf(page);
  onTestFailed(async ({ task }) => {
    if (page.isClosed()) return;
    const shown = await shownBy(page).catch(String);
    for (const error of task.result?.errors ?? []) {
      error.message += `\nThe page showed ${shown}. Errors: ${problems.join('; ') || 'none'}`;
    }
    // Or it would work on while the other tests run.
    await page.context().close();
  });
  await page.goto(site.url + path);
  await page.locator('main h1').first().waitFor({ state: 'attached' });
  if (/digit|train/.test(path)) await page.locator('select').first().waitFor();
  return page;
}

/** Address, title, status and alerts of a page in words. */
const shownBy = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const texts = [...document.querySelectorAll('[role=status], [role=alert], [data-testid=steps]')]
      .map((e) => e.textContent?.trim())
      .filter(Boolean);
    return `${location.hash} “${document.title}”, ${document.visibilityState}: ${texts.join(' | ')}`;
  });

/** Draws a digit on the pad with the mouse. */
export async function drawDigit(page: Page, digit: number): Promise<void> {
  const box = await page.locator('.pad canvas').boundingBox();
  if (!box) throw new Error('The pad is not on the page.');
  for (const stroke of samples[digit]!) {
    const [first, ...rest] = stroke.map((p) => [box.x + p.x * box.width, box.y + p.y * box.height] as const);
    await page.mouse.move(first![0], first![1]);
    await page.mouse.down();
    for (const [x, y] of rest) await page.mouse.move(x, y);
    await page.mouse.up();
  }
}

/** Waits until the app shows `digit` as its answer. */
export async function expectAnswer(page: Page, digit: number): Promise<void> {
  await page.locator(`[data-testid=answer]:text-is("${digit}")`).waitFor();
}
