// npm run build:bench [-- FOLDER]: Lenslet as an adapter of the benchmark's pages, in dist/bench.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { constEnums } from './const-enums.mjs';
import { root } from './project.mjs';

export const ADAPTER = `${root}dist/bench`;

/** Vite loads styles before a script that is imported later; there are none here. */
const withoutStyles = {
  name: 'without-styles',
  enforce: 'pre',
  load: (id) =>
    id.includes('vite/preload-helper') ? 'export const __vitePreload = (load) => load();' : null,
};

/** Not Vite's library mode: that packs the binaries into the script as text. */
export async function buildAdapter(outDir = ADAPTER) {
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'warn',
    publicDir: false,
    plugins: [withoutStyles, constEnums()],
    worker: { format: 'es', plugins: () => [constEnums()] },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: {
        input: { 'bench-adapter': `${root}test/bench/adapter.ts` },
        preserveEntrySignatures: 'allow-extension',
        output: { entryFileNames: '[name].js' },
      },
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAdapter(process.argv[2]);
