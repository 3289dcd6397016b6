// Builds the app: page and workers, what the page loads early, then the service worker with the list of all it stores.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { injectManifest } from 'workbox-build';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = `${root}dist/app`;

/** Far above what one file of the app weighs; Workbox leaves larger files out without an error. */
const LARGEST_FILE = 64 * 2 ** 20;

/** For whoever offers the app to be installed; not part of it. */
const SCREENSHOTS = 'screenshots/';

await build({ configFile: `${root}vite.config.ts`, mode: 'production' });

/** The scripts that a script needs before it runs, itself among them. */
async function scriptsOf(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  const text = await readFile(`${outDir}/assets/${name}`, 'utf8');
  for (const [, other] of text.matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g)) await scriptsOf(other, found);
  return found;
}

/**
 * The engine's worker is started before the page's own scripts are there, and what it will ask for to recognise the first
 * digit travels while they do, behind them.
 */
async function loadEngineEarly() {
  const assets = await readdir(`${outDir}/assets`);
  const one = (pattern) => {
    const [name, ...more] = assets.filter((file) => pattern.test(file));
    if (!name || more.length > 0) throw new Error(`Not one file in the app is called ${pattern}.`);
    return name;
  };
  const [engine, ...others] = await scriptsOf(one(/^engine-.*\.js$/));
  // The largest file early: a server without HTTP/2 answers six requests at a time. The binary is that of isolated pages.
  const names = [engine, one(/^lenet5-modern-.*\.safetensors$/), ...others, one(/^relaxed-.*\.wasm$/)];
  const links = names.map(
    (name) => `    <link rel="preload" as="fetch" crossorigin fetchpriority="low" href="./assets/${name}">\n`,
  );
  const page = await readFile(`${outDir}/index.html`, 'utf8');
  const start = `    <script type="module" async crossorigin src="./assets/${one(/^spawn-.*\.js$/)}"></script>\n`;
  const early = page.replace('    <script ', `${start}    <script `);
  await writeFile(`${outDir}/index.html`, early.replace('  </head>', `${links.join('')}  </head>`));
}

await loadEngineEarly();

await build({
  configFile: false,
  root: `${root}pwa`,
  publicDir: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    outDir,
    emptyOutDir: false,
    target: 'es2022',
    rolldownOptions: { input: `${root}pwa/sw.ts`, output: { format: 'iife', entryFileNames: 'sw.js' } },
  },
});

const { count, size, warnings } = await injectManifest({
  swSrc: `${outDir}/sw.js`,
  swDest: `${outDir}/sw.js`,
  globDirectory: outDir,
  globPatterns: ['**/*'],
  globIgnores: ['sw.js', `${SCREENSHOTS}*`],
  maximumFileSizeToCacheInBytes: LARGEST_FILE,
  // Vite's names carry a hash of the content.
  dontCacheBustURLsMatching: /^assets\//,
});
if (warnings.length > 0) throw new Error(warnings.join('\n'));

const worker = await readFile(`${outDir}/sw.js`, 'utf8');
const files = await readdir(outDir, { recursive: true, withFileTypes: true });
const missing = files
  .filter((f) => f.isFile() && f.name !== 'sw.js')
  .map((f) => `${f.parentPath}/${f.name}`.slice(outDir.length + 1))
  .filter((name) => !name.startsWith(SCREENSHOTS) && !worker.includes(`"${name}"`));
if (missing.length > 0) throw new Error(`Not stored for offline use: ${missing.join(', ')}`);
console.log(`\nStored for offline use: ${count} files, ${(size / 1024).toFixed(0)} KiB`);
