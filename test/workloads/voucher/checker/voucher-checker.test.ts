/** The voucher service: every rule in histories written by hand, kept and broken in each way that it can be. */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/checkers/checker.ts';
import { History } from '../../../../src/history/history.ts';
import { voucherChecker } from '../../../../src/workloads/voucher/checker/voucher-checker.ts';
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

const CODE = 'v';
const AMOUNT = 5;
const TERMS = { limit: 2, amount: AMOUNT, shards: 1 };

function check(...operations: readonly (HandwrittenOperation | Operations)[]): CheckResult {
  return voucherChecker().check(THREE_NODES, handwritten(...operations.flat()));
}

function requestOf(user: string, number = 0, code = CODE) {
  return { code, user, request_id: `${code}:${user}:${number}` };
}

function entry(redemption: number, user: string, number = 0) {
  return { redemption, user, request_id: requestOf(user, number).request_id };
}

function credit(redemption: number, user: string, change: object = {}) {
  return { code: CODE, request_id: requestOf(user).request_id, redemption, credited: AMOUNT, ...change };
}

function redeemed(redemption: number, change: object = {}) {
  return { outcome: 'redeemed', redemption, credited: AMOUNT, ...change };
}

const SOLD_OUT = { outcome: 'sold_out' };
const ALREADY = { outcome: 'already_redeemed' };

/** An operation and its answer, with nothing between. */
function done(f: string, asked: object, answered: object = {}, process = 0): HandwrittenOperation[] {
  return [invoke(process, f, asked), ok(process, f, { ...asked, ...answered })];
}

function create(terms: object = TERMS, code = CODE): HandwrittenOperation[] {
  return done('create', { code, ...terms });
}

function redeem(user: string, answer: object, number = 0): HandwrittenOperation[] {
  return done('redeem', requestOf(user, number), answer);
}

function replay(user: string, answer: object, number = 0): HandwrittenOperation[] {
  return done('replay', requestOf(user, number), answer);
}

function lost(user: string, number = 0): HandwrittenOperation[] {
  return [invoke(0, 'redeem', requestOf(user, number)), info(0, 'redeem', requestOf(user, number))];
}

function read(used: number, change: object = {}, f = 'read'): HandwrittenOperation[] {
  return done(f, { code: CODE }, { limit: TERMS.limit, used, pending: 0, ...change });
}

function settled(used: number, limit = TERMS.limit): HandwrittenOperation[] {
  return read(used, { limit }, 'settled');
}

function page(redemptions: readonly object[], length = redemptions.length, asked: object = {}): HandwrittenOperation[] {
  return done('report', { code: CODE, offset: 0, limit: 10, ...asked }, { length, redemptions });
}

function reportAll(redemptions: readonly object[], length = redemptions.length): HandwrittenOperation[] {
  return done('report-all', { code: CODE }, { length, redemptions });
}

function wallet(user: string, entries: readonly { credited: number }[], balance?: number): HandwrittenOperation[] {
  const sum = entries.reduce((total, { credited }) => total + credited, 0);
  return done('wallet', { user }, { balance: balance ?? sum, entries });
}

/** Two users have redeemed a voucher for two, and a third one came too late. */
const SALE = [create(), redeem('a', redeemed(1)), redeem('b', redeemed(2)), redeem('c', SOLD_OUT)].flat();
const BOTH = [entry(1, 'a'), entry(2, 'b')];
const WALLETS = [wallet('a', [credit(1, 'a')]), wallet('b', [credit(2, 'b')]), wallet('c', [])].flat();
/** What is asked in the end, as long as everything is right. */
const END = [settled(2), reportAll(BOTH), WALLETS].flat();

const NOTHING = { count: 0, examples: [] };
const KEPT = {
  'within-limit': NOTHING,
  'once-a-user': NOTHING,
  'acknowledged-is-kept': NOTHING,
  'nothing-unasked': NOTHING,
  'as-many-as-asked': NOTHING,
  'counts-are-current': NOTHING,
  'sold-out-is-true': NOTHING,
  'no-right-is-lost': NOTHING,
  'wallets-are-right': NOTHING,
  'answers-agree': NOTHING,
  'redemptions-are-distinct': NOTHING,
  'as-created': NOTHING,
  'refuses-rightly': NOTHING,
};

function valid(attempted: number, acknowledged: number, redemptions: number) {
  return {
    'valid?': true,
    'attempted-count': attempted,
    'acknowledged-count': acknowledged,
    'redemption-count': redemptions,
    ...KEPT,
  };
}

function unknown(attempted: number, acknowledged: number, redemptions: number, error: string) {
  return {
    ...valid(attempted, acknowledged, redemptions),
    'valid?': 'unknown',
    error,
    summary: `${error[0]?.toUpperCase()}${error.slice(1)}.`,
  };
}

/** The problems that were found, by the names of the rules. */
function broken(...operations: readonly (HandwrittenOperation | Operations)[]): Record<string, string[]> {
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

describe('a run of the voucher service', () => {
  it('is of unknown validity without operations', () => {
    expect(check()).toEqual(unknown(0, 0, 0, 'no redemption was acknowledged'));
  });

  it('is of unknown validity when no redemption was acknowledged', () => {
    const result = check(create(), lost('a'), lost('b'), END);
    expect(result).toEqual(unknown(2, 0, 2, 'no redemption was acknowledged'));
  });

  it('accepts one in which everything is as promised', () => {
    const result = check(
      create(),
      create(),
      done('create-otherwise', { code: CODE, ...TERMS, limit: 3 }, { refused: true }),
      read(0),
      page([]),
      redeem('a', redeemed(1)),
      nemesis('start-partition', 'one'),
      redeem('a', redeemed(1)),
      redeem('a', ALREADY, 1),
      read(1, { pending: 1 }),
      page([entry(1, 'a')]),
      page([], 1, { offset: 1 }),
      wallet('a', [credit(1, 'a')]),
      wallet('b', []),
      lost('b'),
      [invoke(1, 'redeem', requestOf('c')), fail(1, 'redeem', requestOf('c'), undefined)],
      redeem('c', SOLD_OUT),
      settled(2),
      reportAll(BOTH),
      WALLETS,
      replay('a', redeemed(1)),
      replay('b', redeemed(2)),
      replay('c', SOLD_OUT),
      settled(2),
      read(2),
      reportAll(BOTH),
      wallet('a', [credit(1, 'a')]),
      invoke(2, 'read', { code: CODE }),
    );
    expect(result).toEqual(valid(9, 2, 2));
  });

  it('says of what broke first what is wrong', () => {
    const result = check(SALE, redeem('b', ALREADY), END);
    const different = {
      problem: 'one request got different answers',
      code: CODE,
      user: 'b',
      request_id: 'v:b:0',
      answers: [
        { outcome: 'redeemed', redemption: 2, credited: 5 },
        { outcome: 'already_redeemed', redemption: undefined, credited: undefined },
      ],
      operations: [5, 9],
    };
    const contradicted = {
      problem: 'a request was told already_redeemed and is in the report',
      code: CODE,
      user: 'b',
      request_id: 'v:b:0',
      operations: [9, 13],
    };
    expect(result).toEqual({
      ...valid(4, 2, 2),
      'valid?': false,
      'answers-agree': { count: 2, examples: [different, contradicted] },
      error: 'one request got different answers',
      summary: 'One request got different answers.',
      proofs: [different, contradicted].map(({ problem, operations, ...facts }) => ({
        rule: 'answers-agree',
        problem,
        facts,
        operations,
        operationCount: 2,
      })),
    });
  });

  it('lists a bounded number of examples and counts all', () => {
    const reads = Array.from({ length: 30 }, () => read(9)).flat();
    expect(check(SALE, reads, END)).toMatchObject({ 'within-limit': { count: 30, examples: { length: 8 } } });
  });

  it('keeps vouchers apart', () => {
    const other = requestOf('a', 0, 'w');
    const otherCredit = credit(1, 'a', { code: 'w', request_id: 'w:a:0', credited: 7 });
    const result = check(
      SALE,
      create({ limit: 1, amount: 7, shards: 3 }, 'w'),
      done('redeem', other, redeemed(1, { credited: 7 })),
      settled(2),
      done('settled', { code: 'w' }, { limit: 1, used: 1, pending: 0 }),
      reportAll(BOTH),
      done(
        'report-all',
        { code: 'w' },
        { length: 1, redemptions: [{ redemption: 1, user: 'a', request_id: 'w:a:0' }] },
      ),
      wallet('a', [otherCredit, credit(1, 'a')]),
      wallet('b', [credit(2, 'b')]),
    );
    expect(result).toEqual(valid(4, 3, 3));
  });

  it('cannot be judged when a process overlaps itself', () => {
    expect(() => check(invoke(0, 'read', { code: CODE }), invoke(0, 'read', { code: CODE }))).toThrow(
      'while 0 is open',
    );
  });
});

describe('without a final read the validity is unknown', () => {
  it.each([
    ['of the terms', [SALE.slice(2), END], 'no answer says that v was created'],
    ['of the report', [SALE, settled(2), WALLETS], 'there is no final report of v'],
    ['of what is pending', [SALE, reportAll(BOTH), WALLETS], 'it is unknown whether v settled'],
    [
      'of what is pending, before the replays',
      [SALE, reportAll(BOTH), WALLETS, replay('a', redeemed(1)), settled(2)],
      'it is unknown whether v settled',
    ],
    [
      'of what is pending, before the first replay',
      [SALE, reportAll(BOTH), WALLETS, replay('a', redeemed(1)), settled(2), replay('b', redeemed(2))],
      'it is unknown whether v settled',
    ],
    [
      'of what is pending, after the last redemption',
      [SALE.slice(0, 6), settled(2), redeem('c', SOLD_OUT), reportAll(BOTH), WALLETS],
      'it is unknown whether v settled',
    ],
    [
      'of what is pending, where another error says nothing of it',
      [
        SALE,
        [invoke(0, 'settled', { code: CODE }), { ...fail(0, 'settled', { code: CODE }), error: ['abort', 1] }],
        reportAll(BOTH),
        WALLETS,
      ],
      'it is unknown whether v settled',
    ],
    [
      'of what is pending, with an answer',
      [
        SALE,
        settled(2),
        [invoke(0, 'settled', { code: CODE }), info(0, 'settled', { code: CODE })],
        reportAll(BOTH),
        WALLETS,
      ],
      'it is unknown whether v settled',
    ],
    [
      'of a wallet',
      [SALE, settled(2), reportAll(BOTH), wallet('a', [credit(1, 'a')])],
      'there is no final read of the wallet of b',
    ],
    [
      'of a wallet, after the report',
      [SALE, settled(2), wallet('b', [credit(2, 'b')]), reportAll(BOTH), wallet('a', [credit(1, 'a')])],
      'there is no final read of the wallet of b',
    ],
    [
      'of a wallet, after the reports of all vouchers',
      [
        SALE,
        create({ ...TERMS, limit: 1 }, 'w'),
        done('redeem', requestOf('d', 0, 'w'), redeemed(1)),
        settled(2),
        done('settled', { code: 'w' }, { limit: 1, used: 1, pending: 0 }),
        done(
          'report-all',
          { code: 'w' },
          { length: 1, redemptions: [{ redemption: 1, user: 'd', request_id: 'w:d:0' }] },
        ),
        WALLETS,
        reportAll(BOTH),
        wallet('d', [credit(1, 'd', { code: 'w', request_id: 'w:d:0' })]),
      ],
      'there is no final read of the wallet of a',
    ],
    [
      'of the wallet of a user who may have redeemed',
      [SALE, lost('d'), END],
      'there is no final read of the wallet of d',
    ],
  ])('%s', (_name, operations, error) => {
    expect(check(...operations)).toMatchObject({ ...KEPT, 'valid?': 'unknown', error });
  });

  it('and what was read before the last redemption is not final', () => {
    const operations = [create({ ...TERMS, limit: 3 }), SALE.slice(2, 6), settled(2, 3), reportAll(BOTH), WALLETS];
    expect(check(...operations, redeem('c', redeemed(3)))).toMatchObject({
      ...KEPT,
      'valid?': 'unknown',
      error: 'there is no final report of v',
    });
  });

  it('and an answer is compared with no report', () => {
    expect(check(SALE, redeem('a', ALREADY, 1), settled(2), WALLETS)).toMatchObject({
      ...KEPT,
      'valid?': 'unknown',
      error: 'there is no final report of v',
    });
  });

  it('but what is wrong all the same is wrong', () => {
    expect(broken(SALE, read(3))).toMatchObject({ 'within-limit': ['more was used than the limit'] });
  });
});

describe('a voucher is redeemed within its limit', () => {
  it('rejects a larger report', () => {
    const three = [...BOTH, entry(3, 'c')];
    const operations = [SALE.slice(0, 6), redeem('c', redeemed(3)), reportAll(three), settled(2)];
    expect(broken(...operations, WALLETS.slice(0, 4), wallet('c', [credit(3, 'c')]))).toMatchObject({
      'within-limit': ['more was used than the limit', 'there are more redemptions than the limit'],
    });
  });

  it.each(['read', 'settled'])('rejects that more is used at a %s', (f) => {
    expect(broken(SALE, lost('d'), read(3, {}, f), END)['within-limit']).toEqual(['more was used than the limit']);
  });

  it('rejects that a page tells of more', () => {
    expect(broken(SALE, lost('d'), page([], 3, { offset: 3 }), END)['within-limit']).toEqual([
      'more was used than the limit',
    ]);
  });

  it.each([
    ['more is pending than used', 3],
    ['less than nothing is pending', -1],
  ])('rejects that %s', (_name, pending) => {
    expect(broken(SALE, read(2, { pending }), END)).toEqual({
      'within-limit': ['another number was pending than can be'],
    });
  });
});

describe('a user redeems once', () => {
  it('rejects two requests of one user in the report', () => {
    const twice = [entry(1, 'a'), entry(2, 'a', 1)];
    const wallets = [wallet('a', [credit(1, 'a'), credit(2, 'a', { request_id: 'v:a:1' })])];
    const operations = [create(), redeem('a', redeemed(1)), redeem('a', redeemed(2), 1), settled(2), reportAll(twice)];
    expect(broken(...operations, ...wallets)).toEqual({
      'once-a-user': ['a user redeemed more than once'],
      'as-many-as-asked': ['there are more redemptions than users who may have redeemed'],
    });
  });

  it('rejects one request twice in the report', () => {
    const twice = [entry(1, 'a'), entry(2, 'a')];
    const wallets = wallet('a', [credit(1, 'a'), credit(2, 'a')]);
    const operations = [create(), redeem('a', redeemed(1)), lost('b'), settled(2), reportAll(twice), wallets];
    expect(broken(...operations, wallet('b', []))).toEqual({
      'once-a-user': ['a user redeemed more than once'],
      'redemptions-are-distinct': ['a redemption is in a report twice'],
    });
  });
});

describe('what was acknowledged is kept', () => {
  it('rejects that it is not in the report', () => {
    const one = [create({ ...TERMS, limit: 1 }), redeem('a', redeemed(1)), lost('b'), settled(1, 1)];
    const told = [reportAll([entry(2, 'b')]), wallet('a', [credit(1, 'a')]), wallet('b', [credit(2, 'b')])];
    expect(broken(...one, ...told)).toEqual({
      'acknowledged-is-kept': ['an acknowledged redemption is not in the report'],
      'wallets-are-right': ['a wallet has an entry that is not in the report'],
    });
  });

  it('rejects that another request of the user is there', () => {
    const other = [entry(1, 'a', 1), entry(2, 'b')];
    const found = broken(SALE, lost('a', 1), settled(2), reportAll(other), WALLETS);
    expect(found['acknowledged-is-kept']).toEqual(['an acknowledged redemption is not in the report']);
  });

  it('rejects another number in the report', () => {
    const other = [entry(7, 'a'), entry(2, 'b')];
    const wallets = [wallet('a', [credit(7, 'a')]), WALLETS.slice(2)];
    expect(broken(SALE, settled(2), reportAll(other), ...wallets)).toEqual({
      'acknowledged-is-kept': ['an acknowledged redemption has another number in the report'],
      'wallets-are-right': ['a wallet does not show a redemption that was known before'],
    });
  });

  it('compares what was told first, also by a later attempt', () => {
    const attempts = [
      invoke(1, 'redeem', requestOf('a')),
      redeem('a', redeemed(1)),
      ok(1, 'redeem', { ...requestOf('a'), ...redeemed(3) }),
    ].flat();
    expect(broken(create(), attempts, SALE.slice(4), END)).toEqual({
      'answers-agree': ['one request got different answers'],
    });
  });

  it.each([
    ['another amount', { credited: 4 }, ['another amount was credited than the voucher is worth']],
    ['no amount', { credited: undefined }, ['another amount was credited than the voucher is worth']],
    ['no number', { redemption: undefined }, ['an acknowledged redemption has another number in the report']],
  ])('rejects an answer with %s', (_name, change, problems) => {
    const operations = [create(), redeem('a', redeemed(1, change)), SALE.slice(4), END];
    expect(broken(...operations)).toEqual({ 'acknowledged-is-kept': problems });
  });
});

describe('nothing is redeemed unasked', () => {
  const ONE = create({ ...TERMS, limit: 2 });
  const end = (user: string) => [
    settled(2),
    reportAll([entry(1, 'a'), entry(2, user)]),
    wallet('a', [credit(1, 'a')]),
    wallet(user, [credit(2, user)]),
  ];

  it('rejects a redemption that was not requested', () => {
    expect(broken(ONE, redeem('a', redeemed(1)), lost('b'), ...end('x'), wallet('b', []))).toEqual({
      'nothing-unasked': ['a redemption was not requested'],
    });
  });

  it('rejects a redemption that was requested only after the report', () => {
    expect(
      broken(ONE, redeem('a', redeemed(1)), lost('b'), ...end('x'), wallet('b', []), replay('x', redeemed(2))),
    ).toEqual({ 'nothing-unasked': ['a redemption was not requested'] });
  });

  it('rejects the redemptions of a voucher for which there was no request at all', () => {
    expect(broken(reportAll([entry(1, 'a')]))).toMatchObject({ 'nothing-unasked': ['a redemption was not requested'] });
  });

  it('rejects another request id than was asked for', () => {
    const operations = [ONE, redeem('a', redeemed(1)), redeem('b', redeemed(2), 1), ...end('b')];
    expect(broken(...operations)['nothing-unasked']).toEqual(['a redemption was not requested']);
  });

  it('rejects what every attempt failed to redeem', () => {
    const failed = [0, 1].flatMap(() => [invoke(0, 'redeem', requestOf('b')), fail(0, 'redeem', requestOf('b'))]);
    expect(broken(ONE, redeem('a', redeemed(1)), failed, lost('c'), ...end('b'), wallet('c', []))).toEqual({
      'nothing-unasked': ['a redemption had only been refused'],
    });
  });

  it('counts what had only been refused among what sold out rests on', () => {
    const failed = [invoke(0, 'redeem', requestOf('b')), fail(0, 'redeem', requestOf('b'))];
    const operations = [ONE, redeem('a', redeemed(1)), failed, lost('d'), redeem('c', SOLD_OUT), ...end('b')];
    expect(broken(...operations, wallet('d', []))).toEqual({
      'nothing-unasked': ['a redemption had only been refused'],
    });
  });

  it.each([
    ['lost', lost('b')],
    ['cut off', [invoke(1, 'redeem', requestOf('b'))]],
  ])('accepts what one attempt failed to redeem, and another one was %s', (_name, other) => {
    const failed = [invoke(0, 'redeem', requestOf('b')), fail(0, 'redeem', requestOf('b'))];
    expect(check(ONE, redeem('a', redeemed(1)), failed, other, ...end('b'))).toMatchObject({ 'valid?': true });
  });
});

describe('there are as many redemptions as were asked for', () => {
  it('rejects fewer than were acknowledged', () => {
    const found = broken(SALE, settled(2), reportAll([entry(1, 'a')]), WALLETS);
    expect(found['as-many-as-asked']).toEqual(['there are fewer redemptions than were acknowledged']);
  });

  it('rejects more than users who may have redeemed', () => {
    const failed = [invoke(0, 'redeem', requestOf('b')), fail(0, 'redeem', requestOf('b'))];
    const found = broken(create(), redeem('a', redeemed(1)), failed, redeem('c', SOLD_OUT), END);
    expect(found['as-many-as-asked']).toEqual(['there are more redemptions than users who may have redeemed']);
  });
});

describe('numbers of redemptions are current', () => {
  const BEFORE = [create(), redeem('a', redeemed(1))];
  const AFTER = [redeem('b', redeemed(2)), redeem('c', SOLD_OUT), END];
  const FELL = 'the number of redemptions fell';

  it.each([
    ['a read after a read', read(2), read(1)],
    ['a page after a read', read(2), page([entry(1, 'a')])],
    ['a read after a page', page([], 2, { offset: 2 }), read(1)],
  ])('rejects that it falls in %s', (_name, first, second) => {
    expect(broken(...BEFORE, lost('b'), first, second, ...AFTER)).toEqual({ 'counts-are-current': [FELL] });
  });

  it('accepts that it falls in reads that overlap', () => {
    const told = (used: number) => ({ code: CODE, limit: 2, used, pending: 0 });
    const overlapping = [
      invoke(0, 'read', { code: CODE }),
      invoke(1, 'read', { code: CODE }),
      ok(0, 'read', told(2)),
      ok(1, 'read', told(1)),
    ];
    expect(broken(...BEFORE, lost('b'), overlapping, ...AFTER)).toEqual({});
  });

  it('finds the highest of all that were told before, whichever began first', () => {
    const told = (used: number) => ({ code: CODE, limit: 2, used, pending: 0 });
    const nested = [
      invoke(0, 'read', { code: CODE }),
      invoke(1, 'read', { code: CODE }),
      ok(1, 'read', told(2)),
      ok(0, 'read', told(1)),
    ];
    expect(broken(...BEFORE, lost('b'), nested, read(1), ...AFTER)).toEqual({ 'counts-are-current': [FELL] });
  });

  it('rejects that it falls after it rose, and names the first answer that told most', () => {
    const result = check(...BEFORE, lost('b'), read(1), read(2), read(2), read(1), ...AFTER);
    const fell = { problem: FELL, code: CODE, used: 1, before: 2, operations: [9, 13] };
    expect(result).toMatchObject({ ...KEPT, 'valid?': false, 'counts-are-current': { count: 1, examples: [fell] } });
  });

  it('rejects fewer than were acknowledged before', () => {
    expect(broken(...BEFORE, read(0), ...AFTER)).toEqual({
      'counts-are-current': ['fewer redemptions were told than were acknowledged before'],
    });
  });

  it('accepts fewer than were acknowledged meanwhile', () => {
    const meanwhile = [
      invoke(1, 'read', { code: CODE }),
      redeem('a', redeemed(1)),
      ok(1, 'read', { code: CODE, limit: 2, used: 0, pending: 0 }),
    ].flat();
    expect(broken(create(), meanwhile, ...AFTER)).toEqual({});
  });

  it('accepts fewer than were acknowledged later, whichever was asked first', () => {
    const slow = [
      invoke(1, 'redeem', requestOf('a')),
      redeem('b', redeemed(2)),
      read(1),
      ok(1, 'redeem', { ...requestOf('a'), ...redeemed(1) }),
    ].flat();
    expect(broken(create(), slow, redeem('c', SOLD_OUT), END)).toEqual({});
  });

  it.each([
    ['no other user asked', []],
    ['who else asked was refused', [invoke(1, 'redeem', requestOf('b')), fail(1, 'redeem', requestOf('b'))]],
    ['who else asked was told sold out', redeem('b', SOLD_OUT, 1)],
  ])('rejects more than were asked for when %s', (_name, others) => {
    const found = broken(...BEFORE, others, read(2), ...AFTER);
    expect(found['counts-are-current']).toEqual(['more redemptions were told than were asked for']);
  });

  it('accepts that undecided ones count', () => {
    expect(
      broken(
        ...BEFORE,
        invoke(1, 'redeem', requestOf('b')),
        read(2),
        ok(1, 'redeem', { ...requestOf('b'), ...redeemed(2) }),
        END,
      ),
    ).toEqual({});
  });
});

describe('sold out is true', () => {
  const EARLY = 'sold out was told before so many could have redeemed';

  it('rejects it before others had asked', () => {
    const operations = [create(), redeem('a', redeemed(1)), redeem('c', SOLD_OUT), redeem('b', redeemed(2)), END];
    expect(broken(...operations)).toEqual({ 'sold-out-is-true': [EARLY] });
  });

  it('rejects it before others had asked, in whatever order the report lists them', () => {
    const operations = [create(), redeem('b', redeemed(2)), redeem('c', SOLD_OUT), redeem('a', redeemed(1)), END];
    expect(broken(...operations)).toEqual({ 'sold-out-is-true': [EARLY] });
  });

  it('rejects it when who asked before was refused then', () => {
    const failed = [invoke(1, 'redeem', requestOf('b')), fail(1, 'redeem', requestOf('b'))];
    const operations = [create(), redeem('a', redeemed(1)), failed, redeem('c', SOLD_OUT), redeem('b', redeemed(2))];
    expect(broken(...operations, END)).toEqual({ 'sold-out-is-true': [EARLY] });
  });

  it('accepts it when the last right was asked for, by a request that is answered later', () => {
    const operations = [
      create(),
      redeem('a', redeemed(1)),
      invoke(1, 'redeem', requestOf('b')),
      redeem('c', SOLD_OUT),
      ok(1, 'redeem', { ...requestOf('b'), ...redeemed(2) }),
    ];
    expect(broken(...operations, END)).toEqual({});
  });
});

describe('no right is lost', () => {
  it('rejects that the final report is shorter than the limit', () => {
    const operations = [create(), redeem('a', redeemed(1)), settled(1), reportAll([entry(1, 'a')])];
    expect(broken(...operations, WALLETS.slice(0, 2))).toEqual({
      'no-right-is-lost': ['fewer users could redeem than the limit'],
    });
  });
});

describe('wallets are right', () => {
  const MISSING = 'a wallet does not show a redemption that was known before';
  const end = (walletOfA: Operations) => [SALE, settled(2), reportAll(BOTH), walletOfA, WALLETS.slice(2)];

  it.each([
    ['a balance above the entries', wallet('a', [credit(1, 'a')], 10), ['a balance is not the sum of the entries']],
    ['a balance below the entries', wallet('a', [credit(1, 'a')], 0), ['a balance is not the sum of the entries']],
    ['an entry twice', wallet('a', [credit(1, 'a'), credit(1, 'a')]), ['a redemption is in a wallet twice']],
    ['no entry', wallet('a', []), [MISSING]],
    [
      'another amount',
      wallet('a', [credit(1, 'a', { credited: 6 })]),
      ['an entry is worth another amount than the voucher'],
    ],
    ['another number', wallet('a', [credit(3, 'a')]), ['a wallet has an entry that is not in the report', MISSING]],
    [
      'another request',
      wallet('a', [credit(1, 'a', { request_id: 'v:a:1' })]),
      ['a wallet has an entry that is not in the report', MISSING],
    ],
    [
      "another user's redemption",
      wallet('a', [credit(1, 'a'), credit(2, 'b')]),
      ['a wallet has an entry that is not in the report'],
    ],
    [
      'an entry of no voucher',
      wallet('a', [credit(1, 'a'), credit(1, 'a', { code: 'x' })]),
      ['a wallet has an entry of no voucher'],
    ],
  ])('rejects %s', (_name, walletOfA, problems) => {
    expect(broken(...end(walletOfA))).toEqual({ 'wallets-are-right': problems });
  });

  it('rejects during the run that an acknowledged redemption does not show', () => {
    expect(broken(SALE, wallet('a', []), END)).toEqual({ 'wallets-are-right': [MISSING] });
  });

  it('rejects that it does not show between two acknowledgements', () => {
    expect(broken(SALE, wallet('a', []), redeem('a', redeemed(1)), END)).toEqual({ 'wallets-are-right': [MISSING] });
  });

  it('rejects that it does not show after a later attempt was acknowledged, and the first one not yet', () => {
    const attempts = [
      invoke(1, 'redeem', requestOf('a')),
      redeem('a', redeemed(1)),
      wallet('a', []),
      ok(1, 'redeem', { ...requestOf('a'), ...redeemed(1) }),
    ].flat();
    expect(broken(create(), attempts, SALE.slice(4), END)).toEqual({ 'wallets-are-right': [MISSING] });
  });

  it('accepts that it does not show while it is not acknowledged', () => {
    const meanwhile = [
      invoke(1, 'wallet', { user: 'a' }),
      redeem('a', redeemed(1)),
      ok(1, 'wallet', { user: 'a', balance: 0, entries: [] }),
    ].flat();
    expect(broken(create(), meanwhile, SALE.slice(4), END)).toEqual({});
  });

  it('rejects that an entry disappears which was read before', () => {
    const operations = [create(), lost('a'), wallet('a', [credit(1, 'a')]), wallet('a', []), SALE.slice(4), END];
    expect(broken(...operations)).toEqual({ 'wallets-are-right': [MISSING] });
  });

  it('rejects that what is in the final report shows in no wallet', () => {
    const operations = [create(), lost('a'), SALE.slice(4), settled(2), reportAll(BOTH), wallet('a', [])];
    expect(broken(...operations, WALLETS.slice(2), replay('a', redeemed(1)))).toEqual({
      'wallets-are-right': [MISSING],
    });
  });

  it('rejects that a replay credits once more', () => {
    const again = [credit(1, 'a')];
    expect(broken(SALE, END, replay('a', redeemed(1)), wallet('a', again, 10))).toEqual({
      'wallets-are-right': ['a balance is not the sum of the entries'],
    });
  });

  it.each([
    [
      'was told',
      [invoke(0, 'settled', { code: CODE }), { ...fail(0, 'settled', { code: CODE }), error: ['pending', 1] }],
    ],
    ['was told as ok', read(2, { pending: 1 }, 'settled')],
  ])('rejects that something is pending before replays, when that %s', (_name, operations) => {
    const problems = { 'wallets-are-right': ['redemptions were pending still when replays began'] };
    expect(broken(SALE, operations, reportAll(BOTH), WALLETS)).toEqual(problems);
    expect(broken(SALE, operations, reportAll(BOTH), WALLETS, replay('a', redeemed(1)), settled(2))).toEqual(problems);
  });

  it('accepts that something was pending before it settled', () => {
    expect(broken(SALE, read(2, { pending: 1 }, 'settled'), END)).toEqual({});
  });
});

describe('answers agree', () => {
  const DIFFERENT = 'one request got different answers';

  describe('where users and vouchers have a request id in common', () => {
    const sameId = (code: string, user: string) => ({ code, user, request_id: 'r0' });
    const ask = (code: string, user: string, answer: object) => done('redeem', sameId(code, user), answer);
    const report = (code: string, users: readonly string[]) => {
      const redemptions = users.map((user, index) => ({ redemption: index + 1, user, request_id: 'r0' }));
      return done('report-all', { code }, { length: users.length, redemptions });
    };
    const purse = (user: string, codes: readonly string[], redemption: number) => {
      const entries = codes.map((code) => ({ code, request_id: 'r0', redemption, credited: AMOUNT }));
      return wallet(user, entries);
    };
    const allSettled = ['v', 'w'].flatMap((code) =>
      done('settled', { code }, { limit: TERMS.limit, used: 2, pending: 0 }),
    );
    const beginning = [create(), create(TERMS, 'w'), ask('v', 'a', redeemed(1)), ask('w', 'a', redeemed(1))].flat();
    const end = [allSettled, report('v', ['a', 'b']), report('w', ['a', 'b'])].flat();
    const purses = [purse('a', ['v', 'w'], 1), purse('b', ['v', 'w'], 2)].flat();

    it('accepts that each of them redeems', () => {
      const others = [ask('v', 'b', redeemed(2)), ask('w', 'b', redeemed(2)), ask('v', 'c', SOLD_OUT)].flat();
      expect(broken(beginning, others, end, purses, purse('c', [], 0))).toEqual({});
    });

    it('rejects that one of them is told what another one was told', () => {
      const others = [ask('v', 'b', redeemed(1)), ask('w', 'b', redeemed(2))].flat();
      expect(broken(beginning, others, end, purses)).toMatchObject({
        'acknowledged-is-kept': ['an acknowledged redemption has another number in the report'],
        'redemptions-are-distinct': expect.arrayContaining(['one number stands for two redemptions']),
      });
    });

    it('rejects that one of them is told that it redeemed already, because another one has', () => {
      const others = [ask('v', 'b', ALREADY), ask('w', 'b', redeemed(2))].flat();
      const alone = done(
        'report-all',
        { code: 'v' },
        { length: 1, redemptions: [{ redemption: 1, ...sameId('v', 'a') }] },
      );
      const operations = [beginning, others, allSettled, alone, report('w', ['a', 'b']), purses].flat();
      expect(broken(operations)['answers-agree']).toEqual([
        'already redeemed was told to a user without another redemption',
      ]);
    });
  });

  it.each([
    ['another number', redeemed(3)],
    ['already redeemed', ALREADY],
    ['sold out', SOLD_OUT],
  ])('rejects that a request which redeemed is told %s in a replay', (_name, answer) => {
    expect(broken(SALE, END, replay('a', answer))['answers-agree']).toContain(DIFFERENT);
  });

  it('rejects that one which was told sold out redeems later', () => {
    const three = [...BOTH, entry(3, 'c')];
    const operations = [create({ ...TERMS, limit: 3 }), SALE.slice(2), redeem('c', redeemed(3)), settled(3, 3)];
    const found = broken(...operations, reportAll(three), WALLETS.slice(0, 4), wallet('c', [credit(3, 'c')]));
    expect(found).toEqual({
      'sold-out-is-true': ['sold out was told before so many could have redeemed'],
      'answers-agree': [DIFFERENT, 'a request was told sold_out and is in the report'],
    });
  });

  it('rejects sold out for a request that is in the report', () => {
    const operations = [create(), redeem('a', SOLD_OUT), lost('a'), lost('b'), redeem('c', redeemed(2)), settled(2)];
    const found = broken(
      ...operations,
      reportAll([entry(1, 'a'), entry(2, 'c')]),
      WALLETS.slice(0, 2),
      wallet('b', []),
      wallet('c', [credit(2, 'c')]),
    );
    expect(found['answers-agree']).toEqual(['a request was told sold_out and is in the report']);
  });

  it('rejects sold out for a user who is in the report', () => {
    expect(broken(SALE, redeem('a', SOLD_OUT, 1), END)).toEqual({
      'answers-agree': ['sold out was told to a user who is in the report'],
    });
  });

  it('rejects already redeemed for a user who is not in the report', () => {
    expect(broken(SALE, redeem('d', ALREADY), END)).toEqual({
      'answers-agree': ['already redeemed was told to a user without another redemption'],
    });
  });

  it('rejects already redeemed when the other redemption was not requested', () => {
    const other = [entry(1, 'a', 7), entry(2, 'b')];
    const wallets = [wallet('a', [credit(1, 'a', { request_id: 'v:a:7' })]), WALLETS.slice(2)];
    const operations = [create(), redeem('a', ALREADY), SALE.slice(4, 6), lost('d'), settled(2), reportAll(other)];
    expect(broken(...operations, ...wallets, wallet('d', []))).toEqual({
      'nothing-unasked': ['a redemption was not requested'],
      'answers-agree': ['already redeemed was told to a user without another redemption'],
    });
  });

  it('rejects already redeemed before the other request was asked', () => {
    expect(broken(create(), redeem('a', ALREADY, 1), SALE.slice(2), END)).toEqual({
      'answers-agree': ['already redeemed was told to a user without another redemption'],
    });
  });

  it('accepts already redeemed while the other request is under way', () => {
    const operations = [
      create(),
      invoke(1, 'redeem', requestOf('a')),
      redeem('a', ALREADY, 1),
      ok(1, 'redeem', { ...requestOf('a'), ...redeemed(1) }),
      SALE.slice(4),
    ];
    expect(broken(...operations, END)).toEqual({});
  });

  it.each([
    ['redeemed', redeemed(1)],
    ['info', undefined],
  ])('accepts that a request ends in info and then in %s', (_name, answer) => {
    const first = [invoke(1, 'redeem', requestOf('a')), info(1, 'redeem', requestOf('a'))];
    const then = answer === undefined ? lost('a') : redeem('a', answer);
    expect(broken(create(), first, then, SALE.slice(4), END)).toEqual({});
  });

  it('accepts that a request whose outcome is unknown turns out not to have redeemed', () => {
    expect(broken(SALE.slice(0, 6), lost('c'), redeem('c', SOLD_OUT), END)).toEqual({});
    expect(broken(SALE, lost('a', 1), redeem('a', ALREADY, 1), END)).toEqual({});
  });
});

describe('redemptions are distinct', () => {
  const TWO_FOR_ONE = 'one number stands for two redemptions';

  it('rejects one number for two acknowledged redemptions', () => {
    const both = [entry(1, 'a'), entry(1, 'b')];
    const wallets = [wallet('a', [credit(1, 'a')]), wallet('b', [credit(1, 'b')])];
    const operations = [create(), redeem('a', redeemed(1)), redeem('b', redeemed(1)), settled(2), reportAll(both)];
    expect(Object.keys(broken(...operations, ...wallets))).toEqual(['redemptions-are-distinct']);
  });

  it('rejects one number for two requests of one user', () => {
    expect(broken(SALE, redeem('a', redeemed(1), 1), END)['redemptions-are-distinct']).toEqual([TWO_FOR_ONE]);
  });

  it('takes two answers without a number for no two redemptions of one number', () => {
    const unnumbered = redeemed(1, { redemption: undefined });
    expect(Object.keys(broken(create(), redeem('a', unnumbered), redeem('b', unnumbered), SALE.slice(6), END))).toEqual(
      ['acknowledged-is-kept'],
    );
  });

  it('rejects one number twice in a page', () => {
    const found = broken(SALE, page([entry(1, 'a'), entry(1, 'b')]), END);
    expect(found).toEqual({
      'redemptions-are-distinct': [TWO_FOR_ONE, 'a redemption was in a report and is not in the last one'],
    });
  });

  it('rejects that a redemption is in a page twice', () => {
    expect(broken(SALE, page([entry(1, 'a'), entry(1, 'a')]), END)).toEqual({
      'redemptions-are-distinct': ['a redemption is in a report twice'],
    });
  });

  it('rejects that a redemption changes its number', () => {
    expect(broken(SALE, page([entry(3, 'a')], 2, { limit: 1 }), END)).toEqual({
      'redemptions-are-distinct': ['a redemption was in a report and is not in the last one'],
    });
  });

  it('rejects that a redemption changes its request', () => {
    expect(broken(SALE, lost('a', 1), page([entry(1, 'a', 1)], 2, { limit: 1 }), END)).toEqual({
      'redemptions-are-distinct': [TWO_FOR_ONE, 'a redemption was in a report and is not in the last one'],
    });
  });

  it('rejects that a redemption disappears', () => {
    expect(broken(SALE, lost('d'), page([entry(3, 'd')], 2, { limit: 1 }), END, wallet('d', []))).toEqual({
      'redemptions-are-distinct': ['a redemption was in a report and is not in the last one'],
    });
  });

  it.each([
    ['more than was asked for', page(BOTH, 2, { limit: 1 })],
    ['fewer than there are', page(BOTH.slice(1), 2)],
    ['something beyond the end', page(BOTH, 2, { offset: 2 })],
  ])('rejects a page with %s', (_name, operations) => {
    expect(broken(SALE, operations, END)).toEqual({
      'redemptions-are-distinct': ['a report has another number of redemptions than it should'],
    });
  });

  it('accepts an empty page beyond the end', () => {
    expect(broken(SALE, page([], 2, { offset: 5 }), END)).toEqual({});
  });

  it('rejects a full report that is shorter than it says', () => {
    expect(broken(SALE, settled(2), reportAll(BOTH.slice(1), 2), reportAll(BOTH), WALLETS)).toEqual({
      'redemptions-are-distinct': ['a report has another number of redemptions than it should'],
    });
  });

  it('accepts that others come between', () => {
    const operations = [
      create(),
      redeem('b', redeemed(2)),
      page([entry(2, 'b')]),
      redeem('a', redeemed(1)),
      page(BOTH),
    ];
    expect(broken(...operations, redeem('c', SOLD_OUT), END)).toEqual({});
  });
});

describe('a voucher is as it was created', () => {
  it.each([
    ['limit', { limit: 3 }],
    ['amount', { amount: 6 }],
    ['number of shards', { shards: 2 }],
  ])('rejects that it is created with another %s', (_name, change) => {
    expect(broken(SALE, create({ ...TERMS, ...change }), END)).toEqual({
      'as-created': ['a voucher was created under two terms'],
    });
  });

  it('rejects that other terms are accepted', () => {
    expect(broken(SALE, done('create-otherwise', { code: CODE, ...TERMS, limit: 3 }, { refused: false }), END)).toEqual(
      {
        'as-created': ['a voucher was created again under other terms'],
      },
    );
  });

  it('rejects another limit in a read', () => {
    expect(broken(SALE, read(2, { limit: 3 }), END)).toEqual({
      'as-created': ['a voucher has another limit than it was created with'],
    });
  });

  it('rejects another amount in a read', () => {
    expect(broken(SALE, read(2, { amount: 6 }), END)).toEqual({
      'as-created': ['a voucher has another amount than it was created with'],
    });
  });
});

describe('refusals are right', () => {
  function refused(f: string, asked: object, name: string): HandwrittenOperation[] {
    return [invoke(0, f, asked), { ...fail(0, f, asked), error: [name, 'no'] }];
  }

  it.each([
    ['well-formed', 'malformed-request', 'a request was refused that is well-formed'],
    ['known', 'not-supported', 'a request was refused that is well-formed'],
    ['created', 'key-does-not-exist', 'a voucher is missing that was created before'],
  ])('rejects a refusal of what is %s', (_name, error, problem) => {
    for (const f of ['redeem', 'replay', 'read', 'report', 'wallet'])
      expect(broken(SALE, END, refused(f, requestOf('c'), error))['refuses-rightly']).toEqual([problem]);
  });

  it('rejects that a voucher is missing between two creations', () => {
    expect(broken(SALE, refused('read', { code: CODE }, 'key-does-not-exist'), create(), END)).toEqual({
      'refuses-rightly': ['a voucher is missing that was created before'],
    });
  });

  it('rejects that the terms are refused which a voucher has', () => {
    expect(broken(SALE, refused('create', { code: CODE, ...TERMS }, 'key-already-exists'), END)).toEqual({
      'refuses-rightly': ['a voucher was refused under the terms that it has'],
    });
  });

  it('accepts that a voucher is missing before it is created', () => {
    expect(broken(refused('read', { code: CODE }, 'key-does-not-exist'), SALE, END)).toEqual({});
  });

  it('accepts that a voucher is missing while it is created', () => {
    const [first, ...created] = create();
    const missing = [invoke(1, 'read', { code: CODE }), created].flat();
    const told = { ...fail(1, 'read', { code: CODE }), error: ['key-does-not-exist', 'no'] };
    expect(broken(first as HandwrittenOperation, missing, told, SALE.slice(2), END)).toEqual({});
  });

  it('accepts that a request is undecided, whatever its error', () => {
    const told = { ...info(0, 'read', { code: CODE }), error: ['malformed-request', 'no'] };
    expect(broken(SALE, invoke(0, 'read', { code: CODE }), told, END)).toEqual({});
  });

  it('accepts that anything is to be asked later', () => {
    expect(broken(SALE, refused('redeem', requestOf('a'), 'temporarily-unavailable'), END)).toEqual({});
  });
});

it('judges a long history in good time', () => {
  const userCount = 5000;
  const terms = { ...TERMS, limit: userCount };
  const users = Array.from({ length: userCount }, (_, number) => `u${number}`);
  const told = (used: number) => ({ limit: userCount, used, pending: 0 });
  const all = users.map((user, number) => entry(number + 1, user));
  const operations = users.flatMap((user, number) => [
    ...redeem(user, redeemed(number + 1)),
    ...redeem('u0', redeemed(1)),
    ...redeem('u0', ALREADY, number + 1),
    ...done('read', { code: CODE }, told(number + 1)),
    ...page([all[number] as object], number + 1, { offset: number }),
  ]);
  const history = [
    create(terms),
    operations,
    done('settled', { code: CODE }, told(userCount)),
    reportAll(all),
    users.flatMap((user, number) => wallet(user, [credit(number + 1, user)])),
  ];
  const entries = history.flat().map((operation, time) => ({ ...operation, time }));
  const result = voucherChecker().check(THREE_NODES, History.of(entries));
  expect(result).toEqual(valid(3 * userCount, userCount, userCount));
});
