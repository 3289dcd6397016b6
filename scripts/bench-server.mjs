// The benchmark's server: pages with threads, and a record of every file asked for.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Path of the file behind a URL; null where there is none. @param roots [prefix, folder or file] pairs, the first that fits counts */
function locate(roots, url) {
  const path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  const root = roots.find(([prefix]) => path.startsWith(prefix));
  if (!root) return null;
  const rest = path.slice(root[0].length);
  const file = rest || !root[0].endsWith('/') ? normalize(join(root[1], rest)) : join(root[1], 'index.html');
  const inside = file.startsWith(normalize(root[1]));
  return inside && statSync(file, { throwIfNoEntry: false })?.isFile() ? file : null;
}

/** @returns the server's address, `served` (file by URL since the last `clear()`) and `close` */
export async function serveBench(roots) {
  const served = new Map();
  const server = createServer((request, response) => {
    const file = locate(roots, request.url);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    served.set(request.url, file);
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Cache-Control': 'no-store',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://localhost:${server.address().port}`,
    served,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
