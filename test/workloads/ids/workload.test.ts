/**
 * The test of the id service: what it draws, how its client judges replies, and that a service that is wrong in one way
 * is found by the rule for that.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Client, Completion } from '../../../src/harness/client.ts';
import type { Invocation } from '../../../src/harness/workload-test.ts';
import type { History } from '../../../src/history/history.ts';
import { EPOCH_MS, encodeSnowflake } from '../../../src/ids/snowflake.ts';
import { encodeUuid } from '../../../src/ids/uuid.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { formatTimestamp } from '../../../src/protocol/timestamp.ts';
import { BAD_IDS } from '../../../src/workloads/ids/bad-ids.ts';
import { readId } from '../../../src/workloads/ids/checker/id-slots.ts';
import { COUNT_MAX } from '../../../src/workloads/ids/messages.ts';
import { idsTest } from '../../../src/workloads/ids/workload.ts';
import { ClientRig } from '../../support/client-rig.ts';
import { handwritten } from '../../support/histories.ts';
import { answering } from '../../support/scripted-bed.ts';
import { ScriptedRun } from '../../support/scripted-run.ts';
import { ANY_TURN } from '../../support/turns.ts';

const SERVICES = ['payment', 'booking'];
/** 16 pairs, of two services. */
const LAST_KEYS = Array.from({ length: 8 }, (_, number) => `hot-${91 + number}`);

// biome-ignore lint/suspicious/noExplicitAny: answers and values of every shape
type Fields = Readonly<Record<string, any>>;

function draw(seed: string, count: number): (Invocation & { readonly value: Fields })[] {
  const next = idsTest.createGenerator(new SeededRandom(seed));
  return Array.from({ length: count }, () => next(ANY_TURN) as Invocation & { readonly value: Fields });
}

function finalOf(history: History): readonly Invocation[] {
  return (idsTest.createFinalInvocations?.(new SeededRandom('final'), 3, history) ?? []) as readonly Invocation[];
}

/** Both services were asked for each key. */
function historyOf(keys: readonly string[]): History {
  const pairs = keys.flatMap((key) => SERVICES.map((service) => ({ service, key })));
  return handwritten(...pairs.map((value) => ({ type: 'invoke' as const, process: 0, f: 'assign', value })));
}

function share<Item>(items: readonly Item[], matches: (item: Item, index: number) => boolean): number {
  return items.filter(matches).length / items.length;
}

function invokedOf(operations: readonly Invocation[], f: string): Fields[] {
  return operations.filter((operation) => operation.f === f).map(({ value }) => value as Fields);
}

describe('the operations drawn', () => {
  const operations = draw('mix', 20_000);
  const generated = invokedOf(operations, 'generate');
  const assigned = invokedOf(operations, 'assign');
  const fresh = assigned.filter(({ key }) => !key.startsWith('hot-'));

  it('are of every kind, and of no other', () => {
    expect(new Set(operations.map(({ f }) => f))).toEqual(
      new Set(['generate', 'status', 'assign', 'feed', 'consume', 'commit']),
    );
    expect(new Set(generated.map((value) => Object.keys(value).join()))).toEqual(
      new Set(['', 'count', 'kind', 'count,kind']),
    );
    expect(new Set(generated.map(({ kind }) => kind))).toEqual(new Set([undefined, 'uuid']));
    expect(new Set(invokedOf(operations, 'status').flatMap(({ bad }) => bad ?? []))).toEqual(new Set(BAD_IDS.keys()));
  });

  it('are plain JSON, and hold no id', () => {
    expect(JSON.parse(JSON.stringify(operations))).toEqual(operations);
    for (const { of, bad, ...rest } of invokedOf(operations, 'status')) {
      expect(rest).toEqual({});
      if (bad !== undefined) continue;
      expect(of).toBeGreaterThanOrEqual(0);
      expect(Number.isInteger(of)).toBe(true);
    }
  });

  it('mostly ask for few ids, for a thousand once in fifty at most, and rarely for more than a millisecond has', () => {
    const counts = generated.flatMap(({ count }) => count ?? []);
    const large = counts.filter((count) => count > 20);
    expect(Math.min(...counts)).toBe(1);
    expect(counts).toContain(20);
    expect(large).toContain(1000);
    expect(large.length).toBeLessThan(operations.length / 50);
    const borrowing = large.filter((count) => count > 4096);
    expect(borrowing.length).toBeGreaterThan(0);
    expect(borrowing.length).toBeLessThan(large.length / 2);
    expect(Math.max(...counts)).toBeLessThanOrEqual(COUNT_MAX);
  });

  it('use the same few keys again and again, and as many others once', () => {
    const hot = assigned.filter(({ key }) => key.startsWith('hot-'));
    const pairs = hot.map(({ service, key }) => `${service}/${key}`);
    expect(new Set(pairs.slice(0, 24)).size).toBe(4);
    expect(pairs.length / new Set(pairs).size).toBeGreaterThan(4);
    // Older ones are still requested, and new ones come until the end.
    const first = pairs.map((pair) => pairs.indexOf(pair));
    expect(share(first, (place, index) => index - place > 200)).toBeGreaterThan(0.1);
    for (let tenth = 1; tenth <= 10; tenth++) {
      const [from, to] = [((tenth - 1) * pairs.length) / 10, (tenth * pairs.length) / 10];
      expect(first.filter((place, index) => index === place && from <= index && index < to).length).toBeGreaterThan(10);
    }
    expect(new Set(fresh.map(({ key }) => key)).size).toBe(fresh.length);
    expect(Math.min(hot.length, fresh.length)).toBeGreaterThan(1000);
  });

  it('share the few keys with the probes, and none of the others', () => {
    const probes = invokedOf(draw('probes', 20_000), 'assign');
    const keys = new Set(assigned.map(({ key }) => key));
    const shared = new Set(probes.filter(({ key }) => keys.has(key)).map(({ key }) => key));
    for (const key of ['hot-0', 'hot-1']) expect(shared).toContain(key);
    for (const key of shared) expect(key).toMatch(/^hot-/);
  });

  it.each([
    ['where nothing was asked', [], ['hot-0', 'hot-1']],
    ['where others were asked for', ['hot-7', 'mine-3', 'hot-7'], ['hot-0', 'hot-1', 'hot-7']],
    ['of a long run', Array.from({ length: 99 }, (_, number) => `hot-${number}`), ['hot-0', 'hot-1', ...LAST_KEYS]],
  ])('are in the end an id, a status, and hot keys, once from every node: %s', (_name, asked, expected) => {
    const final = finalOf(historyOf(asked));
    const hot = expected.flatMap((key) => SERVICES.map((service) => JSON.stringify({ service, key })));
    for (let asker = 0; asker < 3; asker++) {
      const own = final.filter((_, index) => index % 3 === asker);
      expect(own.slice(0, 2)).toEqual([
        { f: 'generate', value: {} },
        { f: 'status', value: { of: 0 } },
      ]);
      expect(own.slice(-4).map(({ f }) => f)).toEqual(['consume', 'commit', 'feed', 'feed']);
      expect(invokedOf(own, 'feed')).toEqual(SERVICES.map((service) => ({ service, all: true })));
      expect(new Set(own.slice(2, -4).map(({ f }) => f))).toEqual(new Set(['assign']));
      expect(
        own
          .slice(2, -4)
          .map(({ value }) => JSON.stringify(value))
          .sort(),
      ).toEqual([...hot].sort());
    }
  });
});

describe('a client', () => {
  let rig: ClientRig;
  let otherClient: Client;

  beforeEach(() => {
    rig = new ClientRig(idsTest);
    otherClient = rig.openClient();
  });

  function perform(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    return rig.perform(f, value, ...replies);
  }

  function lastRequest(): Fields {
    return rig.asked().at(-1) as Fields;
  }

  const UUID = '0199c1a2-7b3c-7001-8041-5f2d9e8c7b6a';

  it.each([
    ['one id', {}, { id: '7' }, { kind: 'snowflake', ids: ['7'] }],
    ['a batch', { count: 2 }, { ids: ['7', '9'] }, { kind: 'snowflake', ids: ['7', '9'] }],
    ['a batch of one', { count: 1 }, { ids: ['7'] }, { kind: 'snowflake', ids: ['7'] }],
    ['a UUID', { kind: 'uuid' }, { id: UUID }, { kind: 'uuid', ids: [UUID] }],
    ['a batch of UUIDs', { count: 1, kind: 'uuid' }, { ids: [UUID] }, { kind: 'uuid', ids: [UUID] }],
    ['ids that are none, and too few', { count: 9 }, { ids: [7, null] }, { kind: 'snowflake', ids: [7, null] }],
  ])('gets %s', async (_name, asked, answer, value) => {
    expect(await perform('generate', asked, { type: 'generate_ok', ...answer })).toEqual({ type: 'ok', value });
    expect(lastRequest()).toEqual({ type: 'generate', ...asked });
    expect(rig.malformed).toEqual([]);
  });

  it.each([
    ['a batch from a node that was asked for one id', {}, { ids: ['7'] }],
    ['one id from a node that was asked for a batch', { count: 1 }, { id: '7' }],
    ['both', { count: 1 }, { id: '7', ids: ['7'] }],
    ['nothing', {}, {}],
  ])('treats %s as a breach of the protocol', async (_name, asked, answer) => {
    const completion = await perform('generate', asked, { type: 'generate_ok', ...answer });
    expect(completion).toMatchObject({ type: 'info', value: asked, error: ['malformed-reply', expect.any(String)] });
    expect(rig.malformed).toHaveLength(1);
  });

  it('gets an id for a service and key', async () => {
    const pair = { service: 'payment', key: 'a' };
    const completion = await perform('assign', pair, { type: 'guid_assign_ok', id: '7' });
    expect(completion).toEqual({ type: 'ok', value: { ...pair, id: '7' } });
    expect(lastRequest()).toEqual({ type: 'guid_assign', ...pair });
  });

  it.each(['generate', 'assign'])('keeps the arguments of %s if the outcome is unknown', async (f) => {
    const value = { service: 'payment', key: 'a' };
    expect(await perform(f, value)).toEqual({ type: 'info', value, error: 'net-timeout' });
    const refusal = { type: 'error', code: 11, text: 'later' };
    expect(await perform(f, value, refusal)).toEqual({
      type: 'fail',
      value,
      error: ['temporarily-unavailable', 'later'],
    });
  });

  describe('that asks for a status', () => {
    const SAID = { kind: 'snowflake', timestamp: '2026-…', node: 1, sequence: 2 };
    const OK = { type: 'guid_status_ok', ...SAID };
    const generate = (...ids: string[]) => rig.performBy(otherClient, 'generate', { count: ids.length }, { ids });

    it('uses a well-formed id until a client got one', async () => {
      for (const of of [0, 1, 65_535]) {
        await perform('status', { of }, OK);
        expect(readId(lastRequest().id)?.kind).toBe('snowflake');
      }
    });

    it('uses an id that any client got, generated or assigned, by its number from the newest', async () => {
      await generate('1', '2', '3');
      await perform('assign', { service: 'payment', key: 'a' }, { type: 'guid_assign_ok', id: '4' });
      await generate('5');
      // Only the ends of a batch are remembered.
      const expected = ['5', '4', '3', '1', '5'];
      for (const [of, id] of expected.entries()) {
        expect(await perform('status', { of }, OK)).toEqual({ type: 'ok', value: { id, ...SAID } });
        expect(lastRequest()).toEqual({ type: 'guid_status', id });
      }
    });

    it('remembers an id once, only acknowledged ones, and a bounded number', async () => {
      await perform('generate', {}, { type: 'error', code: 11, text: '' });
      for (let id = 0; id < 100; id++) await generate(String(id), String(id));
      for (const [of, id] of [
        [0, '99'],
        [63, '36'],
        [64, '99'],
      ] as const) {
        await perform('status', { of }, OK);
        expect(lastRequest()).toEqual({ type: 'guid_status', id });
      }
    });

    it('forgets everything with the run', async () => {
      await generate('77');
      rig.beginRun();
      await perform('status', { of: 0 }, OK);
      expect(lastRequest().id).not.toBe('77');
    });

    it('keeps the assignment, with all fields in it', async () => {
      const said = { kind: null, timestamp: 7, node: '1', sequence: 1.5, assignment: { service: 'payment' } };
      await generate('77');
      const completion = await perform('status', { of: 0 }, { type: 'guid_status_ok', ...said, msg_id: 3 });
      expect(completion).toEqual({ type: 'ok', value: { id: '77', ...said } });
    });

    it('reports the id it asked about, with any outcome', async () => {
      await generate('77');
      const value = { id: '77' };
      expect(await perform('status', { of: 0 })).toEqual({ type: 'info', value, error: 'net-timeout' });
      const refusal = { type: 'error', code: 12, text: 'no' };
      expect(await perform('status', { of: 0 }, refusal)).toEqual({
        type: 'fail',
        value,
        error: ['malformed-request', 'no'],
      });
      const { sequence: _sequence, ...incomplete } = OK;
      expect(await perform('status', { of: 0 }, incomplete)).toMatchObject({ type: 'info', value });
      expect(rig.malformed).toHaveLength(1);
    });
  });

  describe('that asks for the status of a text that is not an id', () => {
    it.each([...BAD_IDS])('sends %s unchanged', async (name, fields) => {
      await perform('status', { bad: name }, { type: 'error', code: 12, text: 'no' });
      expect(lastRequest()).toEqual({ type: 'guid_status', ...fields });
      expect(readId(fields.id)).toBeUndefined();
    });

    it.each([
      ['takes error 12 for a refusal', { type: 'error', code: 12, text: 'no' }, { refused: true }],
      [
        'treats a status as a wrong answer',
        { type: 'guid_status_ok', node: 1, more: true },
        { refused: false, answer: { node: 1, more: true } },
      ],
      [
        'treats another definite error as a wrong answer',
        { type: 'error', code: 20, text: 'no' },
        { refused: false, answer: ['key-does-not-exist', 'no'] },
      ],
    ])('%s', async (_name, reply, judged) => {
      const completion = await perform('status', { bad: 'letters' }, reply);
      expect(completion).toEqual({ type: 'ok', value: { name: 'letters', ...judged } });
      expect(rig.malformed).toEqual([]);
    });

    it.each([
      ['fails', 11, 'fail'],
      ['knows nothing', 13, 'info'],
      ['knows nothing', 1000, 'info'],
    ])('%s after error %d', async (_name, code, type) => {
      const completion = await perform('status', { bad: 'letters' }, { type: 'error', code, text: 'no' });
      expect(completion).toMatchObject({ type, value: { name: 'letters' } });
    });

    it('knows nothing without an answer', async () => {
      expect(await perform('status', { bad: 'letters' })).toEqual({
        type: 'info',
        value: { name: 'letters' },
        error: 'net-timeout',
      });
    });
  });

  it('rejects an unknown operation', () => {
    expect(() => rig.invoke('redeem', {})).toThrow('no operation redeem');
    return expect(rig.invoke('status', { bad: 'good' })).rejects.toThrow('no bad id by the name of good');
  });
});

describe('a client of the feed', () => {
  const rig = new ClientRig(idsTest);
  const SERVICE = 'payment';
  const answer = (cursor: string, ...ids: string[]) => ({
    type: 'guid_assignments_ok',
    assignments: ids.map((id) => ({ id, key: `of-${id}` })),
    cursor,
  });

  it('goes on behind its own cursor, and a group behind that of the node', async () => {
    const value = { service: SERVICE, reader: 1, limit: 2 };
    expect(await rig.perform('feed', value, answer('c1', '7', '8'))).toEqual({
      type: 'ok',
      value: {
        service: SERVICE,
        answers: [
          {
            assignments: [
              ['7', 'of-7'],
              ['8', 'of-8'],
            ],
            cursor: 'c1',
          },
        ],
      },
    });
    await rig.perform('feed', value, answer('c2'));
    expect(rig.asked().at(-1)).toEqual({ type: 'guid_assignments', service: SERVICE, after: 'c1', limit: 2 });
    await rig.perform('feed', { ...value, reader: 2 }, answer('c1', '7'));
    expect(rig.asked().at(-1)).toEqual({ type: 'guid_assignments', service: SERVICE, limit: 2 });
    await rig.perform('consume', { service: SERVICE, group: 'a', limit: 9 }, answer('c3', '9'));
    expect(rig.asked().at(-1)).toEqual({ type: 'guid_assignments', service: SERVICE, group: 'a', limit: 9 });
    const committed = await rig.perform(
      'commit',
      { service: SERVICE, group: 'a', of: 0 },
      { type: 'guid_commit_ok', cursor: 'c4' },
    );
    expect(committed).toEqual({ type: 'ok', value: { service: SERVICE, group: 'a', cursor: 'c3', now: 'c4' } });
  });

  it('reads all of it in the end, and goes on where it was if that fails', async () => {
    rig.beginRun();
    const all = { service: SERVICE, all: true };
    const failed = await rig.perform('feed', all, answer('c1', '7'), { type: 'error', code: 11, text: 'later' });
    expect(failed).toMatchObject({ type: 'fail', value: all });
    expect(await rig.perform('feed', all, answer('c2', '8'), answer('c2'))).toEqual({
      type: 'ok',
      value: {
        ...all,
        answers: [
          { assignments: [['7', 'of-7']], cursor: 'c1' },
          { after: 'c1', assignments: [['8', 'of-8']], cursor: 'c2' },
          { after: 'c2', assignments: [], cursor: 'c2' },
        ],
      },
    });
  });

  it('asks for a cursor if it has none to commit', async () => {
    rig.beginRun();
    const value = { service: SERVICE, group: 'a', of: 3 };
    expect(
      await rig.perform('commit', value, answer('c1', '7'), { type: 'guid_commit_ok', cursor: 'c1' }),
    ).toMatchObject({
      type: 'ok',
      value: { cursor: 'c1', now: 'c1', answers: [{ cursor: 'c1' }] },
    });
  });
});

/** The service in a few lines, without faults to survive: all nodes share one memory. */
class SmallService {
  readonly assigned = new Map<string, { readonly id: string; readonly assignment: Fields }>();
  readonly #groups = new Map<string, number>();
  #timestampMs = EPOCH_MS + 365 * 24 * 3600 * 1000;

  nextTimestampMs(_kind: string): number {
    return this.#timestampMs++;
  }

  nextId(node: number, kind: string): string {
    const parts = { timestampMs: this.nextTimestampMs(kind), node, sequence: 0, entropy: 0 };
    return kind === 'uuid' ? encodeUuid(parts) : String(encodeSnowflake(parts));
  }

  generate(node: number, { count, kind = 'snowflake' }: Fields): Fields {
    if (count === undefined) return { id: this.nextId(node, kind) };
    return { ids: Array.from({ length: count }, () => this.nextId(node, kind)) };
  }

  /** A cursor is the number of assignments before it. */
  assignments({ service, after, group, limit = 100 }: Fields): Fields {
    const own = [...this.assigned.values()].filter(({ assignment }) => assignment.service === service);
    const from = group === undefined ? Number(after ?? 0) : (this.#groups.get(`${service} ${group}`) ?? 0);
    const part = own.slice(from, from + limit).map(({ id, assignment }) => ({ id, key: assignment.key }));
    return { assignments: part, cursor: String(from + part.length) };
  }

  commit({ service, group, cursor }: Fields): Fields {
    const name = `${service} ${group}`;
    this.#groups.set(name, Math.max(this.#groups.get(name) ?? 0, Number(cursor)));
    return { cursor: String(this.#groups.get(name)) };
  }

  status({ id }: Fields): Fields {
    const facts = readId(id);
    if (facts === undefined) return { type: 'error', code: 12, text: 'not an id' };
    const { timestampMs, ...said } = facts;
    const assignment = [...this.assigned.values()].find((assigned) => assigned.id === id)?.assignment;
    return { ...said, timestamp: formatTimestamp(timestampMs), ...(assignment && { assignment }) };
  }

  assign(node: number, { service, key }: Fields): Fields {
    const name = this.nameOf(node, { service, key });
    let assigned = this.assigned.get(name);
    if (assigned === undefined) {
      const id = this.nextId(node, 'snowflake');
      const createdAt = formatTimestamp(EPOCH_MS);
      assigned = { id, assignment: { service, key, node: `n${node}`, created_at: createdAt } };
      this.assigned.set(name, assigned);
    }
    return { id: assigned.id };
  }

  nameOf(_node: number, { service, key }: Fields): string {
    return `${service}/${key}`;
  }
}

class CountsEachKindApart extends SmallService {
  readonly #counts = new Map<string, number>();

  override nextTimestampMs(kind: string): number {
    const timestampMs = this.#counts.get(kind) ?? super.nextTimestampMs(kind) - 1000;
    this.#counts.set(kind, timestampMs + 1);
    return timestampMs;
  }
}

class ReversesBatches extends SmallService {
  override generate(node: number, asked: Fields): Fields {
    const { id, ids } = super.generate(node, asked);
    return ids === undefined ? { id } : { ids: ids.toReversed() };
  }
}

class CutsBatches extends SmallService {
  override generate(node: number, asked: Fields): Fields {
    const { id, ids } = super.generate(node, asked);
    return ids === undefined ? { id } : { ids: ids.slice(0, 4096) };
  }
}

class AnswersNumbers extends SmallService {
  override generate(node: number, asked: Fields): Fields {
    const { id, ids } = super.generate(node, asked);
    return ids === undefined && asked.kind === undefined ? { id: Number(id) } : { id, ids };
  }
}

class CountsFromOne extends SmallService {
  override status(asked: Fields): Fields {
    const said = super.status(asked);
    return said.type === 'error' ? said : { ...said, sequence: said.sequence + 1 };
  }
}

class AssignsOnItsOwn extends SmallService {
  override nameOf(node: number, pair: Fields): string {
    return `n${node}/${super.nameOf(node, pair)}`;
  }
}

class IgnoresServices extends SmallService {
  override nameOf(_node: number, { key }: Fields): string {
    return key;
  }
}

class TellsNoAssignment extends SmallService {
  override status(asked: Fields): Fields {
    const { assignment: _assignment, ...said } = super.status(asked);
    return said;
  }
}

class Trims extends SmallService {
  override status({ id }: Fields): Fields {
    return super.status({ id: typeof id === 'string' ? id.trim() : id });
  }
}

class KnowsNoUuids extends SmallService {
  override status(asked: Fields): Fields {
    return readId(asked.id)?.kind === 'uuid' ? { type: 'error', code: 12, text: 'no' } : super.status(asked);
  }
}

function runAgainst(service: SmallService) {
  const run = new ScriptedRun({
    test: idsTest,
    ratePerSecond: 100,
    scriptOf: (nodeId) => {
      const node = Number(nodeId.slice(1));
      return answering({
        generate: (message, host) =>
          host.reply(message, { type: 'generate_ok', ...service.generate(node, message.body) }, 1),
        guid_status: (message, host) =>
          host.reply(message, { type: 'guid_status_ok', ...service.status(message.body) }, 1),
        guid_assign: (message, host) =>
          host.reply(message, { type: 'guid_assign_ok', ...service.assign(node, message.body) }, 1),
        guid_assignments: (message, host) =>
          host.reply(message, { type: 'guid_assignments_ok', ...service.assignments(message.body) }, 1),
        guid_commit: (message, host) =>
          host.reply(message, { type: 'guid_commit_ok', ...service.commit(message.body) }, 1),
      });
    },
  });
  return run.finish();
}

describe('a run', () => {
  it('accepts a correct service, and asks every node for the hot keys in the end', async () => {
    const { results, history } = await runAgainst(new SmallService());
    expect(results).toMatchObject({ 'valid?': true, workload: { 'valid?': true } });
    const feeds = [...history].slice(-12);
    expect(new Set(feeds.map(({ f }) => f))).toEqual(new Set(['feed']));
    expect(feeds.filter(({ type }) => type === 'ok')).toHaveLength(6);
    expect(
      [...history]
        .slice(0, -24)
        .slice(-24)
        .map(({ f }) => f),
    ).toEqual(Array.from({ length: 24 }, () => 'assign'));
  });

  it.each([
    ['counts each kind of ids apart', CountsEachKindApart, ['unique', 'ascending']],
    ['gives a batch in the wrong order', ReversesBatches, ['ascending']],
    ['ends a batch where a millisecond ends', CutsBatches, ['as-asked']],
    ['answers with numbers', AnswersNumbers, ['as-asked']],
    ['counts the ids of a millisecond from one', CountsFromOne, ['status-is-right']],
    ['refuses to tell the status of UUIDs', KnowsNoUuids, ['status-is-right']],
    ['lets every node assign on its own', AssignsOnItsOwn, ['one-to-one', 'assignment-is-right', 'feed-true']],
    [
      'assigns one id to the key of two services',
      IgnoresServices,
      ['unique', 'one-to-one', 'assignment-is-right', 'feed-complete'],
    ],
    ['tells no assignment', TellsNoAssignment, ['assignment-is-right']],
    ['passes over white space', Trims, ['refuses-what-is-no-id']],
  ])('rejects a service that %s, for that reason', async (_name, Service, rules) => {
    const { results } = await runAgainst(new Service());
    const workload = results.workload as Fields;
    expect(Object.keys(workload).filter((name) => workload[name]?.count > 0)).toEqual(rules);
    expect(workload['valid?']).toBe(false);
    expect(results.protocol?.count).toBe(0);
  });
});
