/** A slow network before a server: every connection, those of workers too, goes through it. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Network {
  readonly name: string;
  /** From a request to the first byte of its answer, milliseconds. */
  readonly latency: number;
  /** Of all connections together, bytes a second. */
  readonly bandwidth: number;
}

/** As the presets of Chromium's developer tools (front_end/core/sdk/NetworkManager.ts). */
export const FAST_4G: Network = { name: 'fast 4G', latency: 165, bandwidth: (9e6 / 8) * 0.9 };
export const SLOW_4G: Network = { name: 'slow 4G', latency: 562.5, bandwidth: (1.6e6 / 8) * 0.9 };

/** Parts that are sent at once: connections take turns. */
const PART = 4096;

/** Stands between a browser and the server at `port`. */
export async function slowDown(port: number, { latency, bandwidth }: Network) {
  const sockets = new Set<Socket>();
  let free = 0;
  /** Waits for the line; it serves who asks first. */
  const send = async (to: Socket, part: Buffer) => {
    free = Math.max(free, performance.now()) + (1000 * part.length) / bandwidth;
    await new Promise((resolve) => setTimeout(resolve, free - performance.now()));
    to.write(part);
  };
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let last: Promise<void> = Promise.resolve();
    client.on('data', (data) => setTimeout(() => upstream.write(data), latency));
    upstream.on('data', (data: Buffer) => {
      last = last.then(async () => {
        for (let at = 0; at < data.length; at += PART) await send(client, data.subarray(at, at + PART));
      });
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        void last.then(() => {
          client.destroy();
          upstream.destroy();
        });
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
