/** How nodes tell each other their slots: what is sent, what is lost and sent again, what it costs. */

import { describe, expect, it } from 'vitest';
import type { NodeContext, RpcResult } from '../../../src/node/context.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { DurableCounter } from '../../../src/workloads/pn-counter/durable-counter.ts';
import { Gossip } from '../../../src/workloads/pn-counter/gossip.ts';
import type { Slot } from '../../../src/workloads/pn-counter/slots.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const INTERVAL_MS = 500;
const LINK_MS = 10;

type Request = Parameters<Gossip['answer']>[0];

interface Sent {
  readonly src: string;
  readonly dest: string;
  readonly request: Request;
}

interface Member {
  readonly counter: DurableCounter;
  readonly gossip: Gossip;
  stop: () => void;
}

/** Nodes without disks, whose messages take a while or are lost. */
class Cluster {
  readonly time = new VirtualTime();
  readonly sent: Sent[] = [];
  /** Whether a request, or its reply, is lost. */
  isLost: (sent: Sent, part: 'request' | 'reply') => boolean = () => false;
  readonly #members = new Map<string, Member>();
  readonly #ids: readonly string[];
  readonly #page: number;
  readonly #random = new SeededRandom('gossip');
  #lives = 0;

  constructor(size: number, page = 1000) {
    this.#ids = Array.from({ length: size }, (_, index) => `n${index}`);
    this.#page = page;
  }

  async start(...ids: readonly string[]): Promise<this> {
    for (const id of ids.length > 0 ? ids : this.#ids) await this.#start(id);
    return this;
  }

  member(id: string): Member {
    return this.#members.get(id) as Member;
  }

  sums(): number[] {
    return this.#ids.map((id) => Number(this.member(id).counter.slots.sum));
  }

  add(id: string, delta: number): Promise<object> {
    return this.member(id).counter.add(delta, { src: 'c1' });
  }

  async #start(id: string): Promise<void> {
    this.#members.get(id)?.stop();
    const epoch = `e${++this.#lives}`;
    const clock = { wallMs: () => this.time.now(), monotonicMs: () => this.time.now() };
    let isStopped = false;
    const context = {
      nodeId: id,
      nodeIds: this.#ids,
      clock,
      randomUint32: () => this.#random.uint32(),
      sleep: (ms: number) => new Promise<boolean>((resolve) => this.time.schedule(ms, () => resolve(!isStopped))),
      rpc: (dest: string, _rpc: unknown, request: Request, { deadlineMs }: { deadlineMs: number }) =>
        this.#carry({ src: id, dest, request: structuredClone(request) }, deadlineMs),
    } as unknown as NodeContext;
    const counter = await DurableCounter.open({ nodeId: id, epoch, clock, folder: undefined, compactLength: 1 << 20 });
    const gossip = new Gossip({ context, counter, epoch, intervalMs: INTERVAL_MS, page: this.#page });
    this.#members.set(id, {
      counter,
      gossip,
      stop: () => {
        isStopped = true;
      },
    });
    void gossip.run();
  }

  #carry(sent: Sent, deadlineMs: number): Promise<RpcResult<unknown>> {
    this.sent.push(sent);
    return new Promise((resolve) => {
      const cancel = this.time.schedule(deadlineMs, () =>
        resolve({ kind: 'indefinite', error: RpcError.of('timeout') }),
      );
      if (this.isLost(sent, 'request')) return;
      this.time.schedule(LINK_MS, async () => {
        const reply = await this.member(sent.dest).gossip.answer(sent.request, sent.src);
        if (this.isLost(sent, 'reply')) return;
        this.time.schedule(LINK_MS, () => {
          cancel();
          resolve({ kind: 'ok', reply: structuredClone(reply) });
        });
      });
    });
  }
}

const ROUND_MS = INTERVAL_MS * 1.2 + 2 * LINK_MS;

describe('what is added at one node', () => {
  it.each([
    [2, 2],
    [3, 3],
    [5, 5],
    [25, 8],
  ])('is known to all %i after %i intervals', async (size, rounds) => {
    const cluster = await new Cluster(size).start();
    for (let node = 0; node < size; node++) await cluster.add(`n${node}`, node - 2);
    await cluster.time.advance(rounds * ROUND_MS);
    const sum = (size * (size - 1)) / 2 - 2 * size;
    expect(cluster.sums()).toEqual(Array.from({ length: size }, () => sum));
  });

  it('is sent until the other node says that it has it, and not again', async () => {
    const cluster = await new Cluster(2).start();
    await cluster.time.advance(10 * ROUND_MS);
    cluster.sent.length = 0;
    let lost = 8;
    cluster.isLost = ({ src }, part) => (src === 'n0') === (part === 'request') && lost-- > 0;
    await cluster.add('n0', 4);
    await cluster.time.advance(20 * ROUND_MS);
    const withSlots = cluster.sent.filter(({ src, request }) => src === 'n0' && request.slots.length > 0);
    expect(withSlots.length).toBeGreaterThan(3);
    expect(cluster.sums()).toEqual([4, 4]);
    cluster.sent.length = 0;
    await cluster.time.advance(20 * ROUND_MS);
    expect(cluster.sent.filter(({ request }) => request.slots.length > 0)).toEqual([]);
  });

  it('is sent alone, without what did not change', async () => {
    const cluster = await new Cluster(2).start();
    await cluster.add('n0', 1);
    await cluster.time.advance(10 * ROUND_MS);
    await cluster.start('n0');
    await cluster.add('n0', 2);
    await cluster.time.advance(10 * ROUND_MS);
    cluster.sent.length = 0;
    await cluster.add('n0', 3);
    await cluster.time.advance(3 * ROUND_MS);
    const slots = cluster.sent.flatMap(({ request }) => request.slots);
    expect(slots).toEqual([['n0', 'e3', 5, 0]]);
    expect(cluster.sums()).toEqual([6, 6]);
  });

  it('comes in pages, one right after the other', async () => {
    const cluster = await new Cluster(2, 2).start('n1');
    await cluster.start('n0');
    const { counter } = cluster.member('n0');
    await counter.learn(
      Array.from({ length: 9 }, (_, index) => [`n${index}`, 'old', 1, 0]),
      'n9',
    );
    await cluster.time.advance(ROUND_MS);
    expect(cluster.sums()).toEqual([9, 9]);
    expect(Math.max(...cluster.sent.map(({ request }) => request.slots.length))).toBe(2);
  });
});

describe('a node that lost its disk', () => {
  it.each(['n0', 'n1'])('gets back what it told others, and all else: %s', async (lost) => {
    const cluster = await new Cluster(2).start();
    await cluster.add('n0', 5);
    await cluster.add('n1', 7);
    await cluster.time.advance(10 * ROUND_MS);
    await cluster.start(lost);
    await cluster.add(lost, 1);
    await cluster.time.advance(4 * ROUND_MS);
    expect(cluster.sums()).toEqual([13, 13]);
  });
});

describe('a difference that neither side knows of', () => {
  it('is found by the digests, and repaired', async () => {
    const cluster = await new Cluster(2).start();
    await cluster.add('n0', 5);
    await cluster.time.advance(10 * ROUND_MS);
    // Each believes that the other one has it, since it told.
    cluster.member('n0').counter.slots.merge([['n7', 'x', 3, 0]], 'n1');
    cluster.member('n1').counter.slots.merge([['n8', 'x', 4, 0]], 'n0');
    await cluster.time.advance(10 * ROUND_MS);
    expect(cluster.sums()).toEqual([12, 12]);
    const repairs = ['n0', 'n1'].map((id) => cluster.member(id).gossip.figures.repairs);
    expect((repairs[0] as number) + (repairs[1] as number)).toBe(1);
  });

  it('is never seen where there is none, however messages are lost', async () => {
    const cluster = await new Cluster(4).start();
    const random = new SeededRandom('lossy');
    cluster.isLost = () => random.integer(3) === 0;
    for (let round = 0; round < 200; round++) {
      await cluster.add(`n${random.integer(4)}`, 1);
      await cluster.time.advance(random.integer(INTERVAL_MS));
    }
    cluster.isLost = () => false;
    await cluster.time.advance(10 * ROUND_MS);
    expect(cluster.sums()).toEqual([200, 200, 200, 200]);
    for (let node = 0; node < 4; node++) expect(cluster.member(`n${node}`).gossip.figures.repairs).toBe(0);
  });
});

describe('the cost', () => {
  const SECONDS = 100;

  /** Requests for each node and second; each has a reply. */
  async function requestsOf(cluster: Cluster, size: number): Promise<number> {
    cluster.sent.length = 0;
    await cluster.time.advance(SECONDS * 1000);
    return cluster.sent.length / size / SECONDS;
  }

  it('is one exchange for each node and interval, whatever is added', async () => {
    const cluster = await new Cluster(5).start();
    const adding = (async () => {
      for (let round = 0; round < SECONDS * 20; round++) {
        await cluster.add(`n${round % 5}`, 1);
        await new Promise<void>((resolve) => cluster.time.schedule(50, resolve));
      }
    })();
    expect(await requestsOf(cluster, 5)).toBeCloseTo(1000 / INTERVAL_MS, 1);
    await adding;
  });

  it('is a quarter of that without news', async () => {
    const cluster = await new Cluster(5).start();
    expect(await requestsOf(cluster, 5)).toBeCloseTo(250 / INTERVAL_MS, 1);
  });

  it('is not higher because nodes are dead, and the others still hear of each other', async () => {
    const cluster = await new Cluster(5).start();
    cluster.isLost = ({ src, dest }) => src === 'n4' || dest === 'n4' || src === 'n3' || dest === 'n3';
    await cluster.add('n0', 1);
    await cluster.time.advance(5 * ROUND_MS);
    expect(cluster.sums()).toEqual([1, 1, 1, 0, 0]);
    expect(await requestsOf(cluster, 5)).toBeLessThan(1000 / INTERVAL_MS);
  });
});

it('takes nothing from a client, and tells it nothing', async () => {
  const cluster = await new Cluster(2).start();
  const { gossip, counter } = cluster.member('n0');
  const request = { cursor: 'x 1', digest: '', slots: [['n1', 'x', 5, 0] as Slot] };
  await expect(gossip.answer(request, 'c1')).rejects.toMatchObject({ code: 22 });
  expect(counter.slots.count).toBe(0);
});

it('begins anew after a cursor that it did not give', async () => {
  const cluster = await new Cluster(2).start();
  await cluster.add('n0', 5);
  const { gossip } = cluster.member('n0');
  const request = { cursor: 'x 1', digest: '', slots: [] };
  for (const since of ['e1', 'e9 1', ' ', '', 'e1 x'])
    expect((await gossip.answer({ ...request, since }, 'n1')).slots).toEqual([['n0', 'e1', 5, 0]]);
});
