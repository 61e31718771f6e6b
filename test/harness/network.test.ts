/** The network on virtual time: which messages arrive, when and in which order. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Network, type NetworkMessage } from '../../src/harness/network.ts';
import { VirtualTime } from '../support/virtual-time.ts';

let time: VirtualTime;
let network: Network;
/** The delays of the next messages; 0 when there is none left. */
let latencies: number[];
/** The arrivals: when, where, from which sender, and the letter that each carries. */
let arrived: string[];
let events: string[];

function listen(...ids: readonly string[]): void {
  for (const id of ids) network.addEndpoint(id, receive);
}

function receive({ src, dest, body }: NetworkMessage): void {
  arrived.push(`${time.now()}: ${src} → ${dest} ${body.letter}`);
}

/** Sends messages from one node to another, one for each letter. */
function send(src: string, dest: string, letters: string): void {
  for (const letter of letters) network.send(src, dest, { letter });
}

beforeEach(() => {
  time = new VirtualTime();
  latencies = [];
  arrived = [];
  events = [];
  network = new Network({
    scheduler: time,
    drawLatencyMs: () => latencies.shift() ?? 0,
    onEvent: (event, { id, src, dest }) => events.push(`${event} ${id} ${src} → ${dest}`),
  });
});

describe('the latency of a message', () => {
  it('takes as long as was drawn between nodes', async () => {
    listen('n0', 'n1');
    latencies = [30, 5];
    send('n0', 'n1', 'a');
    send('n1', 'n0', 'b');
    await time.advance(100);
    expect(arrived).toEqual(['5: n1 → n0 b', '30: n0 → n1 a']);
  });

  it('takes as long between nodes and services, both ways', async () => {
    listen('n0', 'lin-kv');
    latencies = [30, 5];
    send('n0', 'lin-kv', 'a');
    send('lin-kv', 'n0', 'b');
    await time.advance(100);
    expect(arrived).toEqual(['5: lin-kv → n0 b', '30: n0 → lin-kv a']);
  });

  it('takes no time at all from and to a client, and draws nothing for it', () => {
    listen('n0');
    const client = network.openClient(receive);
    latencies = [1000];
    send(client, 'n0', 'a');
    send('n0', client, 'b');
    expect(arrived).toEqual(['0: c0 → n0 a', '0: n0 → c0 b']);
    expect(latencies).toEqual([1000]);
    expect(time.timerCount).toBe(0);
  });

  it('ends at once for a latency of 0', () => {
    listen('n0', 'n1');
    send('n0', 'n1', 'ab');
    expect(arrived).toEqual(['0: n0 → n1 a', '0: n0 → n1 b']);
  });

  it('carries the body as it is', async () => {
    const bodies: unknown[] = [];
    network.addEndpoint('n0', ({ body }) => bodies.push(body));
    const body = { type: 'x', deep: { list: [1, null] } };
    network.send('n1', 'n0', body);
    expect(bodies).toEqual([body]);
  });

  it('may lead back to the sender', async () => {
    listen('n0');
    latencies = [7];
    send('n0', 'n0', 'a');
    await time.advance(7);
    expect(arrived).toEqual(['7: n0 → n0 a']);
  });
});

describe('the queue of a receiver', () => {
  beforeEach(() => listen('n0', 'n1', 'n2'));

  it('holds up faster messages behind the one that it has taken', async () => {
    latencies = [100, 10];
    send('n0', 'n1', 'ab');
    await time.advance(99);
    expect(arrived).toEqual([]);
    await time.advance(1);
    expect(arrived).toEqual(['100: n0 → n1 a', '100: n0 → n1 b']);
  });

  it('releases waiting messages in the order of their deadlines', async () => {
    latencies = [100, 80, 60, 150];
    send('n0', 'n1', 'abcd');
    await time.advance(1000);
    expect(arrived).toEqual(['100: n0 → n1 a', '100: n0 → n1 c', '100: n0 → n1 b', '150: n0 → n1 d']);
  });

  it('holds up messages of clients, too', async () => {
    latencies = [100];
    send('n0', 'n1', 'a');
    send(network.openClient(receive), 'n1', 'b');
    await time.advance(1000);
    expect(arrived).toEqual(['100: n0 → n1 a', '100: c0 → n1 b']);
  });

  it('holds up no other receiver', async () => {
    latencies = [100, 10];
    send('n0', 'n1', 'a');
    send('n0', 'n2', 'b');
    await time.advance(1000);
    expect(arrived).toEqual(['10: n0 → n2 b', '100: n0 → n1 a']);
  });

  it('is waited for one message at a time, even if the receiver sends to itself while it receives', async () => {
    network.addEndpoint('n3', (message) => {
      receive(message);
      if (message.body.letter === 'a') send('n3', 'n3', 'xy');
    });
    latencies = [10, 50, 20, 5];
    send('n0', 'n3', 'ab');
    await time.advance(10);
    expect(time.timerCount).toBe(1);
    await time.advance(1000);
    expect(arrived).toEqual(['10: n0 → n3 a', '15: n3 → n3 y', '30: n3 → n3 x', '50: n0 → n3 b']);
  });

  it('allows any number of answers within the call that delivers', () => {
    let left = 100_000;
    network.addEndpoint('n3', () => left-- > 0 && send('n3', 'n4', 'a'));
    network.addEndpoint('n4', () => left-- > 0 && send('n4', 'n3', 'b'));
    send('n0', 'n3', 'a');
    expect(left).toBe(-1);
  });
});

describe('a partition', () => {
  beforeEach(() => listen('n0', 'n1', 'n2'));

  it('silently drops messages taken off the queue while it stands, in the named direction only', () => {
    network.cut('n0', 'n1');
    send('n0', 'n1', 'a');
    send('n1', 'n0', 'b');
    send('n2', 'n1', 'c');
    expect(arrived).toEqual(['0: n1 → n0 b', '0: n2 → n1 c']);
    expect(events).toEqual([
      'send 0 n0 → n1',
      'drop 0 n0 → n1',
      'send 1 n1 → n0',
      'receive 1 n1 → n0',
      'send 2 n2 → n1',
      'receive 2 n2 → n1',
    ]);
  });

  it('does not stop a message taken off the queue before it began', async () => {
    latencies = [100];
    send('n0', 'n1', 'a');
    await time.advance(50);
    network.cut('n0', 'n1');
    await time.advance(50);
    expect(arrived).toEqual(['100: n0 → n1 a']);
  });

  it('stops a message sent before it began and taken off the queue after that', async () => {
    latencies = [100, 10, 10];
    send('n0', 'n1', 'ab');
    send('n2', 'n1', 'c');
    await time.advance(50);
    network.cut('n0', 'n1');
    await time.advance(1000);
    expect(arrived).toEqual(['100: n0 → n1 a', '100: n2 → n1 c']);
  });

  it('does not stop a message sent while it stood and taken off the queue after that', async () => {
    latencies = [100, 10];
    send('n2', 'n1', 'a');
    network.cut('n0', 'n1');
    send('n0', 'n1', 'b');
    await time.advance(50);
    network.heal();
    await time.advance(1000);
    expect(arrived).toEqual(['100: n2 → n1 a', '100: n0 → n1 b']);
  });

  it('delays no message by one that it drops', async () => {
    network.cut('n0', 'n1');
    latencies = [1000, 10];
    send('n0', 'n1', 'a');
    send('n2', 'n1', 'b');
    await time.advance(1000);
    expect(arrived).toEqual(['10: n2 → n1 b']);
  });

  it('heals for all links at once, and can begin again', () => {
    network.cut('n0', 'n1');
    network.cut('n2', 'n0');
    network.heal();
    send('n0', 'n1', 'a');
    send('n2', 'n0', 'b');
    network.cut('n0', 'n1');
    send('n0', 'n1', 'c');
    expect(arrived).toEqual(['0: n0 → n1 a', '0: n2 → n0 b']);
  });

  it('cuts clients and services only from the receivers that it names', () => {
    listen('lin-kv');
    for (const [src, dest] of [
      ['n0', 'n1'],
      ['n1', 'n0'],
    ] as const)
      network.cut(src, dest);
    send(network.openClient(receive), 'n1', 'a');
    send('lin-kv', 'n1', 'b');
    send('n1', 'lin-kv', 'c');
    expect(arrived).toEqual(['0: c0 → n1 a', '0: lin-kv → n1 b', '0: n1 → lin-kv c']);
  });

  it('does nothing for an endpoint that does not exist', () => {
    network.cut('n0', 'n9');
    listen('n9');
    send('n0', 'n9', 'a');
    expect(arrived).toEqual(['0: n0 → n9 a']);
  });
});

describe('the endpoints of a network', () => {
  it('are told apart by their ids', () => {
    listen('n0');
    expect(() => listen('n0')).toThrow('n0 is on the network already');
  });

  it('get nothing when they do not exist, and that does not count as sent', () => {
    expect(network.send('n0', 'n9', {})).toBe(false);
    expect(network.statistics().all).toEqual({ sendCount: 0, recvCount: 0, msgCount: 0 });
    expect(events).toEqual([]);
  });

  it('get nothing more once they are removed, and leave no timer behind', async () => {
    listen('n0', 'n1');
    latencies = [100, 100];
    send('n0', 'n1', 'ab');
    expect(network.has('n1')).toBe(true);
    network.removeEndpoint('n1');
    expect(network.has('n1')).toBe(false);
    expect(network.send('n0', 'n1', {})).toBe(false);
    expect(time.timerCount).toBe(0);
    await time.advance(1000);
    expect(arrived).toEqual([]);
  });

  it('do not inherit messages for an earlier endpoint of the same id', async () => {
    listen('n0', 'n1');
    latencies = [100, 100, 20];
    send('n0', 'n1', 'ab');
    network.cut('n0', 'n1');
    network.removeEndpoint('n1');
    listen('n1');
    send('n0', 'n1', 'c');
    await time.advance(1000);
    expect(arrived).toEqual(['20: n0 → n1 c']);
  });

  it('may be removed because of a message that they receive', async () => {
    network.addEndpoint('n1', (message) => {
      receive(message);
      network.removeEndpoint('n1');
    });
    latencies = [10, 10];
    send('n0', 'n1', 'ab');
    await time.advance(1000);
    expect(arrived).toEqual(['10: n0 → n1 a']);
    expect(network.statistics().all).toEqual({ sendCount: 2, recvCount: 1, msgCount: 2 });
  });

  it('are all removed when the network closes, and no timer stays', async () => {
    listen('n0', 'n1');
    const client = network.openClient(receive);
    latencies = [100, 200];
    send('n0', 'n1', 'a');
    send('n1', 'n0', 'b');
    network.close();
    expect(time.timerCount).toBe(0);
    expect(['n0', 'n1', client].filter((id) => network.has(id))).toEqual([]);
    await time.advance(1000);
    expect(arrived).toEqual([]);
  });

  it('that are clients are numbered from c0, and no number is used twice', () => {
    const first = network.openClient(receive);
    network.removeEndpoint(first);
    expect([first, network.openClient(receive), network.openClient(receive)]).toEqual(['c0', 'c1', 'c2']);
  });

  it('are known as closed clients only if they existed', () => {
    network.openClient(receive);
    const left = network.openClient(receive);
    network.removeEndpoint(left);
    const ids = ['c0', 'c1', 'c2', 'c01', 'c', 'cat', 'c-1', 'n1'];
    expect(ids.filter((id) => network.hadClient(id))).toEqual(['c1']);
  });
});

describe('the counts of messages', () => {
  it('separate clients from servers, and count dropped messages and those in flight as sent', async () => {
    listen('n0', 'n1', 'lin-kv');
    const client = network.openClient(receive);
    send(client, 'n0', 'a');
    send('n0', client, 'b');
    latencies = [1, 1, 1, 5000];
    send('n0', 'lin-kv', 'c');
    send('lin-kv', 'n1', 'd');
    await time.advance(1);
    network.cut('n0', 'n1');
    send('n0', 'n1', 'e');
    send('n1', 'n0', 'f');
    await time.advance(1000);
    expect(network.statistics()).toEqual({
      all: { sendCount: 6, recvCount: 4, msgCount: 6 },
      clients: { sendCount: 2, recvCount: 2, msgCount: 2 },
      servers: { sendCount: 4, recvCount: 2, msgCount: 4 },
    });
  });

  it('count the ids of messages in the order of sending, over all receivers', async () => {
    listen('n0', 'n1');
    const client = network.openClient(receive);
    latencies = [20, 10];
    send('n0', 'n1', 'a');
    send('n1', 'n0', 'b');
    send(client, 'n0', 'c');
    network.send('n0', 'n9', {});
    send('n0', client, 'd');
    await time.advance(100);
    expect(events).toEqual([
      'send 0 n0 → n1',
      'send 1 n1 → n0',
      'send 2 c0 → n0',
      'send 3 n0 → c0',
      'receive 3 n0 → c0',
      'receive 1 n1 → n0',
      'receive 2 c0 → n0',
      'receive 0 n0 → n1',
    ]);
  });
});

describe('a message that the network delivers twice', () => {
  beforeEach(() => {
    network = new Network({
      scheduler: time,
      drawLatencyMs: () => 0,
      drawFate: (src, dest, nth) => ({ fault: 'duplication', src, dest, nth, delayMs: 50 }),
    });
    listen('n0', 'n1', 'c0');
  });

  it('comes again, from clients as from nodes', async () => {
    send('n0', 'n1', 'a');
    send('c0', 'n1', 'b');
    await time.advance(100);
    expect(arrived).toEqual(['0: n0 → n1 a', '0: c0 → n1 b', '50: n0 → n1 a', '50: c0 → n1 b']);
  });

  it('comes from a client to one life only, but from a node to any life', async () => {
    send('n0', 'n1', 'a');
    send('c0', 'n1', 'b');
    await time.advance(10);
    network.setDown('n1');
    network.admit('n1', { client: 'c9', expects: () => true });
    await time.advance(100);
    expect(arrived).toEqual(['0: n0 → n1 a', '0: c0 → n1 b', '50: n0 → n1 a']);
  });
});

describe('a node that has started', () => {
  const admit = () => network.admit('n1', { client: 'c9', expects: ({ body }) => body.letter === 'r' });

  beforeEach(() => listen('n0', 'n1', 'c0', 'c9'));

  it('receives init and the replies to its own requests; the rest is held, in order, until it is ready', async () => {
    admit();
    send('n0', 'n1', 'ab');
    send('c0', 'n1', 'c');
    send('c9', 'n1', 'i');
    send('n0', 'n1', 'r');
    await time.advance(10);
    expect(arrived).toEqual(['0: c9 → n1 i', '0: n0 → n1 r']);
    network.open('n1');
    send('n0', 'n1', 'd');
    expect(arrived.slice(2)).toEqual(['10: n0 → n1 a', '10: n0 → n1 b', '10: c0 → n1 c', '10: n0 → n1 d']);
  });

  it('receives messages that arrive during the release after those that were held', () => {
    network.removeEndpoint('n1');
    network.addEndpoint('n1', (message) => {
      receive(message);
      if (message.body.letter === 'a') send('c0', 'n1', 'z');
    });
    admit();
    send('n0', 'n1', 'ab');
    network.open('n1');
    expect(arrived).toEqual(['0: n0 → n1 a', '0: n0 → n1 b', '0: c0 → n1 z']);
  });

  it('does not receive held messages that a partition stops when it is ready', () => {
    admit();
    send('n0', 'n1', 'a');
    send('c0', 'n1', 'b');
    network.cut('n0', 'n1');
    network.open('n1');
    expect(arrived).toEqual(['0: c0 → n1 b']);
    expect(events).toContain('drop 0 n0 → n1');
  });

  it('loses the held messages when it ends before it is ready', () => {
    admit();
    send('n0', 'n1', 'a');
    network.setDown('n1');
    expect(events).toEqual(['send 0 n0 → n1', 'drop 0 n0 → n1']);
    network.open('n1');
    admit();
    network.open('n1');
    expect(arrived).toEqual([]);
  });

  it('has at most 10,000 messages held, and loses the others', () => {
    admit();
    for (let count = 0; count < 10_002; count++) send('n0', 'n1', 'a');
    expect(events.filter((event) => event.startsWith('drop'))).toEqual(['drop 10000 n0 → n1', 'drop 10001 n0 → n1']);
    network.open('n1');
    expect(arrived).toHaveLength(10_000);
  });
});

describe('the init of an earlier life', () => {
  const admission = (client: string) => ({ client, expects: () => false });

  it('that arrives late does not reach the next life, ready or not', async () => {
    listen('n0', 'n1', 'c7', 'c8');
    latencies = [100];
    network.admit('n1', admission('c7'));
    // A slow message is at the head of the queue, so that init waits behind it.
    send('n0', 'n1', 'a');
    send('c7', 'n1', 'i');
    network.setDown('n1');
    network.admit('n1', admission('c8'));
    send('c8', 'n1', 'j');
    await time.advance(200);
    network.open('n1');
    expect(arrived).toEqual(['100: c8 → n1 j', '200: n0 → n1 a']);
    send('c7', 'n1', 'k');
    expect(arrived).toHaveLength(2);
  });
});
