/** One id for a service and a key: the replies of all nodes, and the content of the store after faults. */

import { describe, expect, it } from 'vitest';
import { Assignments } from '../../../src/ids/fleet/assignments.ts';
import { IdGenerator } from '../../../src/ids/id-generator.ts';
import type { IdSource } from '../../../src/ids/id-source.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import type { Token } from '../../../src/kv/store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { NEW_YEAR_MS } from '../../support/manual-clock.ts';
import { MemoryEngine } from '../../support/memory-store.ts';
import { NumberRig } from '../../support/number-rig.ts';
import type { WireMessage } from '../../support/store-rig.ts';

/** Longer than an assignment is retried. */
const LONG_MS = 30_000;
/** Assignments that a node remembers. */
const REMEMBERED = 10_000;

type Batches = (count: number, source: IdSource) => ReturnType<IdSource['nextBatchReserved']>;

class Bench {
  readonly rig = new NumberRig();

  /**
   * Another node, with an empty memory.
   *
   * @param nextBatchReserved how it gets its ids. Default: at once
   */
  async open(nodeId = `n${this.rig.lifeCount}`, nextBatchReserved?: Batches): Promise<Assignments> {
    const { context } = this.rig.begin(nodeId);
    const node = this.rig.lifeCount;
    const generator = await IdGenerator.start({ node, clock: context.clock, random: context.randomUint32 });
    const source = {
      nextBatchReserved: (count: number) =>
        nextBatchReserved?.(count, generator) ?? generator.nextBatchReserved(count, 'snowflake'),
    };
    return new Assignments(context, new LinKvStore(context), source);
  }

  assign(assignments: Assignments, service: string, key: string): Promise<string> {
    return this.rig.run(assignments.assign(service, key));
  }

  find(assignments: Assignments, id: string) {
    return this.rig.run(assignments.find(id));
  }

  /** The requests of a type for keys with this beginning. */
  requests(type: 'read' | 'cas', prefix: string): WireMessage['body'][] {
    return this.rig.requests(type).filter(({ key }) => key.startsWith(prefix));
  }

  /** The intended ids, from the pages that were written. */
  get intended(): string[] {
    const pages = this.requests('cas', 'guid-page/').map(({ to }) => Object.keys(JSON.parse(to).intentions));
    return [...new Set(pages.flat())];
  }

  stored(key: string): unknown {
    return this.rig.look('lin-kv', { type: 'read', key }).value;
  }
}

function isIdPage({ body }: WireMessage): boolean {
  return body.type === 'cas' && body.key.startsWith('guid-page/');
}

/** Its head, or one of its pages. */
function isFeed({ body }: WireMessage): boolean {
  return body.type === 'cas' && body.key.startsWith('feed');
}

function isPage(message: WireMessage): boolean {
  return isIdPage(message) || isFeed(message);
}

function isRecord({ body }: WireMessage): boolean {
  return body.type === 'cas' && body.key.startsWith('guid/');
}

describe('an assignment', () => {
  it('is the same for ever and from every node', async () => {
    const bench = new Bench();
    const [one, other] = [await bench.open(), await bench.open()];
    const id = await bench.assign(one, 'payment', 'k');
    expect(await bench.assign(other, 'payment', 'k')).toBe(id);
    expect(await bench.assign(one, 'payment', 'k')).toBe(id);
    expect(await bench.assign(await bench.open(), 'payment', 'k')).toBe(id);
    expect(bench.requests('cas', 'guid/')).toHaveLength(1);
  });

  it('in memory is answered without the store', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    const id = await bench.assign(assignments, 'payment', 'k');
    const { length } = bench.rig.wire;
    bench.rig.cutStore();
    expect(await bench.assign(assignments, 'payment', 'k')).toBe(id);
    expect(bench.rig.wire).toHaveLength(length);
  });

  it('is in memory until 10,000 others were made or seen after it', async () => {
    const engine = new MemoryEngine();
    const store = engine.open();
    const read: string[] = [];
    const { context } = new NumberRig().begin('n0');
    const kv = { ...store, read: (key: string) => store.read(key).finally(() => read.push(key)) };
    const assignments = new Assignments(context, kv, { nextBatchReserved: () => Promise.reject(new Error('no ids')) });
    const keys = Array.from({ length: REMEMBERED + 1 }, (_, number) => `k${number}`);
    for (const [number, key] of keys.entries()) {
      const record = { id: `${number}`, service: 's', key, node: 'n9', created_at: '2026-01-01T00:00:00.000Z' };
      engine.entries.set(`guid/s/${key}`, { text: JSON.stringify({ ...record, ver: 1 }), token: '1' as Token });
    }
    const assignAll = async (asked: readonly string[]) => {
      const ids = await Promise.all(asked.map((key) => assignments.assign('s', key)));
      expect(ids).toEqual(asked.map((key) => key.slice(1)));
    };
    await assignAll(keys);
    expect(read).toHaveLength(keys.length);
    await assignAll(keys.slice(1));
    expect(read).toHaveLength(keys.length);
    await assignAll(['k0']);
    expect(read.slice(keys.length)).toEqual(['guid/s/k0']);
  });

  it('is reported by every node, with its maker and time', async () => {
    const bench = new Bench();
    const id = await bench.assign(await bench.open('n7'), 'payment', 'k');
    expect(await bench.find(await bench.open('n8'), id)).toEqual({
      id,
      service: 'payment',
      key: 'k',
      node: 'n7',
      created_at: expect.stringMatching(/^2026-01-01T00:00:00\.\d{3}Z$/),
    });
  });

  it('is not reported of an unassigned id, after one read', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    expect(await bench.find(assignments, '595172839467794432')).toBeUndefined();
    expect(bench.rig.requests('read')).toHaveLength(1);
  });

  const NAMES: readonly (readonly [string, string])[] = [
    ['a', 'b'],
    ['a/b', 'c'],
    ['a', 'b/c'],
    ['a/b/c', '/'],
    ['a%2Fb', 'c'],
    ['a', 'b%2Fc'],
    ['a%252Fb', 'c'],
    ['%', '%25'],
    ['%25', '%'],
    ['ä', 'é'],
    ['a\u0308', 'e\u0301'],
    ['世界', '🌍'],
    ['世界/🌍', ' '],
    ['.', '..'],
    ['a\u0000', 'b\n'],
    ['__proto__', 'constructor'],
    ['constructor', '__proto__'],
    ['A', 'B'],
  ];

  it('belongs to its service and key alone, with any characters in them', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    const ids = await bench.rig.run(Promise.all(NAMES.map(([service, key]) => assignments.assign(service, key))));
    expect(new Set(ids).size).toBe(NAMES.length);
    const stranger = await bench.open();
    for (const [index, [service, key]] of NAMES.entries()) {
      expect(await bench.find(stranger, ids[index] as string)).toMatchObject({ id: ids[index], service, key });
      expect(await bench.assign(stranger, service, key)).toBe(ids[index]);
    }
  });

  it.each([
    ['service', '\ud800', 'k'],
    ['service', 'a\udc00b', 'k'],
    ['key', 'payment', '\udfff\ud83c'],
  ])('is refused if the %s is not well-formed text', async (field, service, key) => {
    const bench = new Bench();
    const assignments = await bench.open();
    const assign = async () => assignments.assign(service, key);
    await expect(assign()).rejects.toMatchObject({ code: 12, message: `body.${field}: is not well-formed text` });
    expect(bench.rig.wire).toEqual([]);
  });
});

describe('many requests at once', () => {
  it('for one key share one answer and its cost', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    const ids = await bench.rig.run(Promise.all(Array.from({ length: 100 }, () => assignments.assign('payment', 'k'))));
    expect(new Set(ids).size).toBe(1);
    const asked = bench.rig.wire.filter(({ dest }) => dest === 'lin-kv').map(({ body }) => `${body.type} ${body.key}`);
    // The head of the feed is read once, and told of a new page.
    expect(asked.filter((text) => !text.endsWith(' feed/payment'))).toEqual([
      'read guid/payment/k',
      `cas ${bench.requests('cas', 'guid-page/')[0].key}`,
      'cas feed-page/payment/0',
      'cas guid/payment/k',
    ]);
    expect(asked.filter((text) => text.endsWith(' feed/payment'))).toHaveLength(3);
  });

  it('cost one request more than without a feed: that to its last page', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    await bench.assign(assignments, 'payment', 'first');
    await bench.rig.pass(100);
    const { length } = bench.rig.wire;
    await bench.assign(assignments, 'payment', 'second');
    const asked = bench.rig.wire.slice(length).filter(({ dest }) => dest === 'lin-kv');
    expect(asked.map(({ body }) => body.type)).toEqual(['read', 'cas', 'cas', 'cas']);
  });

  it('for one key share one failure, and the next request starts over', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    bench.rig.cutStore();
    const assign = () => assignments.assign('payment', 'k');
    const results = await bench.rig.run(Promise.allSettled(Array.from({ length: 10 }, assign)));
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']));
    bench.rig.heal();
    expect(await bench.rig.run(assign())).toMatch(/^\d+$/);
  });

  it('for many keys are gathered in few pages of at most 64 places', async () => {
    const bench = new Bench();
    const counts: number[] = [];
    const assignments = await bench.open('n0', (count, source) => {
      counts.push(count);
      return source.nextBatchReserved(count, 'snowflake');
    });
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    const ids = await bench.rig.run(Promise.all(keys.map((key) => assignments.assign('payment', key))));
    expect(new Set(ids).size).toBe(200);
    expect(counts).toEqual([1, 64, 64, 64, 7]);
    const pages = bench.requests('cas', 'guid-page/');
    // One page for the first request, then 64 at a time, which may cross two pages.
    expect(pages.length).toBeLessThanOrEqual(2 * Math.ceil(200 / 64) + 1);
    const sizes = pages.map(({ to }) => Object.keys(JSON.parse(to).intentions).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
    const stranger = await bench.open();
    for (const [index, id] of ids.entries())
      expect(await bench.find(stranger, id)).toMatchObject({ service: 'payment', key: keys[index] });
  });

  it('fill a page that was begun, and lose nothing in it', async () => {
    const bench = new Bench();
    const { context } = bench.rig.begin('n0');
    // The clock stands still, so all ids are of one millisecond and adjacent.
    const clock = { wallMs: () => NEW_YEAR_MS, monotonicMs: () => 0 };
    const source = await IdGenerator.start({ node: 0, clock, random: context.randomUint32 });
    const assignments = new Assignments(context, new LinKvStore(context), source);
    const ids: string[] = [];
    for (let number = 0; number < 70; number++) ids.push(await bench.assign(assignments, 'payment', `k${number}`));
    const keys = bench.requests('cas', 'guid-page/').map(({ key }) => key);
    expect(new Set(keys).size).toBe(2);
    for (const [number, id] of ids.entries())
      expect(await bench.find(assignments, id)).toMatchObject({ key: `k${number}` });
  });
});

describe('under faults', () => {
  let bench: Bench;

  it('a node that dies between page and record has assigned nothing, and no status says otherwise', async () => {
    const bench = new Bench();
    const { context, kill } = bench.rig.begin('n0');
    const dying = new Assignments(
      context,
      new LinKvStore(context),
      await IdGenerator.start({ node: 0, clock: context.clock, random: () => 0 }),
    );
    bench.rig.lose(isRecord);
    void dying.assign('payment', 'k').catch(() => {});
    await bench.rig.pass(100);
    kill();
    bench.rig.heal();
    const [intended] = bench.intended;
    expect(bench.stored(bench.requests('cas', 'guid-page/')[0].key)).toContain(intended);
    const other = await bench.open();
    expect(await bench.find(other, intended as string)).toBeUndefined();
    const id = await bench.assign(other, 'payment', 'k');
    expect(id).not.toBe(intended);
    expect(await bench.find(other, intended as string)).toBeUndefined();
    expect(await bench.find(other, id)).toMatchObject({ id, service: 'payment', key: 'k' });
  });

  it('the loser of a race answers the winner’s id, and both ids have a correct status', async () => {
    const bench = new Bench();
    const nodes = await Promise.all(Array.from({ length: 3 }, () => bench.open()));
    const ids = await bench.rig.run(Promise.all(nodes.map((node) => node.assign('payment', 'k'))));
    expect(new Set(ids).size).toBe(1);
    expect(bench.intended).toHaveLength(3);
    for (const node of nodes) {
      const found = await bench.rig.run(Promise.all(bench.intended.map((id) => node.find(id))));
      expect(found.map((record) => record?.id)).toEqual(bench.intended.map((id) => (id === ids[0] ? id : undefined)));
    }
  });

  it.each([0, 1, 2])('a lost reply changes nothing: number %d of three', async (lost) => {
    const bench = new Bench();
    const assignments = await bench.open();
    let answered = 0;
    bench.rig.lose(({ src }) => src === 'lin-kv' && answered++ === lost);
    const id = await bench.assign(assignments, 'payment', 'k');
    expect(await bench.find(assignments, id)).toMatchObject({ id, key: 'k' });
    expect(bench.intended).toEqual([id]);
    // The page shows that it was written, so it is not written again.
    expect(bench.requests('cas', 'guid-page/')).toHaveLength(1);
  });

  it('the answer is 11 when the store is away, and nothing is ever assigned', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    bench.rig.cutStore();
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toMatchObject({ code: 11 });
    await expect(bench.find(assignments, '595172839467794432')).rejects.toMatchObject({ code: 11 });
    expect(bench.rig.requests('cas')).toEqual([]);
  });

  it.each<[string, number, RegExp, (message: WireMessage) => boolean]>([
    [
      'if the end of the feed is not found',
      11,
      /^nothing was assigned, for /,
      ({ body }) => body.key === 'feed/payment',
    ],
    ['if it may be in the feed', 13, /^it is not known whether /, isFeed],
    ['if the page of the id is missing', 13, /^it is not known whether /, isIdPage],
    ['if any page may be there', 13, /^it is not known whether /, isPage],
  ])('%s, the answer is %d, and nothing is assigned until the feed is read', async (_, code, text, loses) => {
    bench = new Bench();
    const assignments = await bench.open();
    bench.rig.lose(loses);
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
    });
    bench.rig.heal();
    await bench.rig.pass(LONG_MS);
    expect(bench.requests('cas', 'guid/')).toEqual([]);
    expect(bench.stored('guid/payment/k')).toBeUndefined();
    for (const id of bench.intended) expect(await bench.find(assignments, id)).toBeUndefined();
  });

  it('the answer is 13 when the record may exist, and the next request gives the result', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    bench.rig.lose(({ src }) => src === 'lin-kv' && bench.requests('cas', 'guid/').length > 0);
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toMatchObject({
      code: 13,
      definite: false,
      message: expect.stringMatching(
        /^it is not known whether it happened: assignment guid\/payment\/k: .* in 1000 ms$/,
      ),
    });
    bench.rig.heal();
    const [intended] = bench.intended;
    expect(await bench.assign(assignments, 'payment', 'k')).toBe(intended);
    expect(bench.intended).toHaveLength(1);
  });

  it('the answer is 13 when the record does not exist but that is unknown, and the next request assigns', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    bench.rig.lose(
      (message) => isRecord(message) || (message.dest === 'lin-kv' && bench.requests('cas', 'guid/').length > 0),
    );
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toMatchObject({ code: 13 });
    bench.rig.heal();
    const id = await bench.assign(assignments, 'payment', 'k');
    expect(bench.intended).toHaveLength(2);
    for (const intended of bench.intended)
      expect((await bench.find(assignments, intended))?.id).toBe(intended === id ? id : undefined);
  });

  it('a record that arrives late, after another node’s, changes nothing', async () => {
    const bench = new Bench();
    const [slow, fast] = [await bench.open(), await bench.open()];
    bench.rig.drawFate = (message) => (isRecord(message) ? [500] : [1]);
    const late = slow.assign('payment', 'k');
    await bench.rig.pass(100);
    bench.rig.heal();
    const id = await bench.assign(fast, 'payment', 'k');
    expect(await bench.rig.run(late)).toBe(id);
    expect(await bench.find(slow, id)).toMatchObject({ id, node: 'n1' });
  });

  it('without an id the store is only asked whether there is one', async () => {
    const bench = new Bench();
    const { context } = bench.rig.begin('n0');
    const refusal = RpcError.of('temporarily-unavailable', 'no ids');
    const assignments = new Assignments(context, new LinKvStore(context), {
      nextBatchReserved: () => Promise.reject(refusal),
    });
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toBe(refusal);
    expect(bench.rig.requests('cas')).toEqual([]);
  });

  it('a mistake in the program reaches the node as it is, which logs where it was made', async () => {
    const bench = new Bench();
    const mistake = new TypeError('a mistake');
    const assignments = await bench.open('n0', () => Promise.reject(mistake));
    await expect(bench.assign(assignments, 'payment', 'k')).rejects.toBe(mistake);
  });

  it.each([
    ['is refused, and never made, if its turn comes after 3.5 s', 3500, false],
    ['is made if its turn comes a millisecond earlier', 3499, true],
  ])('a request that waits behind another one %s', async (_, waitMs, isMade) => {
    const bench = new Bench();
    let isFirst = true;
    const assignments = await bench.open('n0', async (count, source) => {
      if (!isFirst) return source.nextBatchReserved(count, 'snowflake');
      isFirst = false;
      await new Promise<void>((resolve) => bench.rig.time.schedule(waitMs, resolve));
      throw RpcError.of('temporarily-unavailable', 'no ids');
    });
    const keys = ['first', 'second'];
    const assigning = Promise.allSettled(keys.map((key) => assignments.assign('payment', key)));
    const [first, second] = await bench.rig.run(assigning);
    expect(first).toMatchObject({ reason: { code: 11, message: 'no ids' } });
    if (isMade) expect(second).toMatchObject({ value: expect.stringMatching(/^\d+$/) });
    else expect(second).toMatchObject({ reason: { code: 11, message: 'too many assignments wait for lin-kv' } });
    await bench.rig.pass(LONG_MS);
    expect(bench.requests('cas', 'guid-page/')).toHaveLength(isMade ? 1 : 0);
    expect(bench.stored('guid/payment/second') !== undefined).toBe(isMade);
  });

  it('waits no longer than its client, with any number of requests and any delay of the store', async () => {
    const bench = new Bench();
    const assignments = await bench.open();
    bench.rig.lose(isPage);
    const outcomes = Array.from({ length: 300 }, (_, number) =>
      assignments.assign('payment', `k${number}`).then(
        () => 0,
        (error: RpcError) => error.code,
      ),
    );
    await bench.rig.pass(10_000);
    // The first may be in the feed; no other had its turn.
    expect(await Promise.all(outcomes)).toEqual(outcomes.map((_, number) => (number === 0 ? 13 : 11)));
  });
});
