// After tsc: makes the compiled library find its assets, and `npx lenslet` the command in this checkout.
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { root } from './project.mjs';

/** Binaries and weights stay where they are: dist/ lies one folder deeper than the sources. */
async function pointToAssets(folder) {
  for (const name of (await readdir(join(root, 'dist', folder))).filter((n) => n.endsWith('.js'))) {
    const file = join(root, 'dist', folder, name);
    const text = await readFile(file, 'utf8');
    const pointed = text.replace(
      /new URL\('([^']+\.(?:wasm|safetensors))', import\.meta\.url\)/g,
      (_, path) => {
        const asset = path.startsWith('../../') ? resolve(dirname(file), path) : resolve(root, folder, path);
        return `new URL('${relative(dirname(file), asset).split(sep).join('/')}', import.meta.url)`;
      },
    );
    if (pointed !== text) await writeFile(file, pointed);
  }
}

/** npm links commands of dependencies only, not the project's own. */
async function linkCommand() {
  const bin = join(root, 'node_modules/.bin');
  await mkdir(bin, { recursive: true });
  await chmod(join(root, 'dist/cli/main.js'), 0o755);
  if (process.platform === 'win32') {
    await writeFile(join(bin, 'lenslet.cmd'), '@node "%~dp0\\..\\..\\dist\\cli\\main.js" %*\r\n');
    return;
  }
  await rm(join(bin, 'lenslet'), { force: true });
  await symlink('../../dist/cli/main.js', join(bin, 'lenslet'));
}

await pointToAssets('workers');
await pointToAssets('models');
await linkCommand();
