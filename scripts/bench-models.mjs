// Writes the networks that the benchmark's pages load: node scripts/bench-models.mjs [FOLDER]
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { root } from './project.mjs';

export const MODELS = `${root}build/bench-models`;

/** Bundled on the way: the sources are TypeScript. */
export async function writeModels(folder = MODELS) {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    build: {
      ssr: `${root}test/bench/models.ts`,
      outDir: `${root}build/bench/models`,
      emptyOutDir: true,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'models.mjs' } },
    },
  });
  const bundle = pathToFileURL(`${root}build/bench/models/models.mjs`).href;
  await (await import(bundle)).writeModels(folder, (line) => console.error(`  ${line}`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeModels(process.argv[2]);
