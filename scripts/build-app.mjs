// Builds the app: page and workers, then the service worker with the list of everything it stores.
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { injectManifest } from 'workbox-build';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = `${root}dist/app`;

/** Far above what one file of the app weighs; Workbox leaves larger files out without an error. */
const LARGEST_FILE = 64 * 2 ** 20;

await build({ configFile: `${root}vite.config.ts`, mode: 'production' });

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

const { size, warnings } = await injectManifest({
  swSrc: `${outDir}/sw.js`,
  swDest: `${outDir}/sw.js`,
  globDirectory: outDir,
  globPatterns: ['**/*'],
  globIgnores: ['sw.js'],
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
  .filter((name) => !worker.includes(`"${name}"`));
if (missing.length > 0) throw new Error(`Not stored for offline use: ${missing.join(', ')}`);
console.log(`\nStored for offline use: ${files.length - 1} entries, ${(size / 1024).toFixed(0)} KiB`);
