import type { Server } from 'node:http';

/** Serves `folder` to this machine only; resolves to the server, rejects when the port is taken. */
export function serve(folder: string, port: number): Promise<Server>;
