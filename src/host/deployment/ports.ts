/** Ports of this machine. */

import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections (Linux: 32768, others: 49152). So no
 * connection takes a port whose listener is away for a while, and no connection to such a port meets itself, which TCP
 * allows: a simultaneous open.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 1000;
const STARTS_MAX = 3;

/** Ports of 127.0.0.1 without a listener, all different. Another program may take one at any moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === TRIES_MAX) throw new Error(`127.0.0.1 has no ${count} free ports from ${PORT_MIN} to ${PORT_MAX}`);
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether there is a listener. */
export function listens({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

/** What programs say if they cannot have a port. */
const TAKEN = /EADDRINUSE|address already in use/;

/** Starts something on free ports, and again on others if another program has taken one meanwhile. */
export async function withOtherPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await start();
    } catch (error) {
      if (count === STARTS_MAX || !TAKEN.test((error as Error).message)) throw error;
    }
  }
}
