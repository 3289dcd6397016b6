// A small server for a built app: right types, compressed, and the headers that give a page threads.
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

const isFile = async (path) => (await stat(path).catch(() => null))?.isFile() ?? false;

/** Where in `folder` a request points; null outside of it. */
function locate(folder, url) {
  try {
    const { pathname } = new URL(url, 'http://localhost');
    const path = normalize(join(folder, decodeURIComponent(pathname)));
    return path.startsWith(folder + sep) || path === folder ? path : null;
  } catch {
    return null;
  }
}

/** As most hosts do it; what is compressed already comes as it is. */
async function compressed(path, accepted) {
  const body = await readFile(path);
  if (extname(path) === '.png') return { body };
  if (/\bbr\b/.test(accepted)) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
    return { body: await promisify(brotliCompress)(body, { params }), encoding: 'br' };
  }
  return /\bgzip\b/.test(accepted) ? { body: await promisify(gzip)(body), encoding: 'gzip' } : { body };
}

async function answer(folder, request, response) {
  let path = locate(folder, request.url);
  if (path && !(await isFile(path))) path = join(path, 'index.html');
  if (!path || path.includes('\0') || !(await isFile(path))) {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n');
    return;
  }
  const { body, encoding } = await compressed(path, request.headers['accept-encoding'] ?? '');
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Content-Length': body.length,
    ...(encoding ? { 'Content-Encoding': encoding } : {}),
    // The names of assets carry a hash of their content.
    'Cache-Control': path.includes(`${sep}assets${sep}`) ? 'max-age=31536000, immutable' : 'no-cache',
    Vary: 'Accept-Encoding',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Serves `folder` to this machine only; resolves to the server, rejects when the port is taken. */
export function serve(folder, port) {
  const server = createServer((request, response) => {
    answer(normalize(folder).replace(/[\\/]$/, ''), request, response).catch(() => response.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
