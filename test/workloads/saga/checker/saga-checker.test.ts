/** The transfer service: every rule in histories written by hand, kept and broken in each way that it can be. */

import { describe, expect, it } from 'vitest';
import type { CheckResult, TestFacts } from '../../../../src/checkers/checker.ts';
import { sagaChecker } from '../../../../src/workloads/saga/checker/saga-checker.ts';
import {
  fail,
  type HandwrittenOperation,
  handwritten,
  info,
  invoke,
  nemesis,
  ok,
  THREE_NODES,
} from '../../../support/histories.ts';
import { expectProofs } from '../../../support/rule-proofs.ts';

type Operations = readonly HandwrittenOperation[];
type Story = readonly (HandwrittenOperation | Operations)[];

/** No message met a fate of its own. */
const SPARED: TestFacts = { ...THREE_NODES, hitMessageCount: 0 };

const ACCOUNTS = ['a', 'b', 'c'];
const OPENED: Readonly<Record<string, number>> = { a: 100, b: 50, c: 0 };

function check(...operations: Story): CheckResult {
  return sagaChecker().check(SPARED, handwritten(...operations.flat()));
}

/** An operation and its answer, with nothing between. */
function done(f: string, asked: object, answered: object = {}, process = 0): HandwrittenOperation[] {
  return [invoke(process, f, asked), ok(process, f, { ...asked, ...answered })];
}

/** An operation that was refused for certain. */
function refused(f: string, asked: object, name: string, detail: unknown = 'no'): HandwrittenOperation[] {
  return [invoke(0, f, asked), { ...fail(0, f, asked), error: [name, detail] }];
}

function lost(f: string, asked: object, process = 0): HandwrittenOperation[] {
  return [invoke(process, f, asked), { ...info(process, f, asked), error: 'net-timeout' }];
}

function open(account: string, balance = OPENED[account]): HandwrittenOperation[] {
  return done('open', { account, balance });
}

/** From `a` to `b`, unless it says otherwise. */
function request(id: string, amount = 30, from = 'a', to = 'b') {
  return { request_id: id, from, to, amount };
}

const COMMITTED = { outcome: 'committed' };
const POOR = { outcome: 'aborted', reason: 'insufficient funds' };
const ABANDONED = { outcome: 'aborted', reason: 'abandoned' };

/** A history in short: the states with where they were. */
function states(...names: readonly string[]) {
  return names.map((name, index) => {
    const [state = '', at = '0'] = name.split('@');
    return { state, at: Number(at), node: 'n1', time: `2026-11-21T08:00:00.00${index}Z` };
  });
}

const ROAD = ['running', 'committing@1', 'committed'];
/** Of two legs. */
const WAY_BACK = ['running', 'compensating@1', 'compensating@0', 'aborted'];

function status(id: string, names: readonly string[], reason?: unknown) {
  const history = states(...names);
  return { request_id: id, state: history.at(-1)?.state ?? null, ...(reason === undefined ? {} : { reason }), history };
}

function unknownId(id: string) {
  return { request_id: id, state: null };
}

const T1 = status('t1', ROAD);
const T2 = status('t2', WAY_BACK, 'insufficient funds');

function askStatus(told: object & { readonly request_id: string }, process = 0): HandwrittenOperation[] {
  return done('status', { request_id: told.request_id }, told, process);
}

function statuses(...told: readonly object[]): HandwrittenOperation[] {
  return done('statuses', { part: 0, parts: 1 }, { statuses: told });
}

function replay(...answers: readonly object[]): HandwrittenOperation[] {
  return done('replay', { part: 0, parts: 1 }, { answers });
}

/** A balance that is not the one of the end came later. */
function versionsOf(balances: readonly number[]): number[] {
  return balances.map((balance, index) => (balance === BALANCES[index] ? 3 : 4));
}

function settled(balances: readonly number[], versions = versionsOf(balances)): HandwrittenOperation[] {
  return done('settled', { accounts: ACCOUNTS }, { balances, versions, unfinished: [] });
}

function audit(balances: readonly number[], change: object = {}, process = 0): HandwrittenOperation[] {
  const told = { balances, versions: versionsOf(balances), unfinished: [], clean: true, ...change };
  return done('audit', { accounts: ACCOUNTS }, told, process);
}

function transfer(id: string, answer: object, asked: object = request(id)): HandwrittenOperation[] {
  return done('transfer', asked, answer);
}

const OPENINGS = ACCOUNTS.flatMap((account) => open(account));
/** One transfer has committed, and another one would have overdrawn an account. */
const TRANSFERS = [transfer('t1', COMMITTED), transfer('t2', POOR, request('t2', 10, 'c', 'a'))].flat();
const BEGINNING = [OPENINGS, TRANSFERS].flat();
const BALANCES = [70, 80, 0];
/** What is asked in the end, as long as everything is right. */
const END = [settled(BALANCES), statuses(T1, T2), audit(BALANCES)].flat();

/** The end of a run with a third transfer, that moves 5 from `a` to `c` if at all. */
const THIRD = request('t3', 5, 'a', 'c');
function endWith(third: object, isDone = false): HandwrittenOperation[] {
  const balances = isDone ? [65, 80, 5] : BALANCES;
  return [settled(balances), statuses(T1, T2, third), audit(balances)].flat();
}

const NOTHING = { count: 0, examples: [] };
const KEPT = {
  'money-is-conserved': NOTHING,
  'no-overdraft': NOTHING,
  'all-or-nothing': NOTHING,
  'acknowledged-is-kept': NOTHING,
  settles: NOTHING,
  'compensates-in-order': NOTHING,
  'one-outcome': NOTHING,
  'answers-agree': NOTHING,
  'refuses-another-body': NOTHING,
  'reads-are-current': NOTHING,
  'serves-without-faults': { ...NOTHING, ok: 0, other: 0, judged: true },
  'accounts-are-right': NOTHING,
};

/** @param served how many transfers were answered while nothing was broken, and how many were not */
function valid(
  attempted: number,
  acknowledged: number,
  [committed, aborted]: readonly number[],
  [served = attempted, other = 0]: readonly number[] = [],
) {
  return {
    'valid?': true,
    'attempted-count': attempted,
    'acknowledged-count': acknowledged,
    'committed-count': committed,
    'aborted-count': aborted,
    ...KEPT,
    'serves-without-faults': { ...NOTHING, ok: served, other, judged: true },
  };
}

/** The problems that were found, by the names of the rules. */
function broken(...operations: Story): Record<string, string[]> {
  const result = check(...operations);
  const rules = Object.keys(KEPT).flatMap((name) => {
    const { count, examples } = result[name] as { count: number; examples: { problem: string }[] };
    expect(examples).toHaveLength(Math.min(count, 8));
    return count === 0 ? [] : [[name, examples.map(({ problem }) => problem)] as const];
  });
  expect(result['valid?']).toBe(rules.length === 0);
  expect(result.error).toBe(rules[0]?.[1][0]);
  expectProofs(result, Object.keys(KEPT));
  return Object.fromEntries(rules);
}

const UNKNOWN = { error: 'no transfer was acknowledged', summary: 'No transfer was acknowledged.' };

describe('a run of the transfer service', () => {
  it('is of unknown validity without operations', () => {
    expect(check()).toEqual({ ...valid(0, 0, [0, 0]), 'valid?': 'unknown', ...UNKNOWN });
  });

  it('is of unknown validity when no transfer was acknowledged', () => {
    const result = check(OPENINGS, lost('transfer', request('t1')), settled(BALANCES), statuses(T1), audit(BALANCES));
    expect(result).toEqual({ ...valid(1, 0, [1, 0], [0, 1]), 'valid?': 'unknown', ...UNKNOWN });
  });

  it('accepts one in which everything is as promised', () => {
    const legs = [
      { account: 'a', amount: -3 },
      { account: 'b', amount: -2 },
      { account: 'c', amount: 5 },
    ];
    const t4 = { request_id: 't4', legs };
    const final = [65, 80, 5];
    const statusesInTheEnd = (t5: object) => statuses(T1, T2, status('t3', ROAD), unknownId('t4'), t5);
    const result = check(
      OPENINGS,
      done('open-otherwise', { account: 'a', balance: 7 }, { refused: true }),
      audit([100, 50, 0], { versions: [1, 1, 1] }),
      transfer('t1', COMMITTED),
      nemesis('start-partition', 'one'),
      askStatus(T1),
      transfer('t1', COMMITTED),
      transfer('t2', POOR, request('t2', 10, 'c', 'a')),
      done('transfer-otherwise', { ...request('t1', 31), original: request('t1') }, { refused: true }),
      invoke(1, 'transfer', THIRD),
      audit([65, 80, 0], { versions: [2, 2, 1], unfinished: [{ request_id: 't3', held: 5 }] }),
      info(1, 'transfer', THIRD),
      refused('transfer', t4, 'temporarily-unavailable'),
      lost('transfer', request('t5')),
      refused('close', { account: 'a' }, 'temporarily-unavailable'),
      done('close', { account: 'a' }, { closed: false }),
      OPENINGS,
      refused('settled', { accounts: ACCOUNTS }, 'unfinished', ['t3']),
      settled(final),
      statusesInTheEnd(unknownId('t5')),
      audit(final),
      replay({ request_id: 't1', ...COMMITTED }, { request_id: 't2', ...POOR }),
      done(
        'transfer-otherwise',
        { ...request('t2', 11, 'c', 'a'), original: request('t2', 10, 'c', 'a') },
        { refused: true },
      ),
      settled(final),
      statusesInTheEnd(status('t5', ['aborted'], 'abandoned')),
      audit(final),
      invoke(2, 'audit', { accounts: ACCOUNTS }),
    );
    expect(result).toEqual(valid(6, 2, [2, 2], [3, 3]));
  });

  it('takes nothing that is asked of accounts for a transfer', () => {
    const closed = done('close', { account: 'c' }, { closed: true });
    const again = done('open-otherwise', { account: 'c', balance: 1 }, { refused: true });
    expect(check(BEGINNING, closed, again, END)).toEqual(valid(2, 2, [1, 1]));
  });

  it('accepts that a transfer is unknown which is requested later, or never', () => {
    const unknown = [askStatus(unknownId('x')), askStatus(unknownId('t3'))];
    expect(broken(BEGINNING, ...unknown, lost('transfer', THIRD), endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('says of what broke first what is wrong', () => {
    const result = check(
      BEGINNING,
      replay({ request_id: 't1', ...POOR }),
      statuses(T1, T2),
      settled(BALANCES),
      audit(BALANCES),
    );
    const told = ['committed', 'aborted: insufficient funds'];
    expect(result).toMatchObject({
      'valid?': false,
      'one-outcome': {
        count: 1,
        examples: [
          { problem: 'a transfer was told to have ended in two ways', request_id: 't1', told, operations: [7, 11] },
        ],
      },
      'answers-agree': {
        count: 1,
        examples: [{ problem: 'a replay was answered otherwise', request_id: 't1', told, operations: [7, 11] }],
      },
      error: 'a transfer was told to have ended in two ways',
    });
  });

  it('lists a bounded number of examples and counts all', () => {
    const reads = Array.from({ length: 30 }, () => audit([-1, 151, 0], { versions: [2, 2, 2] }));
    expect(check(BEGINNING, ...reads, END)).toMatchObject({ 'no-overdraft': { count: 30, examples: { length: 8 } } });
  });

  it('judges a hundred thousand operations', () => {
    const many = Array.from({ length: 25_000 }, (_, number) => [
      transfer(`m${number}`, POOR, request(`m${number}`, 1000)),
      audit([100, 50, 0], { versions: [1, 1, 1] }),
    ]);
    const told = many.map((_, number) => status(`m${number}`, WAY_BACK, 'insufficient funds'));
    const history = handwritten(
      ...[OPENINGS, ...many.flat(), settled([100, 50, 0]), statuses(...told), audit([100, 50, 0])].flat(),
    );
    expect(sagaChecker().check(SPARED, history)).toMatchObject({ 'valid?': true, 'aborted-count': 25_000 });
  });

  it('cannot be judged when a process overlaps itself', () => {
    expect(() => check(invoke(0, 'audit', { accounts: ['a'] }), invoke(0, 'audit', { accounts: ['a'] }))).toThrow(
      'while 0 is open',
    );
  });
});

describe('without a final read the validity is unknown', () => {
  const UNSETTLED = 'it is unknown whether the transfers settled';
  const EARLIER = refused('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, 'timeout');
  it.each<[name: string, operations: Story, error: string]>([
    ['of what is unfinished', [BEGINNING, statuses(T1, T2), audit(BALANCES)], UNSETTLED],
    [
      'of what is unfinished, with an answer',
      [BEGINNING, lost('settled', { accounts: ACCOUNTS }), statuses(T1, T2), audit(BALANCES)],
      UNSETTLED,
    ],
    [
      'of what is unfinished, before the replays',
      [BEGINNING, statuses(T1, T2), replay(), settled(BALANCES), audit(BALANCES)],
      UNSETTLED,
    ],
    [
      'of what is unfinished, where another error says nothing of it',
      [
        BEGINNING,
        refused('settled', { accounts: ACCOUNTS }, 'temporarily-unavailable'),
        statuses(T1, T2),
        audit(BALANCES),
      ],
      UNSETTLED,
    ],
    [
      'of what is unfinished, after the client had to ask for a transfer itself',
      [
        BEGINNING,
        settled(BALANCES),
        done('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, { refused: true }),
        statuses(T1, T2, status('t3', ROAD)),
        audit([65, 80, 5]),
      ],
      UNSETTLED,
    ],
    [
      'of what is unfinished, after the last transfer, where another body was requested before',
      [OPENINGS, EARLIER, settled([100, 50, 0], [1, 1, 1]), TRANSFERS, statuses(T1, T2), audit(BALANCES)],
      UNSETTLED,
    ],
    [
      'of the statuses',
      [BEGINNING, settled(BALANCES), audit(BALANCES)],
      'not all transfers were asked about in the end',
    ],
    [
      'of the statuses of one part',
      [BEGINNING, settled(BALANCES), done('statuses', { part: 0, parts: 2 }, { statuses: [T1, T2] }), audit(BALANCES)],
      'not all transfers were asked about in the end',
    ],
    [
      'of the statuses of one part, after the last transfer',
      [
        OPENINGS,
        TRANSFERS.slice(0, 2),
        done('statuses', { part: 1, parts: 2 }, { statuses: [T1] }),
        TRANSFERS.slice(2),
        settled(BALANCES),
        done('statuses', { part: 0, parts: 2 }, { statuses: [T1, T2] }),
        audit(BALANCES),
      ],
      'not all transfers were asked about in the end',
    ],
    [
      'of the statuses, after the last transfer, where another body was requested before',
      [OPENINGS, EARLIER, statuses(unknownId('t3')), TRANSFERS, settled(BALANCES), audit(BALANCES)],
      'not all transfers were asked about in the end',
    ],
    [
      'of the status of a transfer, after the last one',
      [
        BEGINNING,
        statuses(T1, T2),
        transfer('t3', COMMITTED, THIRD),
        settled([65, 80, 5]),
        statuses(T1, status('t3', ROAD)),
        audit([65, 80, 5]),
      ],
      'there is no final status of t2',
    ],
    [
      'of the status of a transfer that moved money',
      [BEGINNING, transfer('t3', COMMITTED, THIRD), settled([65, 80, 5]), statuses(T1, T2), audit([65, 80, 5])],
      'there is no final status of t3',
    ],
    [
      'of the status of a transfer, with those of all others',
      [BEGINNING, settled(BALANCES), statuses(T1), askStatus(T2), audit(BALANCES)],
      'there is no final status of t2',
    ],
    ['of the accounts', [BEGINNING, settled(BALANCES), statuses(T1, T2)], 'there is no final read of all accounts'],
    [
      'of one account',
      [
        BEGINNING,
        settled(BALANCES),
        statuses(T1, T2),
        done('audit', { accounts: ['a', 'b'] }, { balances: [70, 80], versions: [3, 3], unfinished: [], clean: true }),
      ],
      'there is no final read of all accounts',
    ],
    [
      'of the accounts, after the last transfer',
      [OPENINGS, audit([100, 50, 0], { versions: [1, 1, 1] }), TRANSFERS, settled(BALANCES), statuses(T1, T2)],
      'there is no final read of all accounts',
    ],
    [
      'of an account that a committed transfer found',
      [
        BEGINNING,
        lost('open', { account: 'd', balance: 0 }),
        transfer('t3', COMMITTED, request('t3', 5, 'a', 'd')),
        endWith(status('t3', ROAD)).slice(2),
        settled([65, 80, 0]),
        audit([65, 80, 0], { versions: [5, 3, 3] }),
      ],
      'there is no final read of all accounts',
    ],
    ['of what accounts were opened with', [TRANSFERS, END], 'the opening balance of a is unknown'],
  ])('%s', (_name, operations, error) => {
    const result = check(...operations);
    const { ok: served } = result['serves-without-faults'] as { ok: number };
    const rules = { ...KEPT, 'serves-without-faults': { ...NOTHING, ok: served, other: 0, judged: true } };
    expect(result).toMatchObject({ ...rules, 'valid?': 'unknown', error });
  });

  it('and what was read before the last transfer is not final', () => {
    expect(check(BEGINNING, END, transfer('t1', COMMITTED))).toMatchObject({
      'valid?': 'unknown',
      error: UNSETTLED,
    });
  });

  it('and so are reads before the client had to ask for a transfer itself', () => {
    const asked = done('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, { refused: true });
    const unknown = { 'valid?': 'unknown', error: 'not all transfers were asked about in the end' };
    const first = [
      BEGINNING,
      settled(BALANCES),
      statuses(T1, T2),
      audit(BALANCES),
      replay({ request_id: 't1', ...COMMITTED }),
    ];
    expect(check(...first, asked)).toMatchObject(unknown);
    expect(broken(...first, asked, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('but a second settling is a read of all accounts, when nothing can move any more', () => {
    const twice = [settled(BALANCES), settled(BALANCES), statuses(T1, T2)];
    expect(broken(BEGINNING, ...twice)).toEqual({});
    expect(check(BEGINNING, lost('transfer', THIRD), ...twice, statuses(T1, T2, unknownId('t3')))).toMatchObject({
      'valid?': 'unknown',
      error: 'there is no final read of all accounts',
    });
    const moved = [settled([65, 80, 5]), settled([65, 80, 5]), statuses(T1, T2, status('t3', ROAD))];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...moved)).toEqual({});
  });

  it('but what is wrong all the same is wrong', () => {
    expect(broken(BEGINNING, audit([-1, 151, 0]))).toMatchObject({ 'no-overdraft': ['a balance is below zero'] });
  });
});

describe('money is conserved', () => {
  const LOST = 'money was lost';
  const MADE = 'there is more money than was opened with';
  const EARLY = { versions: [2, 2, 2] };

  it.each([
    ['less', [70, 79, 0], LOST],
    ['more', [70, 81, 0], MADE],
  ])('rejects %s in the end', (_name, balances, problem) => {
    expect(broken(BEGINNING, settled(BALANCES, [2, 2, 2]), statuses(T1, T2), audit(balances))).toMatchObject({
      'money-is-conserved': [problem],
    });
  });

  it('rejects it in a second settling, when nothing can move any more', () => {
    const odd = [70, 80, 1];
    expect(broken(BEGINNING, settled(odd), settled(odd), statuses(T1, T2))['money-is-conserved']).toEqual([MADE]);
  });

  it('accepts it in the first settling, which may see two moments', () => {
    expect(broken(BEGINNING, settled([70, 50, 0], [3, 2, 3]), statuses(T1, T2), audit(BALANCES))).toEqual({});
  });

  it.each([
    ['rejects that less is held than is missing', 29, [LOST]],
    ['accepts that as much is held as is missing', 30, undefined],
    ['rejects that more is held than is missing', 31, [MADE]],
  ])('%s', (_name, held, problems) => {
    const unfinished = [{ request_id: 't1', held }];
    const found = broken(OPENINGS, audit([70, 50, 0], { ...EARLY, unfinished }), TRANSFERS, END);
    expect(found['money-is-conserved']).toEqual(problems);
  });

  it('accepts anything in an audit that saw two moments', () => {
    expect(broken(OPENINGS, audit([70, 50, 0], { ...EARLY, clean: false }), TRANSFERS, END)).toEqual({});
  });

  it('accepts that others have what is missing in an audit of some accounts', () => {
    const some = { accounts: ['a', 'c'] };
    const told = { balances: [70, 0], versions: [2, 2], unfinished: [], clean: true };
    expect(broken(BEGINNING, done('audit', some, told), END)).toEqual({});
  });

  it('knows of accounts that were opened without an answer that says so', () => {
    const two = done(
      'audit',
      { accounts: ['a', 'b'] },
      { balances: [65, 80], versions: [2, 2], unfinished: [], clean: true },
    );
    const found = broken(
      open('a'),
      open('b'),
      TRANSFERS.slice(0, 2),
      transfer('t3', COMMITTED, THIRD),
      two,
      open('c'),
      [settled([65, 80, 5]), statuses(T1, status('t3', ROAD)), audit([65, 80, 5])].flat(),
    );
    expect(found).toEqual({});
  });

  describe('where accounts come and go', () => {
    const CLOSED = done('close', { account: 'c' }, { closed: true });
    /** `c` has gone and `d` has come, and at the end no client asks for `c`. */
    const auditOf = (balances: readonly number[], accounts = ['a', 'b', 'd']) =>
      done('audit', { accounts }, { balances, versions: [3, 3, 1], unfinished: [], clean: true });
    const settledOf = (balances: readonly number[], accounts = ['a', 'b', 'd']) =>
      done('settled', { accounts }, { balances, versions: [3, 3, 1], unfinished: [] });
    const endOf = (balances: readonly number[], ...told: readonly object[]) =>
      [settledOf(balances), statuses(T1, T2, ...told), auditOf(balances)].flat();
    const THERE = [CLOSED, open('d', 0)].flat();

    it('accepts that those are not read which were closed before, and those which came later', () => {
      expect(broken(BEGINNING, audit(BALANCES), THERE, endOf([70, 80, 0]))).toEqual({});
    });

    it('rejects that money is lost with one that is closed', () => {
      const moved = [BEGINNING, transfer('t3', COMMITTED, THIRD), THERE].flat();
      const found = broken(moved, endOf([65, 80, 0], status('t3', ROAD)));
      expect(found).toMatchObject({
        'money-is-conserved': [LOST],
        'all-or-nothing': ['an account has another balance than its transfers have made'],
      });
    });

    it('accepts that one was emptied before it was closed', () => {
      const back = request('t4', 5, 'c', 'b');
      const moved = [transfer('t3', COMMITTED, THIRD), transfer('t4', COMMITTED, back), THERE].flat();
      expect(broken(BEGINNING, moved, endOf([65, 85, 0], status('t3', ROAD), status('t4', ROAD)))).toEqual({});
    });

    it('rejects that more money is there than all were opened with, those that are closed among them', () => {
      expect(broken(BEGINNING, THERE, endOf([71, 80, 0]))['money-is-conserved']).toEqual([MADE]);
    });

    /** `d` came with 20, gave them to `b`, and has gone. */
    const SPENT = [
      open('d', 20),
      transfer('t3', COMMITTED, request('t3', 20, 'd', 'b')),
      done('close', { account: 'd' }, { closed: true }),
    ].flat();
    const T3 = status('t3', ROAD);
    const withClosed = (balances: readonly number[]) =>
      done(
        'audit',
        { accounts: [...ACCOUNTS, 'd'] },
        { balances, versions: [...versionsOf(balances.slice(0, 3)), 3], unfinished: [], clean: true },
      );

    it('adds up what closed accounts were opened with, whether a read shows them or not', () => {
      const end = [settled([70, 100, 0]), statuses(T1, T2, T3)];
      expect(broken(BEGINNING, SPENT, ...end, audit([70, 100, 0]))).toEqual({});
      expect(broken(BEGINNING, SPENT, ...end, withClosed([70, 100, 0, 0]))).toEqual({});
      const lack = [audit([70, 99, 0]), withClosed([70, 99, 0, 0])];
      expect(check(BEGINNING, SPENT, ...end, ...lack)).toMatchObject({
        'money-is-conserved': {
          count: 2,
          examples: [
            { problem: LOST, opened: 170, balances: 169, held: 0 },
            { problem: LOST, opened: 170, balances: 169, held: 0 },
          ],
        },
        'all-or-nothing': {
          count: 2,
          examples: [
            { account: 'b', difference: -1, balance: 99 },
            { account: 'b', difference: -1, balance: 99 },
          ],
        },
      });
    });

    it('says of a closed account what it should have got', () => {
      const moved = [BEGINNING, transfer('t3', COMMITTED, THIRD), THERE].flat();
      expect(check(moved, endOf([65, 80, 0], T3))).toMatchObject({
        'all-or-nothing': { count: 1, examples: [{ account: 'c', difference: -5, balance: 0 }] },
      });
    });

    it('knows which accounts were closed before a read, in whatever order they came', () => {
      const found = broken(
        [BEGINNING, open('d', 20), open('e', 10)].flat(),
        transfer('t4', COMMITTED, request('t4', 10, 'e', 'b')),
        done('close', { account: 'e' }, { closed: true }),
        done(
          'audit',
          { accounts: [...ACCOUNTS, 'd'] },
          { balances: [70, 90, 0, 19], versions: [2, 2, 2, 1], unfinished: [], clean: true },
        ),
        SPENT.slice(2),
        [settled([70, 110, 0]), statuses(T1, T2, T3, status('t4', ROAD)), audit([70, 110, 0])].flat(),
      );
      expect(found).toEqual({ 'money-is-conserved': [LOST] });
    });

    it('judges a read by the accounts that were closed before it', () => {
      const later = [open('d', 20), done('close', { account: 'd' }, { closed: true }), audit(BALANCES)];
      expect(broken(BEGINNING, END, ...later)).toEqual({
        'money-is-conserved': [LOST],
        'all-or-nothing': ['an account has another balance than its transfers have made'],
      });
    });

    it('adds nothing up when a closed account may have been opened with two balances', () => {
      const end = [settled([70, 100, 0]), statuses(T1, T2, T3), audit([70, 100, 0])];
      expect(check(BEGINNING, lost('open', { account: 'd', balance: 21 }), SPENT, ...end)).toMatchObject({
        ...KEPT,
        'serves-without-faults': { count: 0 },
        'valid?': 'unknown',
        error: 'the opening balance of d is unknown',
      });
    });

    it.each([
      ['may have been opened', lost('open', { account: 'd', balance: 0 }), END],
      [
        'only an aborted transfer names',
        transfer('t3', ABANDONED, request('t3', 5, 'a', 'd')),
        endWith(status('t3', ['aborted'], 'abandoned')),
      ],
    ])('needs no read of one that %s', (_name, named, end) => {
      expect(broken(BEGINNING, named, end)).toEqual({});
    });

    it('knows which accounts were there, also those that a slow read told of before they were named', () => {
      const five = ['a', 'b', 'c', 'd', 'e'];
      const told = (accounts: readonly string[], balances: readonly number[], versions: readonly number[]) => ({
        accounts,
        balances,
        versions,
        unfinished: [],
      });
      const slow = told(five, [100, 50, 0, 0, 0], [1, 1, 1, 1, 1]);
      const end = told(five, [70, 80, 0, 0, 0], [3, 3, 3, 1, 1]);
      const found = broken(
        OPENINGS,
        invoke(1, 'audit', { accounts: ACCOUNTS, others: true }),
        open('e', 0),
        done(
          'audit',
          { accounts: ['a', 'b', 'c', 'e'] },
          { ...told([], [100, 49, 0, 0], [1, 2, 1, 1]), accounts: ['a', 'b', 'c', 'e'], clean: true },
        ),
        open('d', 0),
        ok(1, 'audit', { ...slow, clean: true }),
        [TRANSFERS, done('settled', { accounts: five }, end), statuses(T1, T2)].flat(),
        done('audit', { accounts: five }, { ...end, clean: true }),
      );
      expect(found).toEqual({ 'money-is-conserved': [LOST] });
    });

    it.each([
      ['was not closed', []],
      ['could not be closed', done('close', { account: 'c' }, { closed: false })],
      ['may have been closed', lost('close', { account: 'c' })],
    ])('needs a read of one that %s', (_name, closing) => {
      expect(check(BEGINNING, closing, open('d', 0), endOf([70, 80, 0]))).toMatchObject({
        'valid?': 'unknown',
        error: 'there is no final read of all accounts',
      });
    });

    it('needs a read of one that was there before, also if another client named it first', () => {
      const named = lost('transfer', request('t3', 5, 'a', 'd'));
      const only = { accounts: ACCOUNTS };
      const told = { balances: [60, 80, 0], versions: [2, 2, 2], unfinished: [], clean: true };
      // It lacks what `d` may have got.
      expect(
        broken(OPENINGS, TRANSFERS, named, done('audit', only, told), THERE, endOf([65, 80, 5], status('t3', ROAD))),
      ).toEqual({});
      expect(
        broken(OPENINGS, TRANSFERS, done('audit', only, told), named, THERE, endOf([65, 80, 5], status('t3', ROAD))),
      ).toEqual({
        'money-is-conserved': [LOST],
      });
    });
  });

  it('adds nothing up when an account may have been opened with two balances', () => {
    expect(check(BEGINNING, lost('open', { account: 'b', balance: 51 }), END)).toMatchObject({
      'valid?': 'unknown',
      'money-is-conserved': NOTHING,
      error: 'the opening balance of b is unknown',
    });
  });
});

describe('no account is overdrawn', () => {
  it.each([
    ['an audit', audit([-1, 151, 0], { versions: [2, 2, 2] })],
    ['an audit that saw two moments', audit([-1, 50, 0], { versions: [2, 2, 2], clean: false })],
    ['a settling', settled([-1, 151, 0], [2, 2, 2])],
  ])('rejects it in %s', (_name, read) => {
    expect(broken(OPENINGS, read, TRANSFERS, END)).toEqual({ 'no-overdraft': ['a balance is below zero'] });
  });
});

describe('a transfer is done in whole or not at all', () => {
  const OTHER = 'an account has another balance than its transfers have made';

  it.each([
    ['that a committed transfer moved nothing', [100, 50, 0]],
    ['that a committed transfer moved twice', [40, 110, 0]],
    ['that an aborted transfer moved', [80, 80, -10]],
    ['that a transfer moved to another account', [70, 50, 30]],
  ])('rejects %s', (_name, balances) => {
    const found = broken(BEGINNING, settled(balances), statuses(T1, T2), audit(balances));
    expect(found['all-or-nothing']).toEqual([OTHER, OTHER]);
  });

  it('says how much is too much or too little, and in which read', () => {
    const result = check(BEGINNING, settled([100, 50, 0]), statuses(T1, T2), audit([100, 50, 0]));
    expect(result['all-or-nothing']).toEqual({
      count: 2,
      examples: [
        { problem: OTHER, account: 'a', difference: 30, balance: 100, operation: 15 },
        { problem: OTHER, account: 'b', difference: -30, balance: 50, operation: 15 },
      ],
    });
  });

  it('rejects that a committed transfer moved nothing, when its status is read only after the accounts', () => {
    expect(broken(BEGINNING, settled([100, 50, 0]), audit([100, 50, 0]), statuses(T1, T2))).toEqual({
      'all-or-nothing': [OTHER, OTHER],
    });
  });

  it('judges no balances before everything has settled', () => {
    const early = settled([100, 50, 0], [1, 1, 1]);
    const unsettled = refused('settled', { accounts: ACCOUNTS }, 'unfinished', ['t1']);
    expect(broken(OPENINGS, early, TRANSFERS, unsettled, statuses(T1, T2), audit([100, 50, 0]))).toEqual({
      settles: ['transfers were unfinished still when replays began'],
    });
  });

  it('rejects that a transfer moved which was answered and is not known in the end', () => {
    expect(broken(BEGINNING, transfer('t3', POOR, THIRD), endWith(unknownId('t3'), true))).toMatchObject({
      'all-or-nothing': [OTHER, OTHER],
    });
  });

  it('knows nothing that a transfer has done before an answer says that it ended so', () => {
    const told = [settled(BALANCES), audit(BALANCES), statuses(T1, T2, status('t3', ROAD))];
    expect(Object.keys(broken(BEGINNING, transfer('t3', POOR, THIRD), ...told))).toEqual([
      'acknowledged-is-kept',
      'one-outcome',
      'answers-agree',
    ]);
  });

  it.each([
    ['accepts a transfer', [65, 80, 5], {}],
    [
      'rejects half of a transfer',
      [65, 80, 0],
      { 'money-is-conserved': ['money was lost'], 'all-or-nothing': [OTHER] },
    ],
  ])('%s that came late, and whose status is read only after the accounts', (_name, balances, problems) => {
    const late = [settled(BALANCES), audit(balances), statuses(T1, T2, status('t3', ROAD))];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...late)).toEqual(problems);
  });

  it('says no more than that money is lost of the accounts of a transfer under way', () => {
    const late = [settled(BALANCES), statuses(T1, T2, status('t3', ['running'])), audit([65, 80, 0])];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...late)).toEqual({ 'money-is-conserved': ['money was lost'] });
  });

  it('rejects that an unacknowledged transfer has committed and moved nothing', () => {
    const found = broken(BEGINNING, lost('transfer', THIRD), endWith(status('t3', ROAD)));
    expect(found).toEqual({ 'all-or-nothing': [OTHER, OTHER] });
  });

  it('accepts that an unacknowledged transfer has committed', () => {
    expect(broken(BEGINNING, lost('transfer', THIRD), endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('accepts a transfer that came after its status was asked', () => {
    const late = [settled(BALANCES), statuses(T1, T2, unknownId('t3')), audit([65, 80, 5])];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...late)).toEqual({});
  });

  it('rejects that a transfer moved that is unknown later', () => {
    const unknown = askStatus(unknownId('t3'));
    const told = [settled([65, 80, 5]), audit([65, 80, 5]), statuses(T1, T2, unknownId('t3')), audit([65, 80, 5])];
    expect(broken(BEGINNING, lost('transfer', THIRD), unknown, ...told)).toEqual({ 'all-or-nothing': [OTHER, OTHER] });
  });

  it('rejects that one moved which was refused', () => {
    const third = refused('transfer', THIRD, 'temporarily-unavailable');
    expect(broken(BEGINNING, third, endWith(unknownId('t3'), true))).toEqual({ 'all-or-nothing': [OTHER, OTHER] });
  });

  it('rejects half of a transfer that came late', () => {
    const late = [settled(BALANCES), statuses(T1, T2, unknownId('t3')), audit([65, 80, 0])];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...late)).toMatchObject({ 'all-or-nothing': [OTHER] });
  });

  it('accepts a transfer under way that came late', () => {
    const unfinished = [{ request_id: 't3', held: 5 }];
    const late = [settled(BALANCES), statuses(T1, T2, unknownId('t3')), audit([65, 80, 0], { unfinished })];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...late)).toEqual({});
  });

  /** Two transfers that came late: t3 moves 5 from `a` to `c`, t4 7 from `b` to `c`. */
  const FOURTH = request('t4', 7, 'b', 'c');
  const ofTwoLate = (balances: readonly number[], third = THIRD, fourth = FOURTH) =>
    broken(
      ...[BEGINNING, lost('transfer', third), lost('transfer', fourth), settled(BALANCES)],
      ...[statuses(T1, T2, unknownId('t3'), unknownId('t4')), audit(balances)],
    );

  it.each([
    [65, 73, 12],
    [65, 80, 5],
    [70, 73, 7],
    [70, 80, 0],
  ])(
    'accepts late transfers that move one account together, each in whole or not at all: %d, %d, %d',
    (...balances) => {
      expect(ofTwoLate(balances)).toEqual({});
    },
  );

  it.each([
    [75, 68, 7],
    [75, 75, 0],
    [70, 73, 7],
    [70, 80, 0],
  ])('accepts late transfers that one account pays together: %d, %d, %d', (...balances) => {
    expect(ofTwoLate(balances, request('t3', 5, 'b', 'a'), request('t4', 7, 'b', 'c'))).toEqual({});
  });

  it.each([
    [58, 80, 12],
    [65, 80, 5],
    [63, 80, 7],
    [70, 80, 0],
  ])('leaves out late transfers between the same accounts: %d, %d, %d', (...balances) => {
    expect(ofTwoLate(balances, THIRD, request('t4', 7, 'a', 'c'))).toEqual({});
  });

  it.each([
    ['accepts all', [70, 75, 5], NOTHING],
    ['accepts nothing', [70, 80, 0], NOTHING],
    ['rejects a part', [70, 75, 4], { count: 1, examples: [{ account: 'c', difference: 4 }] }],
  ])('%s of a late transfer, by the account whose opening is known', (_name, balances, found) => {
    const late = [lost('transfer', request('t3', 5, 'b', 'c')), settled(BALANCES)];
    const end = [statuses(T1, T2, unknownId('t3')), audit(balances)];
    expect(check(BEGINNING, lost('open', { account: 'b', balance: 51 }), ...late, ...end)).toMatchObject({
      'all-or-nothing': found,
    });
  });

  it.each([
    [65, 80, 12],
    [65, 73, 5],
    [70, 80, 12],
  ])('rejects half of one of them: %d, %d, %d', (...balances) => {
    expect(ofTwoLate(balances)).toMatchObject({ 'all-or-nothing': [OTHER] });
  });

  it('moves what the first request asked for', () => {
    const more = refused('transfer', { ...THIRD, amount: 7 }, 'temporarily-unavailable');
    expect(broken(BEGINNING, lost('transfer', THIRD), more, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('moves the legs that were asked for', () => {
    const legs = [
      { account: 'a', amount: -7 },
      { account: 'b', amount: -3 },
      { account: 'c', amount: 10 },
    ];
    const asked = transfer('t4', COMMITTED, { request_id: 't4', legs });
    const end = (balances: readonly number[]) => [
      settled(balances),
      statuses(T1, T2, status('t4', ROAD)),
      audit(balances),
    ];
    expect(broken(BEGINNING, asked, ...end([63, 77, 10]))).toEqual({});
    expect(broken(BEGINNING, asked, ...end([62, 78, 10]))).toEqual({ 'all-or-nothing': [OTHER, OTHER] });
  });

  it.each([
    [
      'a committed one was compensated',
      ['running', 'compensating@1', 'committed'],
      COMMITTED,
      true,
      'a committed transfer was compensated',
    ],
    [
      'an aborted one was committing',
      ['running', 'committing@1', 'aborted'],
      ABANDONED,
      false,
      'an aborted transfer was committing',
    ],
  ])('rejects the history of %s', (_name, names, answer, isDone, problem) => {
    const third = status('t3', names, 'reason' in answer ? answer.reason : undefined);
    const found = broken(BEGINNING, transfer('t3', answer, THIRD), endWith(third, isDone));
    expect(found['all-or-nothing']).toEqual([problem]);
  });
});

describe('what was acknowledged is kept', () => {
  it('rejects that what was answered committed is aborted', () => {
    const found = broken(BEGINNING, transfer('t3', COMMITTED, THIRD), endWith(status('t3', WAY_BACK, 'abandoned')));
    expect(found['acknowledged-is-kept']).toEqual(['a transfer was answered committed and is aborted in the end']);
  });

  it('rejects that what was answered aborted is committed', () => {
    const found = broken(BEGINNING, transfer('t3', POOR, THIRD), endWith(status('t3', ROAD), true));
    expect(found['acknowledged-is-kept']).toEqual(['a transfer was answered aborted and is committed in the end']);
  });

  it.each([
    ['answered', transfer('t3', POOR, THIRD)],
    [
      'refused for another body',
      done('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, { refused: true }),
    ],
  ])('rejects that a transfer is not known which was %s', (_name, third) => {
    const found = broken(BEGINNING, third, endWith(unknownId('t3')));
    expect(found).toEqual({
      'acknowledged-is-kept': ['an acknowledged transfer is not known in the end'],
      'reads-are-current': ['a status does not show what was acknowledged before'],
    });
  });

  const failed = refused('transfer', THIRD, 'temporarily-unavailable');

  it('rejects that a transfer is committed that had only been refused', () => {
    expect(broken(BEGINNING, failed, failed, endWith(status('t3', ROAD), true))).toEqual({
      'acknowledged-is-kept': ['a transfer was committed that had only been refused'],
    });
  });

  it.each([
    ['lost', lost('transfer', THIRD)],
    ['cut off', [invoke(1, 'transfer', THIRD)]],
    ['requested with another body', refused('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, 'timeout')],
  ])('accepts that it is committed when another attempt was %s', (_name, other) => {
    expect(broken(BEGINNING, failed, other, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('accepts that it is committed when a replay was answered', () => {
    const moved = [65, 80, 5];
    const end = [statuses(T1, T2, status('t3', ROAD)), audit(moved)];
    expect(broken(BEGINNING, failed, settled(moved), replay({ request_id: 't3', ...COMMITTED }), ...end)).toEqual({});
  });

  it('accepts that a transfer which was refused is aborted', () => {
    expect(broken(BEGINNING, failed, endWith(status('t3', ['aborted'], 'abandoned')))).toEqual({});
  });

  it('rejects a transfer that was not requested', () => {
    const found = broken(
      BEGINNING,
      askStatus(status('t3', ['running'])),
      lost('transfer', THIRD),
      endWith(status('t3', ROAD), true),
    );
    expect(found).toEqual({ 'acknowledged-is-kept': ['a transfer is known that was not requested'] });
  });

  it.each([
    ['committed', status('x', ROAD)],
    [
      'compensated from whatever step',
      status('x', ['running', 'compensating@1', 'compensating@0', 'aborted'], 'abandoned'),
    ],
    ['aborted for whatever account', status('x', ['aborted'], 'payee closed')],
  ])('says no more of a transfer that was never requested: %s', (_name, told) => {
    expect(broken(BEGINNING, endWith(told))).toEqual({
      'acknowledged-is-kept': ['a transfer is known that was not requested'],
    });
  });

  it('accepts that a transfer is known while it is asked for', () => {
    const [asked, answered] = transfer('t3', COMMITTED, THIRD) as [HandwrittenOperation, HandwrittenOperation];
    const meanwhile = [asked, askStatus(status('t3', ['running']), 1), answered].flat();
    expect(broken(BEGINNING, meanwhile, endWith(status('t3', ROAD), true))).toEqual({});
  });
});

describe('everything settles', () => {
  const unsettled = refused('settled', { accounts: ACCOUNTS }, 'unfinished', ['t1']);
  const STUCK = 'a transfer was under way still in the end';

  it('rejects that something is unfinished still when replays begin', () => {
    const end = [statuses(T1, T2), audit(BALANCES)];
    const problems = { settles: ['transfers were unfinished still when replays began'] };
    expect(broken(BEGINNING, unsettled, unsettled, ...end)).toEqual(problems);
    expect(broken(BEGINNING, unsettled, ...end, replay({ request_id: 't1', ...COMMITTED }), settled(BALANCES))).toEqual(
      problems,
    );
    expect(check(BEGINNING, unsettled, ...end)).toMatchObject({ settles: { examples: [{ unfinished: ['t1'] }] } });
  });

  it('rejects that something is unfinished where no transfer was requested', () => {
    expect(broken(unsettled)).toEqual({ settles: ['transfers were unfinished still when replays began'] });
  });

  it('accepts that another body is requested after all, for a transfer that was answered', () => {
    const other = { ...request('t1', 31), original: request('t1') };
    expect(broken(BEGINNING, END, done('transfer-otherwise', other, { refused: true }))).toEqual({});
  });

  it('accepts that something was unfinished before it settled', () => {
    expect(broken(BEGINNING, unsettled, lost('settled', { accounts: ACCOUNTS }, 1), END)).toEqual({});
  });

  it('looks at nothing but what was asked after the last transfer', () => {
    expect(broken(OPENINGS, unsettled, replay(), TRANSFERS, END)).toEqual({});
  });

  it('rejects that a transfer is under way which was known before everything had settled', () => {
    const running = askStatus(status('t3', ['running']));
    const found = broken(BEGINNING, lost('transfer', THIRD), running, endWith(status('t3', ['running'])));
    expect(found).toEqual({ settles: [STUCK] });
  });

  it('rejects that it is under way before replays, which finish it', () => {
    const told = (third: object) => statuses(T1, T2, third);
    const found = broken(
      [BEGINNING, lost('transfer', THIRD), askStatus(status('t3', ['running'])), settled(BALANCES)].flat(),
      told(status('t3', ['running'])),
      replay({ request_id: 't1', ...COMMITTED }),
      [told(status('t3', ROAD)), audit([65, 80, 5])].flat(),
    );
    expect(found).toEqual({ settles: [STUCK] });
  });

  it('rejects that it is under way when nothing had settled', () => {
    const end = [statuses(T1, T2, status('t3', ['running'])), audit(BALANCES)];
    const found = broken(BEGINNING, lost('transfer', THIRD), unsettled, ...end);
    expect(found.settles).toEqual(['transfers were unfinished still when replays began', STUCK]);
  });

  it('rejects that it is under way after it was asked for once more', () => {
    const again = refused('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, 'timeout');
    const running = status('t3', ['running']);
    const first = [settled(BALANCES), statuses(T1, T2, unknownId('t3')), replay({ request_id: 't1', ...COMMITTED })];
    const found = broken(BEGINNING, lost('transfer', THIRD), ...first, again, askStatus(running), endWith(running));
    expect(found).toEqual({ settles: [STUCK] });
  });

  const again = refused('transfer-otherwise', { ...THIRD, amount: 6, original: THIRD }, 'timeout');
  const begun = [BEGINNING, lost('transfer', THIRD), askStatus(status('t3', ['running'])), settled(BALANCES)].flat();
  const told = statuses(T1, T2, status('t3', ['running']));

  it('rejects that it was under way before replays, also if it was asked for once more after them', () => {
    const replayed = [replay({ request_id: 't1', ...COMMITTED }), again].flat();
    expect(broken(begun, told, replayed, endWith(status('t3', ROAD), true))).toEqual({ settles: [STUCK] });
  });

  it('accepts that it was under way after replays had begun, before it was asked for once more', () => {
    const replayed = [replay({ request_id: 't1', ...COMMITTED }), told, again].flat();
    expect(broken(begun, replayed, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('rejects that it is under way when it was answered before everything had settled', () => {
    const found = broken(BEGINNING, transfer('t3', COMMITTED, THIRD), endWith(status('t3', ['running']), true));
    expect(found).toEqual({
      settles: [STUCK],
      'reads-are-current': ['a status does not show what was acknowledged before'],
    });
  });

  it('rejects that it is under way when it was known before everything had settled, and was answered later', () => {
    const replayed = [replay({ request_id: 't3', ...COMMITTED }), told, audit(BALANCES)].flat();
    expect(broken(begun, replayed)).toEqual({
      settles: [STUCK],
      'reads-are-current': ['a status does not show what was acknowledged before'],
    });
  });

  it('rejects that it is under way when it was known before everything had settled once more', () => {
    const running = askStatus(status('t3', ['running']));
    const twice = [settled(BALANCES), running, endWith(status('t3', ['running']))];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...twice)).toEqual({ settles: [STUCK] });
  });

  it('accepts that it was under way before the last transfer was asked for', () => {
    const third = [lost('transfer', THIRD), askStatus(status('t3', ['running'])), settled(BALANCES)];
    const early = statuses(status('t3', ['running']));
    expect(broken(OPENINGS, ...third, early, TRANSFERS, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it('accepts a transfer that was unknown before, and that came late', () => {
    expect(broken(BEGINNING, lost('transfer', THIRD), endWith(status('t3', ['running'])))).toEqual({});
  });

  it('rejects that accounts change when everything has settled', () => {
    const end = [settled(BALANCES), statuses(T1, T2), audit(BALANCES), audit(BALANCES, { clean: false })];
    const problems = { settles: ['accounts changed still when everything had settled'] };
    expect(broken(BEGINNING, ...end)).toEqual(problems);
    expect(broken(BEGINNING, ...end, settled(BALANCES))).toEqual(problems);
  });

  it('accepts that an audit of some accounts saw two moments', () => {
    const some = { balances: [70], versions: [3], unfinished: [], clean: false };
    expect(broken(BEGINNING, END, done('audit', { accounts: ['a'] }, some))).toEqual({});
  });

  it('accepts that they change when a transfer may have come late', () => {
    const told = statuses(T1, T2, unknownId('t3'));
    const end = [settled(BALANCES), told, audit(BALANCES), audit([65, 80, 5], { versions: [4, 3, 4], clean: false })];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...end)).toEqual({});
  });
});

describe('transfers go step by step, and are compensated in order', () => {
  const STRANGE = 'a transfer came into a state that cannot follow';
  const COMPENSATION = 'compensation did not descend step by step';

  it.each([
    ['begins with the pivot', ['committing@1', 'committed'], 'a history does not begin at the beginning'],
    [
      'begins at a later stage',
      ['running@1', 'committing@1', 'committed'],
      'a history does not begin at the beginning',
    ],
    ['begins twice', ['running', 'running', 'committing@1', 'committed'], STRANGE],
    ['has no pivot', ['running', 'committed'], STRANGE],
    ['commits at another stage', ['running', 'committing@2', 'committed'], STRANGE],
    ['goes on after its end', [...ROAD, 'committing@1', 'committed'], 'a transfer went on after it had ended'],
    ['begins with its end', ['committed'], 'a history does not begin at the beginning'],
    ['reaches the pivot twice', ['running', 'committing@1', 'committing@1', 'committed'], STRANGE],
    ['ends at another stage', ['running', 'committing@1', 'committed@1'], STRANGE],
    ['comes into a state that is none', ['running', 'waiting', 'committed'], STRANGE],
  ])('rejects a committed transfer that %s', (_name, names, problem) => {
    const found = broken(BEGINNING, transfer('t3', COMMITTED, THIRD), endWith(status('t3', names), true));
    expect(found).toEqual({ 'compensates-in-order': [problem] });
  });

  it.each([
    ['is not compensated', ['running', 'aborted'], STRANGE],
    [
      'begins to be compensated below the last step',
      ['running', 'compensating@0', 'aborted'],
      'compensation did not begin at the last step',
    ],
    [
      'begins to be compensated above the last step',
      ['running', 'compensating@2', 'compensating@1', 'compensating@0', 'aborted'],
      'compensation did not begin at the last step',
    ],
    ['is compensated upwards', ['running', 'compensating@1', 'compensating@2', 'aborted'], COMPENSATION],
    [
      'is compensated twice in one step',
      ['running', 'compensating@1', 'compensating@1', 'compensating@0', 'aborted'],
      COMPENSATION,
    ],
    ['ends at another stage', ['running', 'compensating@1', 'compensating@0', 'aborted@1'], STRANGE],
    [
      'is not compensated to the end',
      ['running', 'compensating@1', 'aborted'],
      'a transfer was aborted before all of it was compensated',
    ],
  ])('rejects an aborted transfer that %s', (_name, names, problem) => {
    const found = broken(BEGINNING, transfer('t3', ABANDONED, THIRD), endWith(status('t3', names, 'abandoned')));
    expect(found).toEqual({ 'compensates-in-order': [problem] });
  });

  it('rejects compensation after the pivot', () => {
    const names = ['running', 'committing@1', 'compensating@1', 'compensating@0', 'aborted'];
    const found = broken(BEGINNING, transfer('t3', ABANDONED, THIRD), endWith(status('t3', names, 'abandoned')));
    expect(found['compensates-in-order']).toEqual(['a transfer was compensated after the pivot']);
  });

  it('knows the last step from the legs', () => {
    const legs = [
      { account: 'a', amount: -10 },
      { account: 'b', amount: 4 },
      { account: 'c', amount: 6 },
    ];
    const asked = transfer('t3', ABANDONED, { request_id: 't3', legs });
    const back = ['running', 'compensating@2', 'compensating@1', 'compensating@0', 'aborted'];
    expect(broken(BEGINNING, asked, endWith(status('t3', back, 'abandoned')))).toEqual({});
    expect(broken(BEGINNING, asked, endWith(status('t3', WAY_BACK, 'abandoned')))).toEqual({
      'compensates-in-order': ['compensation did not begin at the last step'],
    });
  });

  it('accepts one that was aborted before it began', () => {
    const bare = endWith(status('t3', ['aborted'], 'abandoned'));
    expect(broken(BEGINNING, transfer('t3', ABANDONED, THIRD), bare)).toEqual({});
  });

  it('accepts histories that are added to', () => {
    const told = [['running'], ['running', 'compensating@1'], ['running']].map((names) =>
      askStatus(status('t3', names)),
    );
    const found = broken(BEGINNING, lost('transfer', THIRD), ...told, endWith(status('t3', WAY_BACK, 'abandoned')));
    expect(found).toEqual({});
  });

  it('judges a history by all that is added to it', () => {
    const begun = askStatus(status('t3', ['running']));
    const found = broken(
      BEGINNING,
      lost('transfer', THIRD),
      begun,
      endWith(status('t3', ['running', 'committed']), true),
    );
    expect(found).toEqual({ 'compensates-in-order': [STRANGE] });
  });

  it('compares with the longest history that was told', () => {
    const early = [['running', 'compensating@1'], ['running']].map((names) => askStatus(status('t3', names)));
    const found = broken(BEGINNING, lost('transfer', THIRD), ...early, endWith(status('t3', ROAD), true));
    expect(found).toEqual({ 'compensates-in-order': ['two histories of one transfer contradict each other'] });
  });

  it('tells where two histories differ, with the first answer of each, and judges both', () => {
    const early = [
      ['running', 'committing@1'],
      ['running', 'committing@1'],
      ['running', 'committed'],
    ];
    const asked = early.map((names) => askStatus(status('t3', names)));
    const result = check(BEGINNING, lost('transfer', THIRD), ...asked, endWith(status('t3', ROAD), true));
    expect(result['compensates-in-order']).toEqual({
      count: 2,
      examples: [
        {
          problem: 'two histories of one transfer contradict each other',
          request_id: 't3',
          at: 1,
          histories: [
            ['committing at 1 by n1, 2026-11-21T08:00:00.001Z'],
            ['committed at 0 by n1, 2026-11-21T08:00:00.001Z'],
          ],
          operations: [13, 17],
        },
        { problem: STRANGE, request_id: 't3', history: 'running at 0, committed at 0', index: 1, operation: 17 },
      ],
    });
  });

  it.each([
    ['another state', states('running', 'compensating@1')],
    ['another time', states('running').map((transition) => ({ ...transition, time: '2026-11-21T08:00:01.000Z' }))],
    ['another node', states('running').map((transition) => ({ ...transition, node: 'n2' }))],
  ])('rejects that a history is told with %s', (_name, history) => {
    const other = { request_id: 't3', state: history.at(-1)?.state, history };
    const found = broken(BEGINNING, lost('transfer', THIRD), askStatus(other), endWith(status('t3', ROAD), true));
    expect(found).toEqual({ 'compensates-in-order': ['two histories of one transfer contradict each other'] });
  });

  it.each([
    ['another state', states('running', 'committing@1')],
    ['none', []],
  ])('rejects that a state is told whose history ends in %s', (_name, history) => {
    const other = { request_id: 't3', state: 'committed', history };
    const found = broken(
      BEGINNING,
      transfer('t3', COMMITTED, THIRD),
      askStatus(other),
      endWith(status('t3', ROAD), true),
    );
    expect(found).toEqual({ 'compensates-in-order': ['a history ends in another state than the one told'] });
  });
});

describe('a transfer has one outcome', () => {
  const TWO = 'a transfer was told to have ended in two ways';
  const end = endWith(status('t3', ROAD), true);

  /** Two clients ask at the same time, so that neither answer is the first. */
  function bothAnswered(one: object, other: object): HandwrittenOperation[] {
    return [
      invoke(0, 'transfer', THIRD),
      invoke(1, 'transfer', THIRD),
      ok(0, 'transfer', { ...THIRD, ...one }),
      ok(1, 'transfer', { ...THIRD, ...other }),
    ];
  }

  it('rejects two outcomes in answers', () => {
    expect(broken(BEGINNING, bothAnswered(COMMITTED, POOR), end)['one-outcome']).toEqual([TWO]);
  });

  it('rejects two reasons in answers', () => {
    const found = broken(BEGINNING, bothAnswered(POOR, ABANDONED), endWith(status('t3', WAY_BACK, 'abandoned')));
    expect(found['one-outcome']).toEqual(['a transfer was told to have two reasons']);
  });

  it('rejects another reason in a later answer', () => {
    const twice = [transfer('t3', POOR, THIRD), transfer('t3', ABANDONED, THIRD)];
    const found = broken(BEGINNING, ...twice, endWith(status('t3', WAY_BACK, 'insufficient funds')));
    expect(found).toEqual({ 'one-outcome': ['a transfer was told to have two reasons'] });
  });

  it('tells the first answer of each kind, in the order of the answers', () => {
    const nested = [
      invoke(1, 'transfer', THIRD),
      ...transfer('t3', POOR, THIRD),
      ok(1, 'transfer', { ...THIRD, ...ABANDONED }),
      ...transfer('t3', ABANDONED, THIRD),
    ];
    const result = check(BEGINNING, nested, endWith(status('t3', WAY_BACK, 'insufficient funds')));
    expect(result).toMatchObject({
      'one-outcome': {
        count: 1,
        examples: [{ told: ['aborted: insufficient funds', 'aborted: abandoned'], operations: [12, 13] }],
      },
      'answers-agree': NOTHING,
    });
  });

  it('accepts the same answer from many', () => {
    expect(broken(BEGINNING, bothAnswered(COMMITTED, COMMITTED), transfer('t3', COMMITTED, THIRD), end)).toEqual({});
  });

  it('rejects that statuses say otherwise', () => {
    const aborted = askStatus(status('t3', ['aborted'], 'abandoned'));
    expect(broken(BEGINNING, lost('transfer', THIRD), aborted, end)).toEqual({
      'compensates-in-order': ['two histories of one transfer contradict each other'],
      'one-outcome': [TWO],
    });
  });
});

describe('answers agree', () => {
  it('rejects that a replay gets another outcome', () => {
    const found = broken(BEGINNING, END, replay({ request_id: 't1', ...POOR }, { request_id: 't2', ...POOR }));
    expect(found['answers-agree']).toEqual(['a replay was answered otherwise']);
  });

  it('rejects that a replay gets another reason', () => {
    const found = broken(BEGINNING, END, replay({ request_id: 't2', ...ABANDONED }));
    expect(found).toEqual({
      'one-outcome': ['a transfer was told to have two reasons'],
      'answers-agree': ['a replay was answered otherwise'],
    });
  });

  it.each(['key-does-not-exist', 'precondition-failed'])('rejects that a replay is refused: %s', (name) => {
    const found = broken(BEGINNING, END, refused('replay', { part: 0, parts: 1 }, name));
    expect(found).toEqual({ 'answers-agree': ['a replay was refused'] });
  });

  it.each([
    ['unavailable', refused('replay', { part: 0, parts: 1 }, 'temporarily-unavailable')],
    ['lost', lost('replay', { part: 0, parts: 1 })],
  ])('accepts that a replay is %s', (_name, operations) => {
    expect(broken(BEGINNING, END, operations)).toEqual({});
  });

  it('rejects that a status gives another reason than was answered', () => {
    const other = statuses(T1, status('t2', WAY_BACK, 'abandoned'));
    const found = broken(BEGINNING, settled(BALANCES), other, audit(BALANCES));
    expect(found).toEqual({
      'one-outcome': ['a transfer was told to have two reasons'],
      'answers-agree': ['a status says otherwise than was answered'],
    });
  });

  it('rejects that a status gives another reason than a replay', () => {
    const told = [statuses(T1, T2, status('t3', WAY_BACK, 'insufficient funds')), audit(BALANCES)];
    const replayed = [settled(BALANCES), replay({ request_id: 't3', ...ABANDONED })];
    expect(broken(BEGINNING, lost('transfer', THIRD), ...replayed, ...told)).toEqual({
      'one-outcome': ['a transfer was told to have two reasons'],
      'answers-agree': ['a status says otherwise than was answered'],
    });
  });
});

describe('a request id stands for one body', () => {
  const other = { ...request('t1', 31), original: request('t1') };

  it('rejects that another body is accepted', () => {
    const accepted = done('transfer-otherwise', other, { refused: false, ...COMMITTED });
    expect(broken(BEGINNING, accepted, END)).toEqual({
      'refuses-another-body': ['a request id was accepted for another transfer'],
    });
  });

  it.each([
    ['refused', done('transfer-otherwise', other, { refused: true })],
    ['unavailable', refused('transfer-otherwise', other, 'temporarily-unavailable')],
    ['lost', lost('transfer-otherwise', other)],
    ['cut off', [invoke(1, 'transfer-otherwise', other)]],
    ['refused as malformed, which it is', refused('transfer-otherwise', { ...other, to: 'a' }, 'malformed-request')],
  ])('accepts that it is %s', (_name, operations) => {
    expect(broken(BEGINNING, operations, END)).toEqual({});
  });

  const sameBody = refused('transfer', request('t1'), 'precondition-failed');

  it.each([
    ['', sameBody],
    [', which was requested before another one', refused('transfer-otherwise', other, 'precondition-failed')],
  ])('rejects that the same body is refused%s', (_name, operations) => {
    expect(broken(BEGINNING, operations, END)).toEqual({
      'refuses-another-body': ['a transfer was refused as another one'],
    });
  });

  it('accepts that it is refused when an account may be closed, which would be opened again', () => {
    expect(broken(BEGINNING, lost('close', { account: 'b' }), sameBody, END)).toEqual({});
  });
});

describe('reads are current', () => {
  it.each([
    ['is not known', unknownId('t1')],
    ['is running', status('t1', ['running'])],
    ['is committing', status('t1', ['running', 'committing@1'])],
  ])('rejects that a transfer %s after it was acknowledged', (_name, told) => {
    expect(broken(BEGINNING, askStatus(told), END)).toEqual({
      'reads-are-current': ['a status does not show what was acknowledged before'],
    });
  });

  it('rejects that a transfer is running after its first answer, whatever is answered later', () => {
    expect(broken(BEGINNING, askStatus(status('t1', ['running'])), transfer('t1', COMMITTED), END)).toEqual({
      'reads-are-current': ['a status does not show what was acknowledged before'],
    });
  });

  it('accepts it while it is not acknowledged', () => {
    const [asked, answered] = transfer('t3', COMMITTED, THIRD) as [HandwrittenOperation, HandwrittenOperation];
    const meanwhile = [asked, invoke(1, 'status', { request_id: 't3' }), answered, ok(1, 'status', unknownId('t3'))];
    expect(broken(BEGINNING, meanwhile, endWith(status('t3', ROAD), true))).toEqual({});
  });

  it.each([
    ['has ended', ROAD, 'a transfer had ended before and a status does not show it'],
    ['has begun', ['running'], 'a transfer was known before and a status does not know it'],
  ])('rejects that a transfer is unknown although an answer said that it %s', (_name, names, problem) => {
    const told = [askStatus(status('t3', names)), askStatus(unknownId('t3'))];
    const found = broken(BEGINNING, lost('transfer', THIRD), ...told, endWith(status('t3', ROAD), true));
    expect(found).toEqual({ 'reads-are-current': [problem] });
  });

  const NEWER = { versions: [3, 3, 2] };
  const OLDER = { versions: [3, 2, 2] };
  const FELL = 'the version of an account fell';

  it('rejects that a version falls', () => {
    const found = broken(BEGINNING, audit(BALANCES, NEWER), audit(BALANCES, OLDER), END);
    expect(found).toEqual({ 'reads-are-current': [FELL] });
  });

  it('rejects that it falls after it rose, and names the first read that told the highest', () => {
    const versions = [OLDER, NEWER, NEWER, OLDER, OLDER];
    const fell = { problem: FELL, account: 'b', version: 2, before: 3 };
    expect(check(BEGINNING, ...versions.map((one) => audit(BALANCES, one)), END)['reads-are-current']).toEqual({
      count: 2,
      examples: [
        { ...fell, operations: [13, 17] },
        { ...fell, operations: [13, 19] },
      ],
    });
  });

  it('finds the highest version of all that were told before, whichever began first', () => {
    const nested = [
      invoke(1, 'audit', { accounts: ACCOUNTS }),
      audit(BALANCES, NEWER),
      audit(BALANCES, NEWER, 1).slice(1),
    ];
    expect(broken(BEGINNING, nested.flat(), audit(BALANCES, OLDER), END)).toEqual({ 'reads-are-current': [FELL] });
  });

  it('accepts that a version falls in reads that overlap', () => {
    const overlapping = [
      invoke(1, 'audit', { accounts: ACCOUNTS }),
      audit(BALANCES, NEWER),
      audit(BALANCES, OLDER, 1).slice(1),
    ];
    expect(broken(BEGINNING, overlapping.flat(), END)).toEqual({});
  });

  it('rejects two balances in one version', () => {
    const found = broken(BEGINNING, audit([71, 79, 0], { versions: [3, 3, 3], clean: false }), END);
    const problem = 'one version of an account has two balances';
    // Of `a` and of `b`, once each: what came first is taken for right, and all that is told later differs from it.
    expect(new Set(found['reads-are-current'])).toEqual(new Set([problem]));
    expect(Object.keys(found)).toEqual(['reads-are-current']);
  });
});

describe('it serves while nothing is broken', () => {
  /** One a tenth of a second, each of which takes a twentieth. */
  function transfers(
    count: number,
    startMs: number,
    type: 'ok' | 'fail' | 'info',
    prefix = 'x',
  ): HandwrittenOperation[] {
    return Array.from({ length: count }, (_, number) => {
      const asked = request(`${prefix}${number}`, 1000);
      const atMs = startMs + 100 * number;
      const process = 3 + number;
      const end = { ok, fail, info }[type](
        process,
        'transfer',
        type === 'ok' ? { ...asked, ...POOR } : asked,
        atMs + 50,
      );
      return [invoke(process, 'transfer', asked, atMs), end];
    }).flat();
  }

  function serving(test: typeof SPARED, ...operations: Story) {
    return sagaChecker().check(test, handwritten(...operations.flat()))['serves-without-faults'];
  }

  const TOO_FEW = [{ problem: 'too few transfers were answered while nothing was broken' }];
  const partition = (beginMs: number, endMs: number) => ({
    begin: [nemesis('start-partition', 'one', beginMs), nemesis('start-partition', ['isolated', {}], beginMs)],
    end: [nemesis('stop-partition', null, endMs), nemesis('stop-partition', 'network-healed', endMs)],
  });

  it.each([
    ['rejects less than nine in ten', 17, 3, TOO_FEW],
    ['accepts nine in ten', 18, 2, []],
    ['demands nothing of fewer than twenty', 0, 19, []],
  ])('%s', (_name, okCount, other, examples) => {
    const operations = [transfers(okCount, 0, 'ok'), transfers(other, 5000, 'info', 'y')];
    const expected = { count: examples.length, ok: okCount, other, judged: true };
    expect(serving(SPARED, ...operations)).toMatchObject({ ...expected, examples });
  });

  it('counts refusals for what they are', () => {
    expect(serving(SPARED, transfers(20, 0, 'fail'))).toMatchObject({ count: 1, ok: 0, other: 20 });
  });

  it('demands nothing for accounts that do not exist', () => {
    const refused = transfers(20, 0, 'fail').map((operation) =>
      operation.type === 'fail' ? { ...operation, error: ['key-does-not-exist', 'there is no account x'] } : operation,
    );
    expect(serving(SPARED, refused)).toMatchObject({ count: 0, ok: 0, other: 0 });
    const others = transfers(20, 0, 'fail').map((operation) =>
      operation.type === 'fail' ? { ...operation, error: ['temporarily-unavailable', 'busy'] } : operation,
    );
    expect(serving(SPARED, others)).toMatchObject({ count: 1, ok: 0, other: 20 });
  });

  it('demands nothing if messages are lost, or if that is unknown', () => {
    const expected = { count: 0, ok: 0, other: 20, judged: false };
    expect(serving(THREE_NODES, transfers(20, 0, 'info'))).toMatchObject(expected);
    expect(serving({ ...THREE_NODES, hitMessageCount: 1 }, transfers(20, 0, 'info'))).toMatchObject(expected);
  });

  it.each([
    ['rejects less than nine in ten with a latency of 50 ms', 50, 1, true],
    ['demands nothing of a slower network', 51, 0, false],
  ])('%s', (_name, latencyMeanMs, count, judged) => {
    const expected = { count, ok: 0, other: 20, judged };
    expect(serving({ ...SPARED, latencyMeanMs }, transfers(20, 0, 'info'))).toMatchObject(expected);
  });

  it.each([
    ['inFlight', 0, false],
    ['listed', 0, false],
    ['requests', 0, false],
    ['group', 1, true],
  ])('demands nothing of nodes that may refuse for lack of room: with the limit %s', (limit, count, judged) => {
    const expected = { count, ok: 0, other: 20, judged };
    expect(serving({ ...SPARED, nodeLimits: { [limit]: 4 } }, transfers(20, 0, 'fail'))).toMatchObject(expected);
  });

  it('demands nothing while something is broken, nor soon after', () => {
    const { begin, end } = partition(2000, 6000);
    const operations = [
      transfers(20, 0, 'ok'),
      begin,
      transfers(20, 2100, 'info', 'y'),
      end,
      transfers(29, 6050, 'info', 'z'),
      transfers(1, 8990, 'info', 'v'),
      transfers(2, 9000, 'info', 'w'),
    ];
    expect(serving(SPARED, ...operations)).toMatchObject({ count: 0, ok: 20, other: 2 });
  });

  it('counts nothing that a fault came into', () => {
    const { begin } = partition(2000, 0);
    const asked = [invoke(0, 'transfer', request('y'), 1900), ...begin, info(0, 'transfer', request('y'), 2100)];
    expect(serving(SPARED, asked)).toMatchObject({ ok: 0, other: 0 });
  });

  it('counts nothing that is answered at the moment of a fault', () => {
    const { begin } = partition(2000, 0);
    const asked = [invoke(0, 'transfer', request('y'), 1900), ...begin, info(0, 'transfer', request('y'), 2000)];
    expect(serving(SPARED, asked)).toMatchObject({ ok: 0, other: 0 });
  });

  it('waits until both of two faults of one kind are over', () => {
    const { begin, end } = partition(1000, 4000);
    expect(serving(SPARED, begin, begin, end, transfers(5, 8000, 'info'))).toMatchObject({ ok: 0, other: 0 });
    expect(serving(SPARED, begin, begin, end, end, transfers(5, 8000, 'info'))).toMatchObject({ ok: 0, other: 5 });
  });

  it('takes other steps of the nemesis for no faults', () => {
    const other = [nemesis('compact', null, 10), nemesis('compact', ['n1'], 10)];
    expect(serving(SPARED, other, transfers(20, 5000, 'info'))).toMatchObject({ count: 1, ok: 0, other: 20 });
  });

  it('counts what goes on while something whole is healed', () => {
    const healed = [nemesis('stop-partition', null, 100), nemesis('stop-partition', 'network-healed', 100)];
    const asked = [invoke(0, 'transfer', request('y'), 0), ...healed, info(0, 'transfer', request('y'), 200)];
    expect(serving(SPARED, asked)).toMatchObject({ ok: 0, other: 1 });
  });

  it('waits until the last of several faults is over', () => {
    const { begin, end } = partition(1000, 4000);
    const kill = [nemesis('kill', null, 2000), nemesis('kill', ['n1'], 2000)];
    const start = [nemesis('start', null, 9000), nemesis('start', 'restarted', 9000)];
    const told = [begin, kill, end, transfers(5, 7500, 'info'), start, transfers(5, 12_000, 'info', 'y')];
    expect(serving(SPARED, ...told)).toMatchObject({ ok: 0, other: 5 });
  });

  it('takes it for nothing that Maelstrom heals in the end what is whole', () => {
    const { begin, end } = partition(1000, 4000);
    const again = [nemesis('stop-partition', null, 10_000), nemesis('stop-partition', 'network-healed', 10_000)];
    const told = [begin, end, transfers(20, 8000, 'info'), again, transfers(20, 10_100, 'info', 'y')];
    expect(serving(SPARED, ...told)).toMatchObject({ count: 1, ok: 0, other: 40 });
  });

  it('does not take the end of one fault for that of another', () => {
    const kill = [nemesis('kill', null, 1000), nemesis('kill', ['n1'], 1000)];
    const healed = [nemesis('stop-partition', null, 2000), nemesis('stop-partition', 'network-healed', 2000)];
    expect(serving(SPARED, kill, healed, transfers(20, 8000, 'info'))).toMatchObject({ count: 0, ok: 0, other: 0 });
  });

  it('knows that clocks stay wrong that were set back in a restart', () => {
    const begin = [nemesis('start-clock-restart', null, 10), nemesis('start-clock-restart', { nodes: ['n1'] }, 10)];
    const end = [nemesis('stop-clock-restart', null, 20), nemesis('stop-clock-restart', 'restarted', 20)];
    expect(serving(SPARED, begin, end, transfers(20, 5000, 'info'))).toMatchObject({ count: 0, ok: 0, other: 0 });
  });

  it('counts what was never answered if there was time for it', () => {
    const cutOff = [invoke(0, 'transfer', request('y'), 0), invoke(1, 'transfer', request('z'), 2000)];
    expect(serving(SPARED, cutOff, transfers(1, 6000, 'ok'))).toMatchObject({ ok: 1, other: 1 });
    expect(serving(SPARED, cutOff, transfers(1, 4950, 'ok'))).toMatchObject({ ok: 1, other: 1 });
    expect(serving(SPARED, cutOff, transfers(1, 4949.999999, 'ok'))).toMatchObject({ ok: 1, other: 0 });
  });

  it('does not count what is malformed', () => {
    const self = refused('transfer', request('y', 1, 'a', 'a'), 'malformed-request');
    expect(serving(SPARED, self)).toMatchObject({ ok: 0, other: 0 });
  });
});

describe('accounts are right', () => {
  it('rejects that one is opened again with another balance', () => {
    const again = done('open-otherwise', { account: 'a', balance: 7 }, { refused: false });
    expect(broken(BEGINNING, again, END)).toEqual({
      'accounts-are-right': ['an account was opened again with another balance'],
    });
  });

  it.each([
    [
      'a request that is well-formed',
      refused('transfer', request('t1'), 'malformed-request'),
      'a request was refused that is well-formed',
    ],
    [
      'what it is there for',
      refused('audit', { accounts: ['a'] }, 'not-supported'),
      'a request was refused that is well-formed',
    ],
    [
      'what it is there for, of a request that is malformed',
      refused('transfer', request('t1', 0), 'not-supported'),
      'a request was refused that is well-formed',
    ],
    [
      'a request about accounts as malformed',
      refused('audit', { accounts: ['a'] }, 'malformed-request'),
      'a request was refused that is well-formed',
    ],
    [
      'the balance that an account has',
      refused('open', { account: 'a', balance: 100 }, 'key-already-exists'),
      'an account was refused with the balance that it has',
    ],
    [
      'an account that exists',
      refused('close', { account: 'a' }, 'key-does-not-exist'),
      'an account is missing that was opened before',
    ],
    [
      'a transfer between accounts that exist',
      refused('transfer', request('t1'), 'key-does-not-exist'),
      'an account is missing that was opened before',
    ],
    [
      'an account as closed',
      refused('open', { account: 'a', balance: 100 }, 'precondition-failed'),
      'an account is called closed that was not closed',
    ],
  ])('rejects the refusal of %s', (_name, refusal, problem) => {
    expect(broken(BEGINNING, refusal, END)).toEqual({ 'accounts-are-right': [problem] });
  });

  it.each([
    ['it could not be opened again', done('open-otherwise', { account: 'd', balance: 7 }, { refused: true })],
    ['it could not be closed', done('close', { account: 'd' }, { closed: false })],
    ['it was read', done('audit', { accounts: ['d'] }, { balances: [0], versions: [1], unfinished: [], clean: true })],
    ['it got money', transfer('t3', COMMITTED, request('t3', 5, 'a', 'd'))],
  ])('rejects that an account is missing after %s', (_name, known) => {
    const missing = refused('audit', { accounts: ['d'] }, 'key-does-not-exist');
    expect(broken(BEGINNING, known, missing, END)['accounts-are-right']).toEqual([
      'an account is missing that was opened before',
    ]);
  });

  it('rejects that an account is called closed after its opening was lost', () => {
    const opening = { account: 'c', balance: 0 };
    expect(broken(BEGINNING, lost('open', opening), refused('open', opening, 'precondition-failed'), END)).toEqual({
      'accounts-are-right': ['an account is called closed that was not closed'],
    });
  });

  it('accepts that a request is undecided, whatever its error', () => {
    const asked = { accounts: ['a'] };
    const undecided = { ...info(1, 'audit', asked), error: ['malformed-request', 'no'] };
    expect(broken(BEGINNING, invoke(1, 'audit', asked), undecided, END)).toEqual({});
  });

  it.each([
    ['an account that is in no answer', [refused('audit', { accounts: ['a', 'b'] }, 'key-does-not-exist'), BEGINNING]],
    [
      'an account whose opening is answered meanwhile',
      [
        invoke(1, 'audit', { accounts: ['a'] }),
        OPENINGS,
        { ...fail(1, 'audit', { accounts: ['a'] }), error: ['key-does-not-exist', ''] },
        TRANSFERS,
      ],
    ],
    [
      'two accounts, one of which is in no answer',
      [BEGINNING, refused('audit', { accounts: ['a', 'd'] }, 'key-does-not-exist')],
    ],
    [
      'two balances, one of which is unknown',
      [BEGINNING, refused('audit', { accounts: ['a', 'd'] }, 'key-already-exists')],
    ],
    ['what names no account', [BEGINNING, refused('status', { request_id: 't1' }, 'key-already-exists')]],
    ['what cannot be done now', [BEGINNING, refused('close', { account: 'a' }, 'temporarily-unavailable')]],
    [
      'the opening of an account that may be closed',
      [
        BEGINNING,
        lost('close', { account: 'c' }),
        refused('open', { account: 'c', balance: 0 }, 'precondition-failed'),
      ],
    ],
  ])('accepts the refusal of %s', (_name, operations) => {
    expect(broken(...operations.map((part) => part as HandwrittenOperation | Operations), END)).toEqual({});
  });

  const EVEN = [
    { account: 'a', amount: -5 },
    { account: 'b', amount: 5 },
  ];
  /** Nothing says what they would move. */
  const UNCLEAR: readonly [name: string, asked: object][] = [
    ['without a payer', { request_id: 't3', to: 'b', amount: 5 }],
    ['without a payee', { request_id: 't3', from: 'a', amount: 5 }],
    ['without an amount', { request_id: 't3', from: 'a', to: 'b' }],
    ['in two forms', { ...THIRD, legs: EVEN }],
    ['with legs and a payer', { request_id: 't3', legs: EVEN, from: 'a' }],
    ['with legs and a payee', { request_id: 't3', legs: EVEN, to: 'b' }],
    ['with legs and an amount', { request_id: 't3', legs: EVEN, amount: 5 }],
  ];

  it.each(UNCLEAR)('says no more of a transfer %s than that it was carried out', (_name, asked) => {
    expect(broken(BEGINNING, transfer('t3', COMMITTED, asked), endWith(status('t3', ROAD)))).toEqual({
      'accounts-are-right': ['a transfer was carried out that is malformed'],
    });
  });

  it.each<[name: string, asked: object]>([
    ...UNCLEAR,
    ['from an account to itself', request('t3', 5, 'a', 'a')],
    ['of nothing', request('t3', 0)],
    ['of less than nothing', request('t3', -5)],
    ['with a leg of nothing beside others', { request_id: 't3', legs: [...EVEN, { account: 'c', amount: 0 }] }],
    [
      'whose legs are not even',
      {
        request_id: 't3',
        legs: [
          { account: 'a', amount: -5 },
          { account: 'b', amount: 4 },
        ],
      },
    ],
    [
      'with a leg of nothing',
      {
        request_id: 't3',
        legs: [
          { account: 'a', amount: 0 },
          { account: 'b', amount: 0 },
        ],
      },
    ],
    [
      'with an account twice',
      {
        request_id: 't3',
        legs: [
          { account: 'a', amount: -5 },
          { account: 'a', amount: -5 },
          { account: 'b', amount: 10 },
        ],
      },
    ],
  ])('tells a transfer %s from one that is well-formed', (_name, asked) => {
    expect(broken(BEGINNING, refused('transfer', asked, 'malformed-request'), endWith(unknownId('t3')))).toEqual({});
    expect(
      broken(BEGINNING, transfer('t3', POOR, asked), endWith(status('t3', ['aborted'], 'insufficient funds'))),
    ).toEqual({
      'accounts-are-right': ['a transfer was carried out that is malformed'],
    });
  });

  it.each([
    ['balances and versions', { balances: [70, 80], versions: [3, 3] }],
    ['balances', { balances: [70, 80], versions: [3, 3, 3] }],
    ['versions', { balances: BALANCES, versions: [3, 3] }],
  ])('rejects another number of %s than was asked for', (_name, two) => {
    expect(broken(BEGINNING, audit(BALANCES, { ...two, clean: false }), END)['accounts-are-right']).toEqual([
      'another number of accounts was told than asked for',
    ]);
  });

  describe('that are closed', () => {
    const closed = done('close', { account: 'c' }, { closed: true });
    const intoClosed = { outcome: 'aborted', reason: 'payee closed' };

    it('accepts that they stay so', () => {
      const told = [closed, done('close', { account: 'c' }, { closed: true }), transfer('t3', intoClosed, THIRD)];
      expect(broken(BEGINNING, ...told, endWith(status('t3', WAY_BACK, 'payee closed')))).toEqual({});
    });

    it('rejects that they have money', () => {
      const moved = [settled([65, 80, 5]), statuses(T1, T2, status('t3', ROAD)), audit([65, 80, 5])];
      const found = broken(BEGINNING, transfer('t3', COMMITTED, THIRD), closed, ...moved);
      expect(found).toEqual({
        'accounts-are-right': ['an account that is closed has money', 'an account that is closed has money'],
      });
    });

    it('rejects that they have money before they are closed once more', () => {
      const told = [audit([65, 80, 5], { versions: [2, 2, 2], clean: false }), closed];
      expect(broken(BEGINNING, closed, ...told, END)).toEqual({
        'accounts-are-right': ['an account that is closed has money'],
      });
    });

    it('accepts that they had money in a read which began before', () => {
      const change = { versions: [2, 2, 2], clean: false };
      const early = [invoke(1, 'audit', { accounts: ACCOUNTS }), closed, audit([65, 80, 5], change, 1).slice(1)];
      expect(broken(BEGINNING, early.flat(), END)).toEqual({});
    });

    it('rejects that a transfer is committed which was asked later', () => {
      const moved = endWith(status('t3', ROAD), true);
      const found = broken(BEGINNING, closed, transfer('t3', COMMITTED, THIRD), moved);
      expect(found['accounts-are-right']).toEqual([
        'an account that is closed has money',
        'an account that is closed has money',
        'a transfer was committed with an account that was closed before',
      ]);
    });

    it('leaves it to other rules that a transfer is called committed which is not', () => {
      const told = [closed, transfer('t3', intoClosed, THIRD), endWith(status('t3', WAY_BACK, 'payee closed'))];
      const found = broken(BEGINNING, ...told, replay({ request_id: 't3', ...COMMITTED }));
      expect(Object.keys(found)).toEqual(['one-outcome', 'answers-agree']);
    });

    it('accepts that a transfer is committed which was asked before', () => {
      const [asked, answered] = transfer('t3', COMMITTED, THIRD) as [HandwrittenOperation, HandwrittenOperation];
      const back = transfer('t4', COMMITTED, request('t4', 5, 'c', 'a'));
      const told = [
        BEGINNING,
        asked,
        back.map((operation) => ({ ...operation, process: 1 })),
        closed.map((operation) => ({ ...operation, process: 2 })),
        answered,
      ];
      const end = [settled(BALANCES), statuses(T1, T2, status('t3', ROAD), status('t4', ROAD)), audit(BALANCES)];
      expect(broken(...told, ...end)).toEqual({});
    });

    it('rejects that one cannot be closed again', () => {
      const again = done('close', { account: 'c' }, { closed: false });
      expect(broken(BEGINNING, closed, again, END)).toEqual({
        'accounts-are-right': ['an account that is closed could not be closed'],
      });
    });

    it.each([
      ['no client had asked to close', []],
      ['was not closed when a client asked', done('close', { account: 'c' }, { closed: false })],
      ['could not be closed when a client asked', refused('close', { account: 'c' }, 'temporarily-unavailable')],
      ['had the other part', done('close', { account: 'a' }, { closed: false })],
      ['may be closed only where it had the other part', lost('close', { account: 'a' })],
    ])('rejects that a transfer is aborted for an account that %s', (_name, before) => {
      const told = [before, transfer('t3', intoClosed, THIRD), endWith(status('t3', WAY_BACK, 'payee closed'))];
      expect(broken(BEGINNING, ...told)).toEqual({
        'accounts-are-right': ['a transfer was aborted for an account that was not closed'],
      });
    });

    const fromClosed = { outcome: 'aborted', reason: 'payer closed' };
    const fromC = request('t3', 5, 'c', 'a');

    it('tells a payer that is closed from a payee', () => {
      const told = [transfer('t3', fromClosed, fromC), endWith(status('t3', WAY_BACK, 'payer closed'))];
      expect(broken(BEGINNING, closed, ...told)).toEqual({});
      expect(broken(BEGINNING, lost('close', { account: 'a' }), ...told)).toEqual({
        'accounts-are-right': ['a transfer was aborted for an account that was not closed'],
      });
    });

    it('judges what a malformed transfer was aborted for', () => {
      const told = [transfer('t3', intoClosed, { request_id: 't3', legs: [{ account: 'c', amount: 5 }] })];
      expect(broken(BEGINNING, ...told, endWith(status('t3', ['aborted'], 'payee closed')))).toEqual({
        'accounts-are-right': [
          'a transfer was aborted for an account that was not closed',
          'a transfer was carried out that is malformed',
        ],
      });
    });

    it.each([
      ['was lost', lost('close', { account: 'c' })],
      ['is under way', [invoke(1, 'close', { account: 'c' })]],
    ])('accepts it when the closing %s', (_name, closing) => {
      const told = [closing, transfer('t3', intoClosed, THIRD), endWith(status('t3', WAY_BACK, 'payee closed'))];
      expect(broken(BEGINNING, ...told)).toEqual({});
    });

    it('accepts it when the first of several closings was lost', () => {
      const closing = lost('close', { account: 'c' });
      const told = [closing, transfer('t3', intoClosed, THIRD), closing];
      expect(broken(BEGINNING, ...told, endWith(status('t3', WAY_BACK, 'payee closed')))).toEqual({});
    });
  });
});
