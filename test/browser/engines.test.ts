/**
 * Inference and training in real Chromium, Firefox and WebKit, each with what it has, against the same code in Node.
 * With `LENSLET_DEVICES=FILE` the table of what was found and measured is written there.
 */
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBackend } from '../../workers/node.ts';
import { type Engine, engines } from './engines/drivers.ts';
import { type Probe, probe } from './engines/probe.ts';

type Found = Probe & { readonly webgpu: boolean };

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}build/test-engines`;
const types: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm' };
const rows: string[] = [];
let expected: Probe;
let isolated: Server;
let plain: Server;

/** What each engine must use; an engine that falls back to less than this has lost something. */
const BINARIES = {
  isolated: { Chromium: 'relaxed', Firefox: 'relaxed', WebKit: 'simd' },
  plain: { Chromium: 'simd', Firefox: 'simd', WebKit: 'simd' },
} as const;

beforeAll(async () => {
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'warn',
    publicDir: false,
    worker: { format: 'es' },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      assetsInlineLimit: 0,
      rolldownOptions: {
        input: { page: `${root}test/browser/engines/page.ts` },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  const backend = await createBackend({ threads: 1 });
  expected = await probe(backend);
  backend.dispose();
  [isolated, plain] = await Promise.all([serve(true), serve(false)]);
});

afterAll(() => {
  isolated?.close();
  plain?.close();
  const file = process.env.LENSLET_DEVICES;
  if (file) writeFileSync(file, table());
});

async function serve(headers: boolean): Promise<Server> {
  const server = createServer(async ({ url = '/' }, response) => {
    if (headers) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    response.setHeader('Content-Type', types[url.split('.').at(-1) ?? ''] ?? 'text/html');
    const page = '<!doctype html><body>…<script type="module" src="/page.js"></script>';
    response.end(url === '/' ? page : await readFile(folder + url).catch(() => ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function ask(engine: Engine, server: Server): Promise<{ found: Found; agent: string }> {
  const page = await engine.open();
  try {
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    for (let waited = 0; ; waited += 0.2) {
      const text = await page.evaluate<string>('document.body.textContent');
      if (text.startsWith('{')) {
        const found = JSON.parse(text);
        if (found.error) throw new Error(found.error);
        return { found: found.value ?? found, agent: await page.evaluate<string>('navigator.userAgent') };
      }
      if (waited > 100) throw new Error(`${engine.name} did not answer.`);
      await delay(200);
    }
  } finally {
    await page.close();
  }
}

const close = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((v, i) => Math.abs(v - (b[i] as number)))) / Math.max(...b.map(Math.abs));

describe.each(engines)('$name', (engine) => {
  for (const kind of ['isolated', 'plain'] as const) {
    it.skipIf(!engine.path)(
      `infers and trains on a page ${kind === 'plain' ? 'without isolation' : 'with isolation'}`,
      async () => {
        const { found, agent } = await ask(engine, kind === 'isolated' ? isolated : plain);
        expect(found.binary).toBe(BINARIES[kind][engine.name]);
        expect(found.scores).toHaveLength(40);
        expect(close(found.scores, expected.scores)).toBeLessThan(1e-5);
        expect(close(found.losses, expected.losses)).toBeLessThan(1e-3);
        rows.push(row(engine.name, agent, kind, found));
      },
    );
  }
});

function row(name: string, agent: string, kind: string, f: Found): string {
  const version = (/(?:Chrome|Firefox)\/([\d.]+)/.exec(agent) ?? /AppleWebKit\/([\d.]+)/.exec(agent))?.[1];
  const cells = [
    `${name} ${version}`,
    kind === 'isolated' ? 'yes' : 'no',
    f.webgpu ? 'yes' : 'no',
    `${f.binary}, ${f.threads} thread${f.threads > 1 ? 's' : ''}`,
    f.latency.toFixed(3),
    f.imagesPerSecond.toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

const table = (): string => `# Engines

Written by \`npm run devices\`: real browsers on one machine, the probe of \`test/browser/engines\` in a worker. Times are medians, of use for comparing the rows with each other.

| engine | isolated | WebGPU object | backend chosen | LeNet-5, one image, ms | ResNet-20 training, images/s |
|---|---|---|---|---:|---:|
${rows.join('\n')}
`;
