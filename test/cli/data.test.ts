/** Downloads, against a server on this machine. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { download } from '../../cli/download.ts';
import { untar } from '../../cli/tar.ts';
import { lenslet, newFolder } from './run.ts';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) & 255));
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const wanted = (path: string, ...urls: string[]) => ({ urls, path, md5: md5(content) });

test('a file is fetched, checked and reported', async () => {
  const url = await serve((_, response) => response.end(content));
  const path = join(newFolder(), 'file');
  const seen: number[] = [];
  await download(wanted(path, url), (received) => seen.push(received));
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(existsSync(`${path}.part`)).toBe(false);
  expect(seen.at(-1)).toBe(content.length);
});

test('the next server is asked when one fails or has another file', async () => {
  const broken = await serve((_, response) => response.writeHead(404).end());
  const other = await serve((_, response) => response.end('another file'));
  const good = await serve((_, response) => response.end(content));
  const path = join(newFolder(), 'file');
  await download(wanted(path, broken, other, good), () => undefined);
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a broken download goes on where it stopped', async () => {
  const half = content.length / 2;
  const ranges: (string | undefined)[] = [];
  let cut = () => {};
  const url = await serve(({ headers: { range } }, response) => {
    ranges.push(range);
    const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(range ? 206 : 200, { 'Content-Length': content.length - from });
    if (range) response.end(content.subarray(from));
    else response.write(content.subarray(0, half));
    cut = () => void response.destroy();
  });
  const path = join(newFolder(), 'file');
  const broken = download(wanted(path, url), (received) => received === half && cut());
  await expect(broken).rejects.toMatchObject({ code: 'unknown' });
  expect(existsSync(path)).toBe(false);
  expect(readFileSync(`${path}.part`).equals(content.subarray(0, half))).toBe(true);
  await download(wanted(path, url), () => undefined);
  expect(ranges).toEqual([undefined, `bytes=${half}-`]);
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a server that ignores ranges sends the file anew', async () => {
  const url = await serve((_, response) => response.end(content));
  const path = join(newFolder(), 'file');
  writeFileSync(`${path}.part`, content.subarray(0, 1000));
  await download(wanted(path, url), () => undefined);
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a file of another content is refused and not kept', async () => {
  const url = await serve((_, response) => response.end('another file'));
  const path = join(newFolder(), 'file');
  const failure = download(wanted(path, url), () => undefined);
  await expect(failure).rejects.toThrow(
    /file could not be fetched \(127\.0\.0\.1:\d+: the file has checksum/,
  );
  expect([existsSync(path), existsSync(`${path}.part`)]).toEqual([false, false]);
});

test('offline, the command names the files to fetch by hand', async () => {
  const folder = newFolder();
  // Nothing listens there: every official mirror is taken off the air as well.
  const env = { LENSLET_DATA: folder, NODE_OPTIONS: `--import ${JSON.stringify(offline)}` };
  const { status, stdout, stderr } = await lenslet(['data', 'mnist'], { env });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^lenslet: [^\n]+\n$/);
  expect(stderr).toContain('train-images-idx3-ubyte.gz could not be fetched');
  expect(stderr).toContain('t10k-labels-idx1-ubyte.gz');
  expect(stderr).toContain(join(folder, 'mnist'));
});

/** A module that makes every request of a process fail as without a network. */
const offline = `data:text/javascript,${encodeURIComponent(
  'globalThis.fetch=async()=>{throw new TypeError("fetch failed",{cause:{code:"ENOTFOUND"}})}',
)}`;

const realMnist = join(process.env.LENSLET_DATA ?? '../shared/data', 'mnist');

test.skipIf(!existsSync(realMnist))('lenslet data mnist from a mirror, once', async () => {
  let requests = 0;
  const url = await serve(({ url: path }, response) => {
    requests++;
    response.end(readFileSync(join(realMnist, path ?? '')));
  });
  const env = { LENSLET_DATA: newFolder() };
  const args = ['data', 'mnist', '--mirror', url, '--json'];
  const first = await lenslet(args, { env });
  expect([first.status, requests]).toEqual([0, 4]);
  expect(JSON.parse(first.stdout)).toMatchObject({ name: 'mnist', files: expect.arrayContaining([]) });
  expect((await lenslet(args, { env })).status).toBe(0);
  expect(requests).toBe(4);
});

/** A ustar archive of one file. */
function tar(name: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

test('archives are read, and damage is seen', () => {
  const archive = Buffer.concat([
    tar('cifar/test_batch.bin', content),
    tar('cifar/readme.html', Buffer.from('text')),
    Buffer.alloc(1024),
  ]);
  const files = untar(archive);
  expect(files.map((f) => f.name)).toEqual(['cifar/test_batch.bin', 'cifar/readme.html']);
  expect(content.equals(files[0].bytes)).toBe(true);
  expect(() => untar(archive.subarray(0, 50_000))).toThrow(/truncated or damaged/);
  const flipped = Buffer.from(archive);
  flipped[3] ^= 1;
  expect(() => untar(flipped)).toThrow(/truncated or damaged/);
  expect(() => untar(gzipSync(archive))).toThrow(/truncated or damaged/);
});
