/** Real connections through a relay: what is held, delayed, reset and refused, in which direction. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Links } from '../../../src/host/deployment/links.ts';
import { freePorts } from '../../../src/host/deployment/ports.ts';
import { TcpRelay } from '../../../src/host/deployment/tcp-relay.ts';

const MIB = 1024 * 1024;
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

/** One end of a connection, and what it has seen. */
class End {
  readonly socket: Socket;
  text = '';
  bytes = 0;
  hasEnded = false;
  error: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.bytes += bytes.length;
      if (this.bytes < MIB) this.text += bytes.toString('latin1');
    });
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
    onTestFinished(() => void socket.destroy());
  }

  send(text: string): void {
    this.socket.write(text);
  }
}

/** A server, a relay before it, and the link between n1, which connects, and e1, which listens. */
class Rig {
  readonly server: Server;
  readonly relay: TcpRelay;
  readonly links: Links;
  readonly accepted: End[] = [];
  /** Pieces of bytes that were passed on. */
  passedCount = 0;

  private constructor(server: Server, host: string, port: number) {
    this.server = server;
    server.on('connection', (socket) => this.accepted.push(new End(socket)));
    this.links = new Links(() => this.relay.refresh());
    const { links } = this;
    this.relay = new TcpRelay({
      port,
      destination: new URL(`http://${isIPv6(host) ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`),
      admit: () => ({
        source: 'n1',
        conditions: (direction) => (direction === 'out' ? links.conditions('n1', 'e1') : links.conditions('e1', 'n1')),
        read: () => [
          () => {
            this.passedCount++;
          },
        ],
      }),
    });
  }

  static async start(host = '127.0.0.1'): Promise<Rig> {
    const server = createServer({ allowHalfOpen: true }).listen(0, host);
    await once(server, 'listening');
    const [port] = await freePorts(1);
    const rig = new Rig(server, host, port as number);
    await rig.relay.open();
    onTestFinished(() => {
      rig.relay.close();
      server.close();
    });
    return rig;
  }

  /** Resolves when the client believes to be connected. */
  async connect(): Promise<End> {
    const socket = connect({ port: this.relay.port, host: '127.0.0.1', allowHalfOpen: true });
    const end = new End(socket);
    await once(socket, 'connect');
    return end;
  }

  /** Both ends of a new connection. */
  async pair(): Promise<{ readonly client: End; readonly server: End }> {
    const client = await this.connect();
    await expect.poll(() => this.accepted.length).toBe(1);
    return { client, server: this.accepted[0] as End };
  }
}

/** Messages in a direction that is free: what could pass meanwhile has passed. */
async function timePasses(rig: Rig, from: End, to: End): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const before = to.bytes;
    from.send('.');
    await expect.poll(() => to.bytes, { interval: 1 }).toBe(before + 1);
  }
  expect(rig.relay.connectionCount).toBeGreaterThan(0);
}

describe('a relay', () => {
  it('passes bytes in both directions, and an end in each by itself', async () => {
    const { client, server } = await (await Rig.start()).pair();
    client.socket.end(Buffer.alloc(5 * MIB, 'question '));
    await expect.poll(() => [server.bytes, server.hasEnded]).toEqual([5 * MIB, true]);
    expect(client.hasEnded).toBe(false);
    server.socket.end(Buffer.alloc(3 * MIB, 'answer '));
    await expect.poll(() => [client.bytes, client.hasEnded]).toEqual([3 * MIB, true]);
    expect(server.text).toBe('question '.repeat(MIB).slice(0, server.text.length));
  });

  it.skipIf(!hasIPv6)('leads to a destination of IPv6', async () => {
    const { client, server } = await (await Rig.start('::1')).pair();
    client.send('hello');
    await expect.poll(() => server.text).toBe('hello');
  });

  it('keeps nothing of connections that are over', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    expect(rig.relay.connectionCount).toBe(1);
    client.socket.end('a');
    server.socket.end('b');
    await expect.poll(() => rig.relay.connectionCount).toBe(0);
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });

  it('ends all when it is closed', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('n1', 'e1');
    const waiting = await rig.connect();
    await expect.poll(() => rig.relay.connectionCount).toBe(2);
    rig.relay.close();
    await expect.poll(() => rig.relay.connectionCount).toBe(0);
    await expect.poll(() => [client, server, waiting].map(({ error }) => error)).toEqual(Array(3).fill('ECONNRESET'));
  });
});

describe('a cut', () => {
  it.each([
    ['n1', 'e1'],
    ['e1', 'n1'],
  ] as const)(
    'from %s to %s holds bytes and the end in that direction only, and they flow on after it',
    async (src, dest) => {
      const rig = await Rig.start();
      const { client, server } = await rig.pair();
      const [held, free] = src === 'n1' ? [client, server] : [server, client];
      rig.links.cut(src, dest);
      held.send('one ');
      held.socket.end('two');
      await timePasses(rig, free, held);
      expect(free).toMatchObject({ text: '', hasEnded: false });
      rig.links.mend(src, dest);
      await expect.poll(() => [free.text, free.hasEnded]).toEqual(['one two', true]);
    },
  );

  it('lasts until each of the cuts is mended', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('n1', 'e1');
    rig.links.cut('n1', 'e1');
    client.send('x');
    await timePasses(rig, server, client);
    rig.links.mend('n1', 'e1');
    await timePasses(rig, server, client);
    expect(server.text).toBe('');
    rig.links.mend('n1', 'e1');
    await expect.poll(() => server.text).toBe('x');
    expect(() => rig.links.mend('n1', 'e1')).toThrow('the link from n1 to e1 was not cut');
  });

  it('holds a reset', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('e1', 'n1');
    server.socket.resetAndDestroy();
    for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
    expect(client).toMatchObject({ error: undefined, hasEnded: false });
    rig.links.mend('e1', 'n1');
    await expect.poll(() => client.error).toBe('ECONNRESET');
  });

  it('drops what was sent to an end that is gone, and does not tell that it was passed on', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('n1', 'e1');
    client.send('lost');
    await timePasses(rig, server, client);
    rig.links.cut('e1', 'n1');
    const passedBefore = rig.passedCount;
    server.socket.resetAndDestroy();
    await expect.poll(() => server.socket.closed).toBe(true);
    for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
    rig.links.mend('n1', 'e1');
    rig.links.mend('e1', 'n1');
    await expect.poll(() => client.error).toBe('ECONNRESET');
    await expect.poll(() => rig.relay.connectionCount).toBe(0);
    expect(rig.passedCount).toBe(passedBefore);
  });

  it('keeps a limited amount: the sender must wait', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('n1', 'e1');
    // More than the buffers of the system hold on both sides of the relay.
    client.socket.write(Buffer.alloc(64 * MIB, 'x'));
    await timePasses(rig, server, client);
    expect(client.socket.writableNeedDrain).toBe(true);
    rig.links.mend('n1', 'e1');
    await expect.poll(() => server.bytes, { timeout: 30_000 }).toBe(64 * MIB);
  });

  it('in any direction keeps a new connection from the other end, not from the one that makes it', async () => {
    const rig = await Rig.start();
    rig.links.cut('e1', 'n1');
    const client = await rig.connect();
    client.send('hello');
    await expect.poll(() => rig.relay.connectionCount).toBe(1);
    // A later one, not through the relay, is the first that the server has.
    const direct = new End(connect((rig.server.address() as AddressInfo).port, '127.0.0.1'));
    direct.send('direct');
    await expect.poll(() => rig.accepted.map(({ text }) => text)).toEqual(['direct']);
    rig.links.mend('e1', 'n1');
    await expect.poll(() => rig.accepted[1]?.text).toBe('hello');
  });

  it('drops a new connection that is given up meanwhile', async () => {
    const rig = await Rig.start();
    rig.links.cut('n1', 'e1');
    const client = await rig.connect();
    client.socket.end('hello');
    await expect.poll(() => rig.relay.connectionCount).toBe(0);
    rig.links.mend('n1', 'e1');
    const other = await rig.connect();
    other.send('other');
    await expect.poll(() => rig.accepted.map(({ text }) => text)).toEqual(['other']);
  });
});

describe('a delay', () => {
  it('keeps the order, and what comes after its end does not overtake', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    const expected = Array.from({ length: 60 }, (_, index) => `${index} `);
    let remove = rig.links.delay('n1', 'e1', 30);
    for (const [index, text] of expected.entries()) {
      if (index === 20) {
        remove();
        remove = rig.links.delay('n1', 'e1', 100);
      }
      if (index === 40) remove();
      client.send(text);
      await new Promise(setImmediate);
    }
    client.socket.end();
    await expect.poll(() => [server.text, server.hasEnded]).toEqual([expected.join(''), true]);
  });

  it('is for one direction, never shorter, and adds up', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    const removes = [rig.links.delay('n1', 'e1', 150), rig.links.delay('n1', 'e1', 150)];
    const startMs = performance.now();
    client.send('x');
    await timePasses(rig, server, client);
    await expect.poll(() => server.text, { interval: 1 }).toBe('x');
    // A timer may fire a fraction of a millisecond early.
    expect(performance.now() - startMs).toBeGreaterThan(299);
    removes[0]?.();
    removes[0]?.();
    expect(rig.links.conditions('n1', 'e1')).toEqual({ isHeld: false, delayMs: 150 });
    removes[1]?.();
    expect(rig.links.conditions('n1', 'e1')).toEqual({ isHeld: false, delayMs: 0 });
  });
});

describe('a reset', () => {
  it('is seen at both ends, also during a cut', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.links.cut('n1', 'e1');
    rig.relay.reset('n2');
    await timePasses(rig, server, client);
    rig.relay.reset('n1');
    await expect.poll(() => [client.error, server.error]).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(rig.relay.connectionCount).toBe(0);
  });

  it.each(['client', 'server'] as const)('by the %s is passed on', async (who) => {
    const ends = await (await Rig.start()).pair();
    ends[who].socket.resetAndDestroy();
    await expect.poll(() => ends[who === 'client' ? 'server' : 'client'].error).toBe('ECONNRESET');
  });
});

describe('a refusal', () => {
  it('is one of new connections, until the relay is opened again', async () => {
    const rig = await Rig.start();
    const { client, server } = await rig.pair();
    rig.relay.refuse();
    await expect(rig.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.send('still there');
    await expect.poll(() => server.text).toBe('still there');
    await rig.relay.open();
    await rig.relay.open();
    await rig.connect();
    await expect.poll(() => rig.accepted.length).toBe(2);
  });

  it('of the destination breaks the connection', async () => {
    const rig = await Rig.start();
    rig.server.close();
    const client = await rig.connect();
    await expect.poll(() => client.error).toBe('ECONNRESET');
    expect(rig.relay.connectionCount).toBe(0);
  });

  it('is told of if the port is taken', async () => {
    const rig = await Rig.start();
    rig.relay.refuse();
    const other = createServer().listen(rig.relay.port, '127.0.0.1');
    await once(other, 'listening');
    await expect(rig.relay.open()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => other.close(resolve));
    await rig.relay.open();
    await rig.connect();
  });
});

describe('free ports', () => {
  it('differ, and are none that outgoing connections take', async () => {
    const ports = await freePorts(50);
    expect(new Set(ports).size).toBe(50);
    expect(ports.filter((port) => port >= 32_000 || port < 20_000)).toEqual([]);
  });
});
