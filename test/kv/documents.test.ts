/**
 * Documents in lin-kv. Each rule is tested from outside: what leaves the node, what is in the store, what the caller
 * gets. Events are scripted message by message; `update-property.test.ts` draws them at random.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import {
  Documents,
  type DocumentsOptions,
  readOrThrow,
  type Stored,
  type UpdateResult,
} from '../../src/kv/documents.ts';
import { KvClient } from '../../src/kv/kv-client.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { LinearizableStore, Token } from '../../src/kv/store.ts';
import { ERRORS, RpcError } from '../../src/protocol/errors.ts';
import { LATENCY_MS, LOST, type RigNode, StoreRig, type WireMessage } from '../support/store-rig.ts';

const DEADLINE_MS = 100;
const PATIENCE_MS = 1000;
/** The time of two messages, and a bit more: work that is done by then did not wait. */
const SOON_MS = 4 * LATENCY_MS;
const KEY = 'k';

const List = z.object({ tokens: z.array(z.string()) });
type List = z.infer<typeof List>;
const NOTHING: Stored<List> = { ver: 0, content: undefined, token: null };

class Bench {
  readonly rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
  readonly node: RigNode;
  readonly documents: Documents<List>;

  constructor() {
    this.node = this.rig.start('n0');
    this.documents = this.open(this.node);
  }

  open({ context }: RigNode, options: Partial<DocumentsOptions<List>> = {}): Documents<List> {
    const kv = new LinKvStore(context, { deadlineMs: DEADLINE_MS });
    return new Documents({ kv, context, name: 'list', schema: List, patienceMs: PATIENCE_MS, ...options });
  }

  /** Documents that pause as long as they may, and their pauses so far, ms. */
  openPausing(options: Partial<DocumentsOptions<List>> = {}): { documents: Documents<List>; pausesMs: number[] } {
    const { clock, sleep } = this.node.context;
    const pausesMs: number[] = [];
    const context = {
      clock,
      randomUint32: () => 2 ** 32 - 1,
      sleep: (durationMs: number) => {
        pausesMs.push(durationMs);
        return sleep(durationMs);
      },
    };
    return { documents: this.open(this.node, { context, ...options }), pausesMs };
  }

  append(token: string, known?: Stored<List>, documents = this.documents): Promise<UpdateResult<List>> {
    return this.rig.run(documents.update(KEY, appending(token), known));
  }

  /** The value under the key. */
  get text(): unknown {
    return this.rig.look('lin-kv', { type: 'read', key: KEY }).value;
  }

  get tokens(): readonly string[] {
    return this.text === undefined ? [] : JSON.parse(this.text as string).tokens;
  }

  put(value: unknown): void {
    this.rig.look('lin-kv', { type: 'write', key: KEY, value });
  }

  /** Another writer is faster. */
  overtake(token: string): void {
    const { ver = 0, tokens = [] } = this.text === undefined ? {} : JSON.parse(this.text as string);
    this.put(text(ver + 1, ...tokens, token));
  }

  /** From now on all messages that `loses` selects are lost. */
  lose(loses: (message: WireMessage) => boolean): void {
    this.rig.drawFate = (message) => (loses(message) ? LOST : [LATENCY_MS]);
  }
}

function text(ver: number, ...tokens: string[]): string {
  return JSON.stringify({ tokens, ver });
}

/** lin-kv's token of a value: its compare-and-set is by value. */
function tokenOf(value: string): Token {
  return value as Token;
}

function appending(token: string): (list: List | undefined) => List | undefined {
  return (list) => {
    const tokens = list?.tokens ?? [];
    return tokens.includes(token) ? undefined : { tokens: [...tokens, token] };
  };
}

function refusal(): RpcError {
  return RpcError.of('key-already-exists', 'the list is full');
}

/** Appends, and refuses from its `nth` call on. */
function refusing(nth: number): (list: List | undefined) => List | undefined {
  let asked = 0;
  return (list) => {
    if (++asked >= nth) throw refusal();
    return appending('mine')(list);
  };
}

/** A store that has done nothing, whatever it is asked. */
const BUSY: LinearizableStore = {
  name: 'a busy store',
  read: async () => ({ kind: 'failed', error: RpcError.of('temporarily-unavailable') }),
  replace: async () => ({ kind: 'unavailable', error: RpcError.of('temporarily-unavailable') }),
};

describe('reading again', () => {
  it('gives the same content for the same text without parsing it, and new content for any other', async () => {
    const bench = new Bench();
    const read = async () => (await bench.rig.run(readOrThrow(bench.documents, KEY))) as Stored<List>;
    bench.put(text(1, 'a'));
    const first = await read();
    const second = await read();
    expect(second).toEqual({ ver: 1, content: { tokens: ['a'] }, token: tokenOf(text(1, 'a')) });
    expect(second.content).toBe(first.content);
    bench.put(text(2, 'a', 'b'));
    expect(await read()).toEqual({ ver: 2, content: { tokens: ['a', 'b'] }, token: tokenOf(text(2, 'a', 'b')) });
    bench.put(text(1, 'a'));
    expect(await read()).toEqual(first);
  });

  it('remembers no long text', async () => {
    const bench = new Bench();
    const read = async () => (await bench.rig.run(readOrThrow(bench.documents, KEY))) as Stored<List>;
    bench.put(text(1, 'a'.repeat(5000)));
    const first = await read();
    const second = await read();
    expect(second).toEqual(first);
    expect(second.content).not.toBe(first.content);
  });
});

describe('a document', () => {
  it('is in the store as canonical JSON: keys in order, no blanks, with its version', async () => {
    const { rig, node } = new Bench();
    const kv = new LinKvStore(node.context);
    const schema = z.record(z.string(), z.unknown());
    const documents = new Documents({ kv, context: node.context, name: 'record', schema });
    const result = await rig.run(
      documents.update(KEY, () => ({ zebra: [1, { y: null, x: 'ä "' }], ape: 1.5, wolf: true })),
    );
    const expected = '{"ape":1.5,"ver":1,"wolf":true,"zebra":[1,{"x":"ä \\"","y":null}]}';
    expect(rig.look('lin-kv', { type: 'read', key: KEY })).toEqual({ type: 'read_ok', value: expected });
    expect(result).toMatchObject({ kind: 'ok', stored: { ver: 1, token: expected } });
  });

  it('has a version that grows by one with every change', async () => {
    const bench = new Bench();
    for (const token of ['a', 'b', 'c']) await bench.append(token);
    expect(bench.rig.requests('cas').map(({ to }) => JSON.parse(to).ver)).toEqual([1, 2, 3]);
    expect(await bench.rig.run(bench.documents.read(KEY))).toEqual({
      kind: 'ok',
      stored: { ver: 3, content: { tokens: ['a', 'b', 'c'] }, token: text(3, 'a', 'b', 'c') },
    });
  });

  it('that does not exist is reported as missing', async () => {
    const bench = new Bench();
    expect(await bench.rig.run(bench.documents.read(KEY))).toEqual({ kind: 'ok', stored: NOTHING });
  });

  it('is returned where an error is thrown, or the error is', async () => {
    const bench = new Bench();
    bench.put(text(3, 'a'));
    const stored = { ver: 3, content: { tokens: ['a'] }, token: text(3, 'a') };
    expect(await bench.rig.run(readOrThrow(bench.documents, KEY))).toEqual(stored);
    bench.put(7);
    await expect(bench.rig.run(readOrThrow(bench.documents, KEY))).rejects.toMatchObject({ code: 14 });
  });

  it('is changed by one compare-and-set from the text that was read, effect and mark together', async () => {
    const bench = new Bench();
    bench.put('{"ver": 7, "tokens": ["by hand"]}');
    expect(await bench.append('a')).toMatchObject({ kind: 'ok', stored: { ver: 8 } });
    expect(bench.rig.requests('cas')).toMatchObject([
      { key: KEY, from: '{"ver": 7, "tokens": ["by hand"]}', to: text(8, 'by hand', 'a') },
    ]);
  });

  it('is not written if there is nothing to change', async () => {
    const bench = new Bench();
    bench.put(text(1, 'a'));
    expect(await bench.append('a')).toMatchObject({ kind: 'ok', stored: { ver: 1, content: { tokens: ['a'] } } });
    expect(bench.rig.requests('cas')).toEqual([]);
  });

  it('is created only if there was none, and a lost race for that is handled like any other', async () => {
    const bench = new Bench();
    let raced = false;
    const change = (list: List | undefined) => {
      if (!raced) bench.overtake('theirs');
      raced = true;
      return appending('mine')(list);
    };
    expect(await bench.rig.run(bench.documents.update(KEY, change))).toMatchObject({ kind: 'ok', stored: { ver: 2 } });
    expect(bench.tokens).toEqual(['theirs', 'mine']);
    const [creation, second] = bench.rig.requests('cas');
    expect(creation).toMatchObject({ from: null, create_if_not_exists: true });
    expect(second).not.toHaveProperty('create_if_not_exists');
  });

  it('is never written blindly and never deleted, under any fault', async () => {
    const bench = new Bench();
    let count = 0;
    bench.lose(({ body }) => body.type !== 'init' && count++ % 3 === 1);
    for (const token of ['a', 'b', 'c', 'd']) await bench.append(token);
    const requests = bench.rig.wire.filter(({ dest }) => dest === 'lin-kv').map(({ body }) => body);
    expect(new Set(requests.map(({ type }) => type))).toEqual(new Set(['read', 'cas']));
    for (const { from, to } of bench.rig.requests('cas'))
      expect(JSON.parse(to).ver).toBe((from === null ? 0 : JSON.parse(from).ver) + 1);
  });

  it('that returns to an earlier content does not accept a late compare-and-set', async () => {
    const bench = new Bench();
    await bench.append('a');
    bench.rig.next('cas', [LATENCY_MS, 500]);
    await bench.append('b');
    await bench.rig.run(bench.documents.update(KEY, () => ({ tokens: ['a'] })));
    await bench.rig.pass(1000);
    expect(bench.text).toBe(text(3, 'a'));
  });
});

describe('an update', () => {
  it('whose reply is lost has happened once, and reports it', async () => {
    const bench = new Bench();
    bench.rig.next('cas_ok', LOST);
    expect(await bench.append('a')).toMatchObject({ kind: 'ok', stored: { ver: 1, token: text(1, 'a') } });
    expect(bench.rig.requests('cas')).toHaveLength(1);
    expect(bench.text).toBe(text(1, 'a'));
  });

  it('whose request is lost is retried from the same version', async () => {
    const bench = new Bench();
    await bench.append('a');
    bench.rig.next('cas', LOST);
    expect(await bench.append('b')).toMatchObject({ kind: 'ok' });
    const [, lost, second] = bench.rig.requests('cas');
    expect({ ...second, msg_id: undefined }).toEqual({ ...lost, msg_id: undefined });
    expect(bench.text).toBe(text(2, 'a', 'b'));
  });

  it.each([
    ['after the second one', DEADLINE_MS + 200, LATENCY_MS],
    ['before the second one', DEADLINE_MS + 20, 60],
    ['long after all is over', 10 * PATIENCE_MS, LATENCY_MS],
  ])('whose first request arrives %s happens once', async (_, firstMs, secondMs) => {
    const bench = new Bench();
    await bench.append('a');
    bench.rig.next('cas', [firstMs]).next('cas', [secondMs]);
    expect(await bench.append('b')).toMatchObject({ kind: 'ok' });
    expect(await bench.append('c')).toMatchObject({ kind: 'ok' });
    await bench.rig.pass(20 * PATIENCE_MS);
    expect(bench.text).toBe(text(3, 'a', 'b', 'c'));
  });

  it('is ok if the request arrives twice and only the refusal comes back', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [1, 2]).next('cas_ok', LOST);
    expect(await bench.append('a')).toMatchObject({ kind: 'ok', stored: { ver: 1 } });
    expect(bench.rig.wire.filter(({ body }) => body.type === 'error' && body.code === 22)).toHaveLength(1);
    expect(bench.text).toBe(text(1, 'a'));
  });

  it('is still found when others have moved on since', async () => {
    const bench = new Bench();
    bench.rig.next('cas_ok', LOST);
    bench.rig.time.schedule(DEADLINE_MS / 2, () => bench.overtake('theirs'));
    expect(await bench.append('mine')).toMatchObject({ kind: 'ok', stored: { ver: 2 } });
    expect(bench.tokens).toEqual(['mine', 'theirs']);
  });

  it('is not found when others have removed its mark: marks must stay', async () => {
    const bench = new Bench();
    bench.rig.next('cas_ok', LOST);
    const taken: (readonly string[])[] = [];
    bench.rig.time.schedule(DEADLINE_MS / 2, () => {
      taken.push(bench.tokens);
      bench.put(text(2));
    });
    expect(await bench.rig.run(bench.documents.update(KEY, refusing(2)))).toMatchObject({ kind: 'definite' });
    expect(taken).toEqual([['mine']]);
  });

  const codes = [...ERRORS.map(({ code }) => code), 1000];
  it.each(codes.flatMap((code) => [[code, true] as const, [code, false] as const]))(
    'that is answered with error %i happens once (carried out all the same: %s)',
    async (code, carriedOut) => {
      const bench = new Bench();
      await bench.append('a');
      bench.rig.answerNext('cas', { type: 'error', code, text: 'as scripted' }, carriedOut);
      expect(await bench.append('b')).toMatchObject({ kind: 'ok', stored: { ver: 2 } });
      expect(bench.rig.requests('cas')).toHaveLength(carriedOut ? 2 : 3);
      expect(bench.text).toBe(text(2, 'a', 'b'));
    },
  );

  it('reads again until it gets an answer', async () => {
    const bench = new Bench();
    bench.rig.next('read', LOST).next('read_ok', LOST);
    bench.put(text(4, 'a'));
    bench.rig.answerNext('read', { type: 'error', code: 11 });
    expect(await bench.append('b')).toMatchObject({ kind: 'ok', stored: { ver: 5 } });
  });

  it('succeeds in the end after many lost races', async () => {
    const bench = new Bench();
    let asked = 0;
    const change = (list: List | undefined) => {
      if (++asked <= 6) bench.overtake(`theirs ${asked}`);
      return appending('mine')(list);
    };
    expect(await bench.rig.run(bench.documents.update(KEY, change))).toMatchObject({ kind: 'ok', stored: { ver: 7 } });
    expect(bench.tokens.filter((token) => token === 'mine')).toHaveLength(1);
  });

  it('succeeds for each of many that begin together', async () => {
    const bench = new Bench();
    const tokens = Array.from({ length: 12 }, (_, index) => `t${index}`);
    const updates = tokens.map((token, index) =>
      bench.open(bench.rig.start(`n${index + 1}`), { patienceMs: 10_000 }).update(KEY, appending(token)),
    );
    const results = await bench.rig.run(Promise.all(updates));
    expect(results.map(({ kind }) => kind)).toEqual(tokens.map(() => 'ok'));
    expect(bench.tokens.toSorted()).toEqual(tokens.toSorted());
    expect(JSON.parse(bench.text as string).ver).toBe(12);
  });

  it('sends only a read and a compare-and-set without faults', async () => {
    const bench = new Bench();
    await bench.append('a');
    expect(bench.rig.wire.filter(({ dest }) => dest === 'lin-kv').map(({ body }) => body.type)).toEqual([
      'read',
      'cas',
    ]);
    expect(bench.rig.time.now()).toBe(4 * LATENCY_MS);
  });
});

describe('a pause before the next try', () => {
  it.each([
    ['a read', (documents: Documents<List>) => documents.read(KEY)],
    ['an update', (documents: Documents<List>) => documents.update(KEY, appending('a'))],
  ])(
    'of %s is 10 ms at most, then up to twice as long each time, up to 320 ms, until the time is up',
    async (_, ask) => {
      const bench = new Bench();
      const pausesMs = [10, 20, 40, 80, 160, 320, 320];
      const patienceMs = 950;
      const opened = bench.openPausing({ kv: BUSY, patienceMs });
      expect(await bench.rig.run<{ kind: string }>(ask(opened.documents))).toMatchObject({ kind: 'definite' });
      expect(opened.pausesMs).toEqual(pausesMs);
      expect(bench.rig.time.now()).toBe(patienceMs);
    },
  );

  it('is not needed after the first lost race, only after later ones', async () => {
    const bench = new Bench();
    const { documents, pausesMs } = bench.openPausing();
    let asked = 0;
    const change = (list: List | undefined) => {
      if (++asked <= 3) bench.overtake(`theirs ${asked}`);
      return appending('mine')(list);
    };
    expect(await bench.rig.run(documents.update(KEY, change))).toMatchObject({ kind: 'ok', stored: { ver: 4 } });
    expect(pausesMs).toEqual([20, 40]);
  });

  it('is needed when the first request got no answer', async () => {
    const bench = new Bench();
    const { documents, pausesMs } = bench.openPausing();
    bench.rig.next('cas', LOST);
    expect(await bench.append('a', undefined, documents)).toMatchObject({ kind: 'ok', stored: { ver: 1 } });
    expect(pausesMs).toEqual([10]);
  });

  it('is needed when the store was unavailable for the first request', async () => {
    const bench = new Bench();
    const kv: LinearizableStore = { ...BUSY, read: async () => ({ kind: 'absent' }) };
    const { documents, pausesMs } = bench.openPausing({ kv, patienceMs: 25 });
    expect(await bench.append('a', undefined, documents)).toMatchObject({ kind: 'definite' });
    expect(pausesMs).toEqual([10, 20]);
  });
});

describe('an update that runs out of time', () => {
  it('has tried for 3.5 s unless told otherwise, and ends before its clients give up', async () => {
    const { rig, node } = new Bench();
    const documents = new Documents({ kv: BUSY, context: node.context, name: 'list', schema: List });
    expect(await rig.run(documents.update(KEY, appending('a')))).toMatchObject({ kind: 'definite' });
    expect(rig.time.now()).toBeGreaterThanOrEqual(3500);
    expect(rig.time.now()).toBeLessThan(5000);
  });

  it('has made its first try, even if reading took all the time', async () => {
    const bench = new Bench();
    bench.rig.next('read', [60]);
    const result = await bench.append('a', undefined, bench.open(bench.node, { patienceMs: 50 }));
    expect(result).toMatchObject({ kind: 'ok', stored: { ver: 1 } });
    expect(bench.text).toBe(text(1, 'a'));
  });

  it('is definitely not done, error 11, when no compare-and-set was ever sent', async () => {
    const bench = new Bench();
    bench.lose(({ body }) => body.type === 'read');
    const result = await bench.append('a');
    expect(result).toMatchObject({ kind: 'definite', error: { code: 11 } });
    expect(result).toMatchObject({ error: { message: expect.stringMatching(/^list k: .*no answer in 100 ms/) } });
    expect(bench.rig.requests('cas')).toEqual([]);
  });

  it('is definitely not done, error 11, when every request sent is proven dead', async () => {
    const bench = new Bench();
    let count = 0;
    const change = (list: List | undefined) => {
      bench.overtake(`theirs ${count++}`);
      return appending('mine')(list);
    };
    const result = await bench.rig.run(bench.documents.update(KEY, change));
    expect(result).toMatchObject({ kind: 'definite', error: { code: 11 } });
    expect(result).toMatchObject({ error: { message: 'list k: others were faster every time' } });
    await bench.rig.pass(10 * PATIENCE_MS);
    expect(bench.tokens).not.toContain('mine');
  });

  it.each([
    ['the requests are lost', 'cas', 0],
    ['the answers are lost, and nothing can be read after them', 'cas_ok', 1],
  ])('is unknown, error 13, when %s', async (_, lost, effects) => {
    const bench = new Bench();
    let silent = false;
    bench.lose(({ body }) => {
      silent ||= body.type === 'cas_ok';
      return body.type === lost || (silent && lost === 'cas_ok');
    });
    const result = await bench.append('a');
    expect(result).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
    expect(result).toMatchObject({
      error: { message: expect.stringContaining('it is not known whether it happened: list k: ') },
    });
    expect(result).toMatchObject({ error: { message: expect.stringContaining('no answer in 100 ms') } });
    expect(bench.tokens).toHaveLength(effects);
  });

  it('is unknown even when its last sign was an error that is definite', async () => {
    const bench = new Bench();
    let forged = 0;
    bench.rig.drawFate = ({ body }) => {
      if (body.type === 'cas' && forged++ < 1000)
        bench.rig.answerNext('cas', { type: 'error', code: 11, text: 'busy' });
      return [LATENCY_MS];
    };
    const result = await bench.append('a');
    expect(result).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
    expect(result).toMatchObject({ error: { message: expect.stringContaining('busy') } });
  });

  it('is definitely not done, error 11, when the store was unavailable for every request sent', async () => {
    const bench = new Bench();
    const away = { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'connection refused') } as const;
    const kv: LinearizableStore = {
      name: 'a store',
      read: async () => ({ kind: 'absent' }),
      replace: async () => away,
    };
    const documents = bench.open(bench.node, { kv });
    expect(await bench.rig.run(documents.replace(KEY, NOTHING, { tokens: [] }))).toEqual(away);
    const result = await bench.append('a', undefined, documents);
    const error = { code: 11, message: 'list k: connection refused' };
    expect(result).toMatchObject({ kind: 'definite', error });
    // With pauses, until its time is up.
    expect(bench.rig.time.now()).toBeGreaterThanOrEqual(PATIENCE_MS);
  });

  it('is unknown when the store was silent once and unavailable since', async () => {
    const bench = new Bench();
    const answers = ['silent', 'unavailable', 'unavailable'] as const;
    let sent = 0;
    const kv: LinearizableStore = {
      name: 'a store',
      read: async () => ({ kind: 'absent' }),
      replace: async () => ({ kind: answers[sent++] ?? 'unavailable', error: RpcError.of('temporarily-unavailable') }),
    };
    const result = await bench.append('a', undefined, bench.open(bench.node, { kv }));
    expect(result).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
  });

  it('may happen after it was reported as unknown', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [5 * PATIENCE_MS]);
    bench.lose(({ body }) => body.type === 'cas');
    expect(await bench.append('a')).toMatchObject({ kind: 'indefinite' });
    expect(bench.tokens).toEqual([]);
    await bench.rig.pass(10 * PATIENCE_MS);
    expect(bench.tokens).toEqual(['a']);
  });

  it.each([
    ['keeps silent', undefined],
    ['is busy', { type: 'error', code: 11, text: 'busy' }],
  ])('ends not much later than its time limit when the store %s', async (_, answer) => {
    const bench = new Bench();
    const patienceMs = 5000;
    bench.rig.drawFate = () => {
      if (answer === undefined) return LOST;
      bench.rig.answerNext('read', answer);
      return [LATENCY_MS];
    };
    const documents = bench.open(bench.node, { patienceMs });
    const longestRoundMs = 320 + DEADLINE_MS;
    for (const ask of [() => documents.read(KEY), () => documents.update(KEY, appending('a'))]) {
      const beganMs = bench.rig.time.now();
      expect(await bench.rig.run<{ kind: string }>(ask())).toMatchObject({ kind: 'definite', error: { code: 11 } });
      expect(bench.rig.time.now() - beganMs).toBeGreaterThanOrEqual(patienceMs);
      expect(bench.rig.time.now() - beganMs).toBeLessThanOrEqual(patienceMs + longestRoundMs);
    }
    expect(bench.rig.requests('read').length).toBeGreaterThan((2 * patienceMs) / longestRoundMs);
  });

  it.each([
    ['for the first read', 'read', 'definite'],
    ['for the compare-and-set', 'cas', 'indefinite'],
  ])('ends at once when the node does, while it waits %s', async (_, lost, kind) => {
    const bench = new Bench();
    bench.lose(({ body }) => body.type === lost);
    bench.rig.time.schedule(DEADLINE_MS / 2, () => bench.node.node.stop('it was told to end'));
    expect(await bench.append('a')).toMatchObject({ kind });
    expect(bench.rig.time.now()).toBeLessThanOrEqual(DEADLINE_MS / 2 + SOON_MS);
    expect(bench.node.node.load).toEqual({ inFlight: 0, pendingRpcs: 0, sleepers: 0 });
  });

  it('ends at once when the node does, while it pauses, and when it had ended before', async () => {
    const bench = new Bench();
    bench.rig.answerNext('read', { type: 'error', code: 11 });
    bench.rig.time.schedule(2 * LATENCY_MS + 0.001, () => bench.node.node.stop('it was told to end'));
    expect(await bench.append('a')).toMatchObject({ kind: 'definite', error: { code: 11 } });
    expect(await bench.append('a')).toMatchObject({ kind: 'definite', error: { code: 11 } });
    expect(await bench.rig.run(bench.documents.read(KEY))).toMatchObject({ kind: 'definite', error: { code: 11 } });
    expect(bench.rig.time.now()).toBeLessThanOrEqual(2 * SOON_MS);
  });
});

describe('a change that refuses', () => {
  it('passes its error on when nothing was sent', async () => {
    const bench = new Bench();
    expect(await bench.rig.run(bench.documents.update(KEY, refusing(1)))).toEqual({
      kind: 'definite',
      error: refusal(),
    });
  });

  it('passes its error on when the request sent is proven dead', async () => {
    const bench = new Bench();
    bench.rig.next('cas', LOST);
    bench.rig.time.schedule(DEADLINE_MS / 2, () => bench.overtake('theirs'));
    expect(await bench.rig.run(bench.documents.update(KEY, refusing(2)))).toEqual({
      kind: 'definite',
      error: refusal(),
    });
  });

  it('ends as unknown, error 13, when the request sent may still arrive', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [PATIENCE_MS]);
    const result = await bench.rig.run(bench.documents.update(KEY, refusing(2)));
    expect(result).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
    expect(result).toMatchObject({ error: { message: expect.stringContaining('the list is full') } });
    await bench.rig.pass(2 * PATIENCE_MS);
    expect(bench.tokens).toEqual(['mine']);
  });

  it('with an error of another kind ends the update with that error', async () => {
    const bench = new Bench();
    const update = bench.documents.update(KEY, () => {
      throw new TypeError('a mistake');
    });
    await expect(bench.rig.run(update)).rejects.toThrow('a mistake');
  });

  it('must not leave a document uncreated', async () => {
    const bench = new Bench();
    const update = bench.documents.update(KEY, () => undefined);
    await expect(bench.rig.run(update)).rejects.toThrow('uncreated');
  });
});

describe('a known version of a document', () => {
  it('saves reading it', async () => {
    const bench = new Bench();
    const first = await bench.append('a', NOTHING);
    if (first.kind !== 'ok') throw first.error;
    const second = await bench.append('b', first.stored);
    expect(second).toMatchObject({ kind: 'ok', stored: { ver: 2 } });
    expect(bench.rig.requests('read')).toEqual([]);
    expect(bench.text).toBe(text(2, 'a', 'b'));
  });

  const STALE: Stored<List> = { ver: 1, content: { tokens: ['a'] }, token: tokenOf(text(1, 'a')) };

  it.each([
    ['an older version', STALE],
    ['that there was none', NOTHING],
  ])('costs one more try when it is %s, and no pause', async (_, known) => {
    const bench = new Bench();
    bench.put(text(2, 'a', 'b'));
    expect(await bench.append('c', known)).toMatchObject({ kind: 'ok', stored: { ver: 3 } });
    expect(bench.text).toBe(text(3, 'a', 'b', 'c'));
    expect(bench.rig.time.now()).toBe(6 * LATENCY_MS);
  });

  it('costs no further try when the time is up after it', async () => {
    const bench = new Bench();
    bench.put(text(2, 'a', 'b'));
    bench.rig.next('read', [60]);
    const error = { code: 11, message: 'list k: others were faster every time' };
    const result = await bench.append('c', STALE, bench.open(bench.node, { patienceMs: 50 }));
    expect(result).toMatchObject({ kind: 'definite', error });
    expect(bench.rig.requests('cas')).toHaveLength(1);
    expect(bench.text).toBe(text(2, 'a', 'b'));
  });

  it.each([
    ['shows the mark', appending('a'), { kind: 'ok', stored: STALE }],
    ['makes the change refuse', refusing(1), { kind: 'definite', error: refusal() }],
  ])('is read again, and nothing is sent, when it %s and is current', async (_, change, result) => {
    const bench = new Bench();
    bench.put(text(1, 'a'));
    expect(await bench.rig.run(bench.documents.update(KEY, change, STALE))).toEqual(result);
    expect([bench.rig.requests('read').length, bench.rig.requests('cas')]).toEqual([1, []]);
    expect(bench.text).toBe(text(1, 'a'));
  });

  it('is not treated as current: the mark may be gone since', async () => {
    const bench = new Bench();
    bench.put(text(2));
    expect(await bench.append('a', STALE)).toMatchObject({ kind: 'ok', stored: { ver: 3 } });
    expect(bench.text).toBe(text(3, 'a'));
  });

  it('does not justify a refusal: the reason may be gone since', async () => {
    const bench = new Bench();
    bench.put(text(2));
    const change = (list: List | undefined) => {
      if (list?.tokens.length === 1) throw refusal();
      return appending('b')(list);
    };
    expect(await bench.rig.run(bench.documents.update(KEY, change, STALE))).toMatchObject({ kind: 'ok' });
    expect(bench.text).toBe(text(3, 'b'));
  });
});

describe('a value that is not a document', () => {
  const GARBAGE = [
    ['a number', 7, 'it is not a text'],
    ['null', null, 'it is not a text'],
    ['an object', { ver: 1, tokens: [] }, 'it is not a text'],
    ['a text', 'hello', 'it is not JSON'],
    ['an array', '[1]', 'it is not a JSON object'],
    ['the text of null', 'null', 'it is not a JSON object'],
    ['an object without a version', '{"tokens":[]}', 'ver: is missing'],
    ['an object with version 0', '{"tokens":[],"ver":0}', 'ver: '],
    ['an object with a broken version', '{"tokens":[],"ver":1.5}', 'ver: '],
    ['an object with other content', '{"tokens":[1],"ver":1}', 'tokens.0: expected string'],
    ['an object without content', '{"ver":1}', 'tokens: is missing'],
  ] as const;
  it.each(GARBAGE)('is reported with its key, and not changed: %s', async (_, value, problem) => {
    const bench = new Bench();
    bench.put(value);
    const error = {
      code: 14,
      message: expect.stringContaining(`lin-kv holds no list under k: ${problem}`),
    };
    expect(await bench.rig.run(bench.documents.read(KEY))).toMatchObject({ kind: 'definite', error });
    expect(await bench.append('a')).toMatchObject({ kind: 'definite', error });
    expect(bench.rig.requests('cas')).toEqual([]);
    expect(bench.text).toEqual(value);
  });

  it('makes the outcome unknown after a request was sent', async () => {
    const bench = new Bench();
    bench.rig.next('cas', LOST);
    bench.rig.time.schedule(DEADLINE_MS / 2, () => bench.put('hello'));
    expect(await bench.append('a')).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
  });

  it.each([
    ['an older version', text(3, 'a'), '3'],
    ['nothing', undefined, '0'],
  ])('is reported of a store that goes back, to %s', async (_, value, ver) => {
    const bench = new Bench();
    bench.put(text(5, 'a', 'b'));
    bench.rig.next('cas', LOST);
    // As after a restore from a backup.
    bench.rig.answerNext('read', { type: 'read_ok', value: bench.text });
    bench.rig.answerNext('read', value === undefined ? { type: 'error', code: 20 } : { type: 'read_ok', value });
    const result = await bench.append('c');
    expect(result).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
    const message = `list k went back from version 5 to ${ver}: lin-kv has lost what it acknowledged`;
    expect(result).toMatchObject({ error: { message: expect.stringContaining(message) } });
  });

  it('is reported of a store that has lost a known version', async () => {
    const bench = new Bench();
    bench.put(text(1, 'a'));
    const known: Stored<List> = { ver: 2, content: { tokens: ['a', 'b'] }, token: tokenOf(text(2, 'a', 'b')) };
    for (const token of ['b', 'c']) {
      const result = await bench.append(token, known);
      const message = expect.stringContaining('went back from version 2 to 1');
      expect(result).toMatchObject({ error: { message } });
    }
    expect(bench.text).toBe(text(1, 'a'));
  });

  it('is rejected by the types for a store that is not linearizable', () => {
    // @ts-expect-error the silence of a store that is not linearizable proves nothing
    const kv: LinearizableStore = new KvClient(new Bench().node.context, 'seq-kv');
    expect(kv).not.toHaveProperty('replace');
  });
});

describe('a node that starts again', () => {
  /** The reply to an earlier life arrives while a later one waits for the reply to a lost request. */
  async function restart(firstDraw?: number): Promise<{ bench: Bench; result: UpdateResult<List> }> {
    const bench = new Bench();
    const { rig } = bench;
    const earlier = rig.start('n1', firstDraw);
    rig.next('cas_ok', [50]);
    void bench.open(earlier).update(KEY, appending('a'), NOTHING);
    await rig.pass(5);
    earlier.kill();
    const later = rig.start('n1', firstDraw);
    bench.lose(({ body }) => body.type === 'cas');
    const known: Stored<List> = { ver: 1, content: { tokens: ['a'] }, token: tokenOf(text(1, 'a')) };
    return { bench, result: await bench.append('b', known, bench.open(later)) };
  }

  it('ignores replies to its earlier life', async () => {
    const { bench, result } = await restart();
    expect(result.kind).toBe('indefinite');
    expect(bench.tokens).toEqual(['a']);
  });

  it('would accept them if it numbered its requests in the same range', async () => {
    const { bench, result } = await restart(0);
    expect(result.kind).toBe('ok');
    expect(bench.tokens).toEqual(['a']);
  });
});
