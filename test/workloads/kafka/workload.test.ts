/** The test of kafka: what a client asks, from which offsets it polls, what is drawn, and the last polls. */

import { describe, expect, it } from 'vitest';
import type { OperationEvent } from '../../../src/harness/operations.ts';
import type { Invocation, Turn } from '../../../src/harness/workload-test.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { kafka } from '../../../src/workloads/kafka/workload.ts';
import {
  CRASH,
  configured,
  draw,
  type Fields,
  finalOnes,
  outcomes,
  perform,
  REFUSAL,
  runAll,
  share,
  shares,
} from '../../support/operation-run.ts';
import type { ReceivedMessage, Script } from '../../support/scripted-bed.ts';

const { test } = kafka;
const SEND = { f: 'send', value: [['send', '7', 3]] };
const POLL = { f: 'poll', value: [['poll']] };
const assign = (...keys: string[]): Invocation => ({ f: 'assign', value: keys });

/** Logs that all nodes share. Offsets count from 0. */
class Logs {
  readonly logs = new Map<string, unknown[]>();
  readonly requests: ReceivedMessage[] = [];
  /** Answers in place of right ones, by the number of the request of this type. */
  readonly #instead: (type: string, count: number, right: Fields) => Fields | undefined;

  constructor(instead: (type: string, count: number, right: Fields) => Fields | undefined = (_, __, right) => right) {
    this.#instead = instead;
  }

  readonly script: Script = (message, node) => {
    const { type } = message.body;
    const count = this.requests.filter(({ body }) => body.type === type).length;
    this.requests.push(message);
    const reply = this.#instead(type, count, { type: `${type}_ok`, ...this.#answer(message.body) });
    if (reply !== undefined) node.reply(message, reply);
  };

  asked(type: string): Fields[] {
    return this.requests
      .filter(({ body }) => body.type === type)
      .map(({ body: { msg_id: _messageId, ...body } }) => body);
  }

  #answer({ type, key, msg, offsets }: Fields): Fields {
    if (type === 'send') {
      const log = this.logs.get(key) ?? [];
      this.logs.set(key, log);
      return { offset: log.push(msg) - 1 };
    }
    if (type === 'list_committed_offsets') return { offsets: { 7: 999_999 } };
    if (type !== 'poll') return {};
    const from = ([polled, offset]: [string, number]) =>
      (this.logs.get(polled) ?? []).map((message, at) => [at, message] as const).slice(offset, offset + 2);
    return { msgs: Object.fromEntries(Object.entries<number>(offsets).map((entry) => [entry[0], from(entry)])) };
  }
}

/** Performs these operations by one worker, one after the other. */
async function series(operations: readonly (Invocation & { worker?: number })[], logs = new Logs()) {
  const events: OperationEvent[] = operations.map((one, index) => ({ atMs: index * 11_000, worker: 0, ...one }));
  const schedule = { operations: events, faults: [], messages: [] };
  const run = runAll(logs.script, {
    test,
    schedule,
    nodes: ['n0'],
    concurrency: 2,
    timeLimitMs: 11_000 * events.length,
  });
  const { history } = await run.finish();
  const own = [...history].filter((operation) => operation['final?'] === undefined);
  const finals = finalOnes(history);
  const polls = logs.asked('poll').slice(0, own.filter(({ f, type }) => f === 'poll' && type === 'invoke').length);
  return { logs, history: own, finals, pollsFrom: polls.map(({ offsets }) => offsets) };
}

describe('a send', () => {
  it('has key and message, and gets the offset', async () => {
    const { asked, begin, end } = await perform(test, SEND, [{ offset: 12 }]);
    expect(asked).toEqual([{ type: 'send', key: '7', msg: 3 }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...SEND },
      { type: 'ok', f: 'send', value: [['send', '7', [12, 3]]] },
    ]);
  });

  it('keeps its value where it is not ok', async () => {
    const end = async (...replies: Fields[]) => (await perform(test, SEND, replies)).end;
    expect(await end(REFUSAL)).toEqual({ type: 'fail', ...SEND, error: ['temporarily-unavailable', 'later'] });
    expect(await end(CRASH)).toEqual({ type: 'info', ...SEND, error: ['crash', 'oops'] });
    expect(await end()).toEqual({ type: 'info', ...SEND, error: 'net-timeout' });
    const malformed = ['malformed-reply', 'offset: expected an integer'];
    expect(await end({ offset: 1.5 })).toEqual({ type: 'info', ...SEND, error: malformed });
  });
});

describe('a poll', () => {
  it('without assigned keys asks for nothing', async () => {
    const { asked, begin, end } = await perform(test, POLL, [{ msgs: {} }]);
    expect(asked).toEqual([{ type: 'poll', offsets: {} }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...POLL },
      { type: 'ok', f: 'poll', value: [['poll', {}]] },
    ]);
  });

  it('commits the highest offset of each key in a second request', async () => {
    const msgs = {
      7: [
        [2, 9],
        [3, 5],
      ],
      9: [[0, 'x']],
      4: [],
      5: null,
    };
    const { asked, end } = await perform(test, POLL, [{ msgs }, {}]);
    expect(asked.slice(1)).toEqual([{ type: 'commit_offsets', offsets: { 7: 3, 9: 0 } }]);
    expect(end).toEqual({ type: 'ok', f: 'poll', value: [['poll', msgs]] });
    const none = await perform(test, POLL, [{ msgs: { 4: [] } }]);
    expect(none.asked).toHaveLength(1);
    expect(none.end).toMatchObject({ type: 'ok' });
  });

  it('ends as its commit ends, without the messages, and waits 5 s for each answer', async () => {
    const msgs = { 7: [[2, 9]] };
    const refused = await perform(test, POLL, [{ msgs }, REFUSAL]);
    expect(refused.end).toEqual({ type: 'fail', ...POLL, error: ['temporarily-unavailable', 'later'] });
    expect(refused.keepsClient).toBe(true);
    const silent = await perform(test, POLL, [{ msgs }]);
    expect(silent.end).toEqual({ type: 'info', ...POLL, error: 'net-timeout' });
    expect(silent.keepsClient).toBe(false);
    expect(Math.round(silent.tookMs)).toBe(5000);
  });

  it.each([
    { msgs: { 7: [[2]] } },
    { msgs: { 7: [[2, 9, 1]] } },
    { msgs: { 7: [['2', 9]] } },
    { msgs: { 7: [2, 9] } },
    { msgs: [] },
    {},
  ])('takes %j for malformed', async (reply) => {
    const { asked, end } = await perform(test, POLL, [reply]);
    expect(asked).toHaveLength(1);
    expect(end).toMatchObject({ type: 'info', error: ['malformed-reply', expect.stringContaining('msgs')] });
  });
});

describe('an assign', () => {
  it('asks for the committed offsets, and has only keys in the history', async () => {
    const { asked, begin, end } = await perform(test, assign('7', '9'), [{ offsets: { 7: 3 } }]);
    expect(asked).toEqual([{ type: 'list_committed_offsets', keys: ['7', '9'] }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...assign('7', '9') },
      { type: 'ok', ...assign('7', '9') },
    ]);
  });
});

describe('the outcome', () => {
  it('is unknown after an indefinite error, or no answer. Then the client is replaced', async () => {
    const expected = {
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'info, client replaced',
      silence: 'info, client replaced',
      malformed: 'info, client replaced',
    };
    expect(await outcomes(test, SEND, { offset: 0 })).toEqual(expected);
    expect(await outcomes(test, POLL, { msgs: {} })).toEqual(expected);
  });

  it('of an assign is known after any error', async () => {
    expect(await outcomes(test, assign('7'), { offsets: {} })).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'fail, client kept',
      silence: 'fail, client kept',
      malformed: 'info, client replaced',
    });
  });
});

describe('a client', () => {
  const sends = (key: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ f: 'send', value: [['send', key, index + 1]], worker: 1 }));

  it('polls from 0 after an assign, not from what is committed, and then from behind what it polled', async () => {
    const { pollsFrom, history } = await series([...sends('7', 3), assign('7', '9'), POLL, POLL, POLL]);
    expect(pollsFrom).toEqual([
      { 7: 0, 9: 0 },
      { 7: 2, 9: 0 },
      { 7: 3, 9: 0 },
    ]);
    expect(history.filter(({ f, type }) => f === 'poll' && type === 'ok').map(({ value }) => value)).toEqual([
      [
        [
          'poll',
          {
            7: [
              [0, 1],
              [1, 2],
            ],
            9: [],
          },
        ],
      ],
      [['poll', { 7: [[2, 3]], 9: [] }]],
      [['poll', { 7: [], 9: [] }]],
    ]);
  });

  it('keeps the offsets of keys that it is assigned again, and forgets others', async () => {
    const operations = [
      ...sends('7', 3),
      ...sends('9', 1),
      assign('7', '9'),
      POLL,
      assign('7'),
      POLL,
      assign('7', '9'),
      POLL,
    ];
    const { pollsFrom } = await series(operations);
    expect(pollsFrom).toEqual([{ 7: 0, 9: 0 }, { 7: 2 }, { 7: 3, 9: 0 }]);
  });

  it('takes keys that it did not ask for', async () => {
    const logs = new Logs((type, count, right) =>
      type === 'poll' && count === 0 ? { ...right, msgs: { 5: [[4, 1]] } } : right,
    );
    expect((await series([assign('7'), POLL, POLL], logs)).pollsFrom).toEqual([{ 7: 0 }, { 5: 5, 7: 0 }]);
  });

  it('goes on behind what it polled though the commit was refused, and does not go back', async () => {
    const logs = new Logs((type, count, right) => {
      if (type === 'commit_offsets' && count === 0) return REFUSAL;
      return type === 'poll' && count === 1 ? { ...right, msgs: { 7: [[0, 1]] } } : right;
    });
    const { pollsFrom, history } = await series([...sends('7', 2), assign('7'), POLL, POLL, POLL], logs);
    expect(pollsFrom).toEqual([{ 7: 0 }, { 7: 2 }, { 7: 2 }]);
    expect(history.filter(({ f, type }) => f === 'poll' && type !== 'invoke').map(({ type }) => type)).toEqual([
      'fail',
      'ok',
      'ok',
    ]);
  });

  it('has no keys after a refused assign but those before', async () => {
    const logs = new Logs((type, count, right) => (type === 'list_committed_offsets' && count === 1 ? CRASH : right));
    expect((await series([assign('7'), assign('9'), POLL], logs)).pollsFrom).toEqual([{ 7: 0 }]);
  });

  it('that crashes asks nothing, is closed, and its successor has no keys', async () => {
    const { history, logs, pollsFrom } = await series([assign('7'), POLL, { f: 'crash', value: null }, POLL]);
    const crash = history.filter(({ f }) => f === 'crash');
    expect(crash.map(({ type, value, error }) => [type, value, error])).toEqual([
      ['invoke', null, undefined],
      ['info', null, undefined],
    ]);
    expect(crash[0]?.time).toBe(crash[1]?.time);
    expect(pollsFrom).toEqual([{ 7: 0 }, {}]);
    const polling = logs.requests.filter(({ body }) => body.type === 'poll').slice(0, 2);
    expect(polling[0]?.src).not.toBe(polling[1]?.src);
    expect(history.at(-1)?.process).toBe(2);
  });
});

describe('the operations drawn', () => {
  const at = (atMs: number) => (): Turn => ({ worker: 0, process: 0, atMs });
  const COUNT = 40_000;
  // The first is a crash.
  const drawn = draw(configured(test), COUNT, at(0)).slice(1);

  it('are sends and polls, one in 64 an assign', () => {
    const mix = shares(drawn.map(({ f }) => f));
    // Of 17 writes of a key that are drawn, 16 are sends.
    const sendShare = (63 / 64) * (16 / 33);
    expect(mix.send).toBeCloseTo(sendShare, 1.8);
    expect(mix.poll).toBeCloseTo(63 / 64 - sendShare, 1.8);
    expect(mix.assign).toBeCloseTo(1 / 64, 2.2);
    expect(Object.keys(mix)).toHaveLength(3);
    expect(drawn.filter(({ f }) => f === 'poll').every(({ value }) => JSON.stringify(value) === '[["poll"]]')).toBe(
      true,
    );
  });

  it('send 1, 2, 3, … to each key, and then to a new one', () => {
    const sent = new Map<string, number[]>();
    for (const { f, value } of drawn) {
      if (f !== 'send') continue;
      const [[, key, message]] = value as [[string, string, number]];
      sent.set(key, [...(sent.get(key) ?? []), message]);
    }
    for (const messages of sent.values()) expect(messages).toEqual(messages.map((_, index) => index + 1));
    const full = [...sent.values()].filter(({ length }) => length === 16);
    expect(full.length).toBeGreaterThan(1000);
    expect(sent.size - full.length).toBeLessThanOrEqual(10);
  });

  it('obey --key-count and --max-writes-per-key', () => {
    const few = configured(test, { workloadOptions: { 'key-count': '1', 'max-writes-per-key': '2' } });
    const sends = draw(few, 500, at(0)).filter(({ f }) => f === 'send');
    expect(sends.slice(0, 5).map(({ value }) => (value as unknown[])[0])).toEqual([
      ['send', '0', 1],
      ['send', '0', 2],
      ['send', '1', 1],
      ['send', '1', 2],
      ['send', '2', 1],
    ]);
    expect(() => configured(test, { workloadOptions: { 'key-count': '0' } })).toThrow('a whole number from 1');
  });

  it('crash a client at first, and then each 30 s divided by the number of clients', () => {
    const crashesOf = (concurrency: number) => {
      const every = draw(configured(test, { concurrency }), 30_000, (index) => at(index * 100)());
      return every.flatMap(({ f, value }, index) => (f === 'crash' && value === null ? [index * 100] : []));
    };
    for (const [concurrency, count] of [
      [1, 100],
      [10, 1000],
    ] as const) {
      const crashes = crashesOf(concurrency);
      expect(crashes[0]).toBe(0);
      expect(Math.abs(crashes.length / count - 1)).toBeLessThan(0.2);
      const gaps = crashes.slice(1).map((time, index) => time - (crashes[index] ?? 0));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000 / concurrency + 100);
      expect(share(gaps, (gap) => gap > 30_000 / concurrency)).toBeCloseTo(1 / 2, 0.7);
    }
  });

  it('are no crashes of probes, but those that are due', () => {
    const once = configured(test);
    draw(once, 1, at(0));
    expect(draw(once, 1, at(1))[0]?.f).not.toBe('crash');
  });

  it('assign the key of the operation that comes next', () => {
    const next = drawn.slice(1);
    const ofSends = drawn.flatMap(({ f, value }, index) => {
      const after = next[index];
      return f === 'assign' && after?.f === 'send' ? [[value, after.value] as const] : [];
    });
    expect(ofSends.length).toBeGreaterThan(100);
    for (const [keys, sent] of ofSends) expect(keys).toEqual([(sent as [[string, string]])[0][1]]);
  });
});

describe('an assign in a run', () => {
  it('has one key, or every key besides that has messages which no client has polled', async () => {
    // No client is given a message, so every key that was sent to is unseen.
    const logs = new Logs((type, _, right) => (type === 'poll' ? { ...right, msgs: {} } : right));
    const run = runAll(logs.script, { test, concurrency: 1, nodes: ['n0'], ratePerSecond: 200, timeLimitMs: 30_000 });
    const { history } = await run.finish();
    const sent = new Set<string>();
    let [alone, all] = [0, 0];
    for (const { type, f, value, ...operation } of history) {
      if (operation['final?']) break;
      if (f === 'send' && type === 'ok') sent.add((value as [[string, string]])[0][1]);
      if (f !== 'assign' || type !== 'invoke') continue;
      const keys = value as string[];
      expect(new Set(keys).size).toBe(keys.length);
      if (keys.length === 1) alone++;
      else {
        all++;
        expect(new Set(keys)).toEqual(new Set([...sent, ...keys.slice(-1)]));
      }
    }
    expect(alone + all).toBeGreaterThan(50);
    expect(all / (alone + all)).toBeCloseTo(1 / 3, 0.7);
  });

  it('leaves out keys whose messages were all polled', async () => {
    const sendTo = (key: string) => ({ f: 'send', value: [['send', key, 1]] });
    const logs = new Logs();
    const once = configured(test, { concurrency: 2 });
    const schedule = {
      operations: [sendTo('70'), sendTo('90'), assign('70'), POLL].map((one, index) => ({
        ...one,
        worker: 0,
        atMs: index * 10,
      })),
      faults: [],
      messages: [],
    };
    const { configure: _configure, ...withLogs } = once;
    await runAll(logs.script, { test: withLogs, schedule, concurrency: 1, nodes: ['n0'], timeLimitMs: 100 }).advance(
      50,
    );
    const assigns = draw(once, 10_000, at0).filter(({ f }) => f === 'assign');
    const more = assigns
      .filter(({ value }) => (value as string[]).length > 1)
      .map(({ value }) => (value as string[])[0]);
    expect(new Set(more)).toEqual(new Set(['90']));
  });
});

function at0(): Turn {
  return { worker: 0, process: 0, atMs: 0 };
}

describe('the end', () => {
  const END_MS = 3000;
  const finish = async (logs: Logs, options = {}) => {
    const load = { test, concurrency: 4, nodes: ['n0', 'n1'], ratePerSecond: 100, timeLimitMs: END_MS };
    const run = runAll(logs.script, { ...load, ...options });
    const { history, results } = await run.finish();
    return { finals: finalOnes(history), history, results };
  };

  it('is 10 s of calm; then each client crashes, takes all keys from 0, and polls until it has all', async () => {
    const logs = new Logs();
    // An odd number, so that the last poll of a key finds one message only.
    const workloadOptions = { 'max-writes-per-key': '15' };
    const { finals, history, results } = await finish(logs, { strict: true, workloadOptions });
    expect(results['valid?']).toBe(true);
    const asked = finals.filter(({ type }) => type === 'invoke');
    expect(asked.map(({ f }) => f).slice(0, 9)).toEqual([
      ...Array(4).fill('crash'),
      ...Array(4).fill('assign'),
      'poll',
    ]);
    expect((asked[0]?.time ?? 0) / 1e9).toBeGreaterThanOrEqual(13);
    const keys = [...logs.logs.keys()];
    expect(keys.length).toBeGreaterThan(10);
    const worker = (process: unknown) => Number(process) % 4;
    for (const one of [0, 1, 2, 3]) {
      const own = finals.filter(({ process }) => worker(process) === one);
      expect(own[2]?.f).toBe('assign');
      expect(new Set(own[2]?.value as string[])).toEqual(new Set(keys));
      expect(own[0]?.process).toBe((own[2]?.process as number) - 4);
      const found = new Map<string, number>();
      const polls = own.filter(({ f, type }) => f === 'poll' && type === 'ok');
      for (const { value } of polls) {
        const [[, msgs]] = value as [[string, Record<string, [number, unknown][]>]];
        for (const [key, pairs] of Object.entries(msgs)) for (const [offset] of pairs) found.set(key, offset);
      }
      for (const [key, log] of logs.logs) expect(found.get(key)).toBe(log.length - 1);
      // Two messages a poll: one poll more would find nothing.
      expect(polls).toHaveLength(Math.max(...[...logs.logs.values()].map(({ length }) => Math.ceil(length / 2))));
    }
    // An assign from the beginning asks for no committed offsets.
    const assigns = [...history].filter((one) => one.f === 'assign' && one.type === 'invoke' && !one['final?']);
    expect(logs.asked('list_committed_offsets')).toHaveLength(assigns.length);
  });

  it('lasts 10 s at most', async () => {
    const logs = new Logs((type, _, right) => (type === 'poll' ? { ...right, msgs: {} } : right));
    const { finals, results } = await finish(logs);
    const polls = finals.filter(({ f, type }) => f === 'poll' && type === 'invoke');
    const times = polls.map(({ time }) => time / 1e6);
    expect(Math.max(...times)).toBeLessThan(END_MS + 20_100);
    expect(polls.length / 4).toBeGreaterThan(40);
    expect(results['bad-error-types'] ?? results.workload?.['bad-error-types']).toContain('unseen');
  });

  it('goes on where a commit was refused: what was polled does not count', async () => {
    let refusing = false;
    const logs = new Logs((type, _, right) => (refusing && type === 'commit_offsets' ? REFUSAL : right));
    const events = (operation: { readonly 'final?'?: unknown }) => {
      refusing ||= operation['final?'] === true;
    };
    const { finals } = await finish(logs, { onOperation: events });
    expect(finals.filter(({ f, type }) => f === 'poll' && type === 'fail').length).toBeGreaterThan(4);
    expect(finals.filter(({ f, type }) => f === 'poll' && type === 'invoke').length / 4).toBeGreaterThan(40);
  });

  it('has nothing where no message is known', async () => {
    const { finals, history } = await finish(new Logs(), { ratePerSecond: 0 });
    expect([finals.length, history.length]).toEqual([0, 0]);
  });
});

describe('the verdict', () => {
  it('with --strict is invalid where a poll shows a key that was not asked for', async () => {
    const unasked = () =>
      new Logs((type, count, right) =>
        type === 'poll' && count === 5 ? { ...right, msgs: { ...right.msgs, 9: [[0, 1]] } } : right,
      );
    const verdict = async (strict: boolean) => {
      const load = { test, nodes: ['n0'], concurrency: 1, ratePerSecond: 100, timeLimitMs: 3000 };
      const { results } = await runAll(unasked().script, { ...load, ...(strict && { strict }) }).finish();
      return results['valid?'];
    };
    expect(await verdict(false)).toBe(true);
    expect(await verdict(true)).toBe(false);
  });

  it('with --list-committed is by the rules beyond, too: committed offsets do not go back', async () => {
    const forgetful = () =>
      new Logs((type, _, right) => (type === 'list_committed_offsets' ? { ...right, offsets: FORGOTTEN } : right));
    const run = async (workloadOptions: Readonly<Record<string, string>>) => {
      const load = { test, nodes: ['n0'], concurrency: 1, ratePerSecond: 100, timeLimitMs: 3000, workloadOptions };
      const { history, results } = await runAll(forgetful().script, load).finish();
      const lists = [...history].filter(({ f, type }) => f === 'list_committed_offsets' && type === 'ok');
      return { valid: results['valid?'], lists, broken: Object.keys(results.workload?.beyond ?? {}) };
    };
    expect(await run({})).toMatchObject({ valid: true, lists: [] });
    const { valid, lists, broken } = await run({ 'list-committed': '4' });
    expect([valid, broken.slice(0, 2)]).toEqual([false, ['valid?', 'committed-back']]);
    expect(lists.length).toBeGreaterThan(30);
    expect(lists[0]?.value).toEqual(FORGOTTEN);
  });
});

/** Of every key that a short run has. */
const FORGOTTEN = Object.fromEntries([...Array(100).keys()].map((key) => [key, 0]));

describe('the probes', () => {
  it('send nothing that an operation sends, whatever was drawn', () => {
    const keysOf = (draws: readonly Invocation[]) =>
      draws.flatMap(({ f, value }) => (f === 'send' ? [Number((value as string[][])[0]?.[1])] : []));
    const { createGenerator, createProbes = createGenerator } = test.configure?.(SETTING) ?? test;
    const draw200 = (create: typeof createGenerator) => {
      const next = create(new SeededRandom('same'));
      return Array.from({ length: 200 }, (_, atMs) => next({ worker: 0, process: 0, atMs }));
    };
    expect(Math.max(...keysOf(draw200(createGenerator)))).toBeLessThan(1000);
    expect(Math.min(...keysOf(draw200(createProbes)))).toBeGreaterThanOrEqual(1e9);
  });
});

const SETTING = {
  nodes: ['n0'],
  concurrency: 1,
  latencyMeanMs: 0,
  names: '',
  strict: false,
  options: { 'key-count': 10, 'max-writes-per-key': 16 },
};
