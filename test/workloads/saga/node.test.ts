/** Replies about accounts and transfers, and refusals with their texts. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { Refusal } from '../../../src/saga/plan.ts';
import { credit } from '../../../src/workloads/saga/accounts.ts';
import { AMOUNT_MAX, BALANCE_MAX, LEGS_MAX, type Leg } from '../../../src/workloads/saga/messages.ts';
import { startTransfers } from '../../../src/workloads/saga/node.ts';
import { heldBy, legsOf } from '../../../src/workloads/saga/transfers.ts';
import { isCas, LONG_MS, SagaRig, watch } from '../../support/saga-rig.ts';
import { LOST } from '../../support/store-rig.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const COMMITTED = { outcome: 'committed' };

class Bench {
  readonly rig = new SagaRig();
  readonly node = this.rig.begin('n0');
  readonly other = this.rig.begin('n1');

  run<T>(work: Promise<T>): Promise<T> {
    return this.rig.run(work);
  }
}

/** A node with its methods, and two accounts. */
async function start() {
  const bench = new Bench();
  const run = <T>(work: Promise<T>) => bench.run(work);
  await run(Promise.all([bench.node.open('a', 100), bench.node.open('b', 0)]));
  return { ...bench, run };
}

/** A transfer that has taken its money and cannot pay it out. */
async function underWay() {
  const bench = await start();
  bench.rig.lose((message) => isCas(message, 'a/b') && bench.rig.asked('cas', 's/r').length > 1);
  const asked = watch(bench.node.transfer('r', 'a', 'b', 30));
  await bench.rig.pass(200);
  expect(bench.rig.path('r')).toEqual(['running 0', 'committing 1']);
  return { ...bench, asked };
}

describe('an account', () => {
  it('is opened once: a repetition is ok, another balance is refused with 21', async () => {
    const { run, node, other, rig } = await start();
    expect(await run(node.open('a', 100))).toEqual({});
    expect(await run(other.open('a', 100))).toEqual({});
    await expect(run(other.open('a', 99))).rejects.toMatchObject({
      code: 21,
      message: expect.stringContaining('account a '),
    });
    await run(node.transfer('r', 'a', 'b', 30));
    expect(await run(other.open('a', 100))).toEqual({});
    await expect(run(other.open('a', 70))).rejects.toMatchObject({ code: 21 });
    expect(rig.balance('a')).toBe(70);
  });

  it('is opened once if the reply of the store is lost, and if many open it', async () => {
    const { run, node, other, rig } = await start();
    rig.next('cas_ok', LOST);
    expect(await run(node.open('c', 5))).toEqual({});
    const opened = [node, other, node].map((asked, number) => watch(asked.open('d', number)));
    await rig.pass(100);
    expect(opened.map(({ outcome }) => outcome && ('ok' in outcome ? 'ok' : outcome.code)).toSorted()).toEqual([
      21,
      21,
      'ok',
    ]);
  });

  it('is opened over the marks of transfers that found no account', async () => {
    const { run, node, rig } = await start();
    rig.put('a/c', { content: null, marks: [['x', 0, 'undone', 0]] });
    await run(node.open('c', 5));
    expect(rig.account('c')).toMatchObject({ content: { balance: 5 }, marks: [['x', 0, 'undone', 0]] });
  });

  it('is answered 13 when its opening is unknown, and 11 when it was not opened', async () => {
    const { run, node, rig } = await start();
    rig.lose((message) => isCas(message, 'a/c'));
    await expect(run(node.open('c', 5))).rejects.toMatchObject({ code: 13 });
    rig.lose(({ body }) => body.type === 'read');
    await expect(run(node.close('b'))).rejects.toMatchObject({ code: 11, message: expect.stringContaining('a/b') });
  });

  // Nothing in the account shows who opened it, so an opening whose reply was lost looks like one that came too late.
  it('that was opened without a reply, and closed by others meanwhile, is not reported as refused', async () => {
    const { run, node, other, rig } = await start();
    rig.next('cas_ok', LOST);
    const opened = watch(node.open('c', 0));
    await rig.pass(50);
    expect(await run(other.audit('c'))).toMatchObject({ balances: [0] });
    await run(other.close('c'));
    await rig.pass(3000);
    expect(opened.outcome).not.toMatchObject({ code: 22 });
  });

  it('is closed when it is empty, any number of times, and stays closed', async () => {
    const { run, node, other, rig } = await start();
    expect(await run(node.close('b'))).toEqual({});
    expect(await run(other.close('b'))).toEqual({});
    expect(rig.account('b')?.ver).toBe(2);
    await expect(run(other.open('b', 0))).rejects.toMatchObject({ code: 22, message: 'account b is closed' });
    await expect(run(other.open('b', 1))).rejects.toMatchObject({ code: 21 });
    expect(rig.account('b')?.content).toMatchObject({ balance: 0, opened: 0, closed: true });
    expect(await run(node.audit('b'))).toMatchObject({ balances: [0] });
  });

  it('that is not empty is not closed: 22 names its balance', async () => {
    const { run, node } = await start();
    await expect(run(node.close('a'))).rejects.toMatchObject({
      code: 22,
      message: 'account a is not empty: it has 100',
    });
    await run(node.transfer('r', 'a', 'b', 99));
    await expect(run(node.close('a'))).rejects.toMatchObject({
      code: 22,
      message: expect.stringContaining('it has 1'),
    });
    await run(node.transfer('s', 'a', 'b', 1));
    expect(await run(node.close('a'))).toEqual({});
  });

  it('with many old marks of transfers that this node does not know makes it look them up', async () => {
    const { run, node, rig } = await start();
    const sagas = Array.from({ length: 9 }, (_, number) => `x${number}`);
    const marks = sagas.map((saga) => [saga, 0, 'undone', 0]);
    rig.put('a/a', { ...rig.account('a'), marks });
    await run(node.transfer('r0', 'a', 'b', 1));
    await rig.pass(2500);
    expect(sagas.flatMap((saga) => rig.asked('read', `s/${saga}`))).toEqual([]);
    await run(node.transfer('r1', 'a', 'b', 1));
    await rig.pass(100);
    for (const saga of sagas) expect(rig.asked('read', `s/${saga}`)).toHaveLength(1);
  });

  it('with the marks of ended transfers is closed without a look at them', async () => {
    const { run, node, rig } = await start();
    rig.putAccount('c', 0, [['old', 0, 'applied', 1]]);
    expect(await run(node.close('c'))).toEqual({});
    expect(rig.asked('read', 's/')).toEqual([]);
  });

  it('with the mark of a transfer that the store does not know is not closed, and an audit counts nothing', async () => {
    const { run, node, rig } = await start();
    rig.putAccount('c', 0, [['ghost', 0, 'applied', 0]]);
    const ghost = { code: 11, message: 'transfer ghost is working on account c' };
    await expect(run(node.close('c'))).rejects.toMatchObject(ghost);
    expect(await run(node.audit('c'))).toMatchObject({ balances: [0], unfinished: [] });
  });

  it('that does not exist is not closed: 20', async () => {
    const { run, node, rig } = await start();
    await expect(run(node.close('missing'))).rejects.toMatchObject({
      code: 20,
      message: 'there is no account missing',
    });
    expect(rig.account('missing')).toBeUndefined();
  });

  it('that a transfer is working on is not closed: 11 names the transfer; after its end it is closed', async () => {
    const { run, node, other, rig } = await start();
    await run(node.open('c', 0));
    rig.lose((message) => isCas(message, 'a/b') && rig.asked('cas', 's/r').length > 1);
    void watch(node.transfer('r', 'a', 'b', 100));
    await rig.pass(200);
    // It waits 3 s for the end of the transfer.
    const closings = ['a', 'b'].map((account) => watch(other.close(account)));
    await rig.pass(2500);
    expect(closings.map(({ outcome }) => outcome)).toEqual([undefined, undefined]);
    // Every 50 ms on average, and the readings take time too.
    const lookedCount = rig.asked('read', 's/r', 'n1').length / 2;
    expect(lookedCount).toBeGreaterThan(30);
    expect(lookedCount).toBeLessThan(60);
    await rig.pass(3000);
    for (const [index, account] of ['a', 'b'].entries())
      expect(closings[index]?.outcome).toMatchObject({
        code: 11,
        message: `transfer r is working on account ${account}`,
      });
    expect(await run(other.close('c'))).toEqual({});
    rig.heal();
    await rig.pass(5000);
    expect(await run(node.transfer('r', 'a', 'b', 100))).toEqual(COMMITTED);
    expect(await run(other.close('a'))).toEqual({});
    await expect(run(other.close('b'))).rejects.toMatchObject({ code: 22 });
  });

  it('that is being closed and paid at the same time is one or the other', async () => {
    const outcomes = new Set<string>();
    for (let delayMs = 0; delayMs < 16; delayMs++) {
      const { run, node, other, rig } = await start();
      const paid = watch(node.transfer('r', 'a', 'b', 30));
      const closing = new Promise<void>((resolve) => rig.time.schedule(delayMs, resolve)).then(() => other.close('b'));
      const shut = watch(closing);
      await rig.pass(1000);
      const { outcome } = await run(node.transfer('r', 'a', 'b', 30));
      const isClosed = rig.account('b')?.content?.closed;
      outcomes.add(`${outcome} ${isClosed}`);
      expect(paid.outcome).toBeDefined();
      expect(shut.outcome && 'ok' in shut.outcome).toBe(isClosed);
      expect(rig.balance('b')).toBe(outcome === 'committed' ? 30 : 0);
    }
    expect(outcomes).toEqual(new Set(['committed false', 'aborted true']));
  });
});

describe('a transfer', () => {
  it('moves money from one to another, and by legs between many', async () => {
    const { run, node, rig } = await start();
    await run(Promise.all([node.open('c', 50), node.open('d', 0)]));
    expect(await run(node.transfer('r', 'a', 'b', 30))).toEqual(COMMITTED);
    const legs: Leg[] = [
      { account: 'b', amount: 25 },
      { account: 'a', amount: -20 },
      { account: 'c', amount: -50 },
      { account: 'd', amount: 45 },
    ];
    expect(await run(node.move('legs', legs))).toEqual(COMMITTED);
    expect(['a', 'b', 'c', 'd'].map((account) => rig.balance(account))).toEqual([50, 55, 0, 45]);
  });

  it.each<[string, string, string, number, (bench: Bench) => Promise<unknown>]>([
    ['insufficient funds', 'a', 'b', 101, async () => {}],
    ['payee closed', 'a', 'b', 10, ({ node }) => node.close('b')],
    ['payer closed', 'b', 'a', 10, ({ node }) => node.close('b')],
    ['payee full', 'a', 'full', 10, async ({ rig }) => rig.putAccount('full', BALANCE_MAX + 1)],
  ])(
    'is aborted for the reason %s, reported by every node and by its status, and takes nothing',
    async (reason, from, to, amount, prepare) => {
      const { run, ...bench } = await start();
      const { node, other, rig } = bench;
      await run(prepare(bench as Bench));
      const before = [rig.balance(from), rig.balance(to)];
      expect(await run(node.transfer('r', from, to, amount))).toEqual({ outcome: 'aborted', reason });
      expect(await run(other.transfer('r', from, to, amount))).toEqual({ outcome: 'aborted', reason });
      expect(await run(other.status('r'))).toMatchObject({ state: 'aborted', reason });
      expect([rig.balance(from), rig.balance(to)]).toEqual(before);
    },
  );

  it('with one leg too poor returns what the others paid', async () => {
    const { run, node, rig } = await start();
    await run(node.open('c', 5));
    const legs = [
      { account: 'a', amount: -50 },
      { account: 'c', amount: -6 },
      { account: 'b', amount: 56 },
    ];
    expect(await run(node.move('r', legs))).toEqual({ outcome: 'aborted', reason: 'insufficient funds' });
    expect(['a', 'b', 'c'].map((account) => rig.balance(account))).toEqual([100, 0, 5]);
    expect(rig.path('r')).toEqual(['running 0', 'compensating 2', 'compensating 1', 'compensating 0', 'aborted 0']);
  });

  it.each([
    ['missing', 'b'],
    ['a', 'missing'],
  ])('from %s to %s is refused with 20 while there is no such account, on every node', async (from, to) => {
    const { run, node, other } = await start();
    const missing = { code: 20, message: 'there is no account missing' };
    await expect(run(node.transfer('r', from, to, 1))).rejects.toMatchObject(missing);
    await expect(run(other.transfer('r', from, to, 1))).rejects.toMatchObject(missing);
    await expect(run(node.status('r'))).rejects.toMatchObject({ code: 20, message: 'there is no transfer r' });
    await run(other.open('missing', 1));
    expect(await run(node.transfer('r', from, to, 1))).toEqual(COMMITTED);
  });

  it('of the largest amount, between the most accounts, is exact', async () => {
    const { run, node, rig } = await start();
    const names = Array.from({ length: LEGS_MAX }, (_, number) => `x${number}`);
    await run(Promise.all(names.map((name) => node.open(name, BALANCE_MAX))));
    const legs = names.map((account, number) => ({ account, amount: number % 2 === 0 ? AMOUNT_MAX : -AMOUNT_MAX }));
    expect(await run(node.move('r', legs))).toEqual(COMMITTED);
    expect(names.map((name) => rig.balance(name))).toEqual(legs.map(({ amount }) => BALANCE_MAX + amount));
    expect(await run(node.move('s', legs))).toEqual({ outcome: 'aborted', reason: 'payee full' });
  });

  it('between names with odd characters affects these accounts only', async () => {
    const { run, node, rig } = await start();
    const names = ['x/y', 'x%2Fy', 'ä', 'a\u0308', '__proto__', 'constructor', ' ', '🌍'];
    for (const name of names) await run(node.open(name, 10));
    for (const [number, name] of names.entries()) {
      const to = names[(number + 1) % names.length] as string;
      expect(await run(node.transfer(`by ${name}`, name, to, number + 1))).toEqual(COMMITTED);
      expect(await run(node.status(`by ${name}`))).toMatchObject({ state: 'committed' });
    }
    expect(names.map((name) => rig.balance(name))).toEqual([17, 9, 9, 9, 9, 9, 9, 9]);
  });

  it('takes no more than the balance in a hundred concurrent requests', async () => {
    const { run, node, other, rig } = await start();
    const work = Array.from({ length: 100 }, (_, number) =>
      (number % 2 ? node : other).transfer(`r${number}`, 'a', 'b', 3),
    );
    const answers = await run(Promise.all(work));
    expect(answers.filter(({ outcome }) => outcome === 'committed')).toHaveLength(33);
    await rig.pass(2000);
    expect([rig.balance('a'), rig.balance('b')]).toEqual([1, 99]);
  });

  it('leaves accounts that do not grow with their history', async () => {
    const { run, node, rig } = await start();
    for (let number = 0; number < 60; number++) {
      await run(node.transfer(`to ${number}`, 'a', 'b', 1));
      await run(node.transfer(`from ${number}`, 'b', 'a', 1));
    }
    expect(rig.account('a')?.marks.length).toBeLessThan(50);
    expect(rig.account('b')?.marks.length).toBeLessThan(50);
  });
});

describe('the status of a transfer', () => {
  it('shows its state, and in the end all states with node and time', async () => {
    const { run, node, other, rig } = await underWay();
    expect(await run(other.status('r'))).toMatchObject({ state: 'committing', history: [{ at: 0 }, { at: 1 }] });
    rig.heal();
    await rig.pass(5000);
    const told = await run(other.status('r'));
    expect(told).toMatchObject({
      state: 'committed',
      history: [{ state: 'running' }, { state: 'committing' }, { state: 'committed' }],
    });
    expect(told).not.toHaveProperty('reason');
    for (const { node: by, time } of told.history) expect([by, Number.isNaN(Date.parse(time))]).toEqual(['n0', false]);
    expect(await run(node.status('r'))).toEqual(told);
  });

  it('is 20 for an unknown request, and 11 when the store does not answer', async () => {
    const { run, node, rig } = await start();
    await expect(run(node.status('x'))).rejects.toMatchObject({ code: 20, message: 'there is no transfer x' });
    rig.lose(({ body }) => body.type === 'read');
    await expect(run(node.status('x'))).rejects.toMatchObject({ code: 11 });
  });
});

describe('an audit', () => {
  it('shows the balances, in the order of the request', async () => {
    const { run, node, rig } = await start();
    await run(node.transfer('r', 'a', 'b', 30));
    await rig.pass(1000);
    expect(await run(node.audit('b', 'a'))).toEqual({
      balances: [30, 70],
      versions: [rig.account('b')?.ver, rig.account('a')?.ver],
      unfinished: [],
    });
  });

  it('adds up in the middle of a transfer, when nothing has changed between two of them', async () => {
    const { run, node, other, rig } = await underWay();
    // The index of this node lists the transfer as well.
    expect(await run(node.audit('a', 'b'))).toMatchObject({ unfinished: [{ request_id: 'r', held: 30 }] });
    const [first, second] = [await run(other.audit('a', 'b')), await run(other.audit('a', 'b'))];
    expect(second.versions).toEqual(first.versions);
    expect(first).toMatchObject({ balances: [70, 0], unfinished: [{ request_id: 'r', held: 30 }] });
    rig.heal();
    await rig.pass(5000);
    expect(await run(other.audit('a', 'b'))).toMatchObject({ balances: [70, 30], unfinished: [] });
  });

  it('counts no money that was returned', async () => {
    const { run, other, rig } = await start();
    const legs = [
      { account: 'a', amount: -30 },
      { account: 'b', amount: 30 },
    ];
    rig.putTransfer('r', legs, 'compensating', 0, 'gone', 'why');
    rig.putAccount('a', 100, [['r', 0, 'undone', 0]]);
    expect(await run(other.audit('a'))).toMatchObject({ balances: [100], unfinished: [{ request_id: 'r', held: 0 }] });
  });

  it('of one side shows what that side gave or got', async () => {
    const { run, other } = await underWay();
    expect(await run(other.audit('a'))).toMatchObject({ unfinished: [{ request_id: 'r', held: 30 }] });
    expect(await run(other.audit('b'))).toMatchObject({ unfinished: [{ request_id: 'r', held: 0 }] });
  });

  it('shows unfinished transfers of other accounts, by the indices of all nodes', async () => {
    const { run, rig } = await underWay();
    const all = rig.begin('n2', { nodeIds: ['n0', 'n2'] });
    await run(all.open('c', 1));
    expect(await run(all.audit('c'))).toMatchObject({ balances: [1], unfinished: [{ request_id: 'r', held: 0 }] });
  });

  it('adds up at every moment of many transfers that are under way', async () => {
    const { run, node, other, rig } = await start();
    await run(node.open('c', 100));
    rig.rule(({ src }) => (src === 'lin-kv' ? [1 + (rig.wire.length % 17)] : undefined));
    let clean = 0;
    for (let round = 0; round < 60; round++) {
      const names = ['a', 'b', 'c'];
      const [from, to] = [names[round % 3] as string, names[(round + 1) % 3] as string];
      watch((round % 2 ? node : other).transfer(`r${round}`, from, to, ((round * 7) % 40) + 1));
      const [first, second] = [await run(other.audit('a', 'b', 'c')), await run(other.audit('a', 'b', 'c'))];
      if (JSON.stringify(first.versions) !== JSON.stringify(second.versions)) continue;
      clean++;
      const held = first.unfinished.reduce((sum, own) => sum + own.held, 0);
      expect(first.balances.reduce((sum, own) => sum + own, held)).toBe(200);
    }
    expect(clean).toBeGreaterThan(5);
    await rig.pass(LONG_MS);
    const { balances, unfinished } = await run(node.audit('a', 'b', 'c'));
    expect(balances.reduce((sum, own) => sum + own, 0)).toBe(200);
    expect(unfinished).toEqual([]);
  });

  it('is refused with 20 for an account that does not exist', async () => {
    const { run, node, rig } = await start();
    rig.put('a/missing', { content: null, marks: [['x', 0, 'undone', 0]] });
    for (const account of ['missing', 'unknown'])
      await expect(run(node.audit('a', account))).rejects.toMatchObject({
        code: 20,
        message: `there is no account ${account}`,
      });
  });
});

describe('what a transfer holds of an account', () => {
  const input = {
    legs: [
      { account: 'b', amount: 5 },
      { account: 'a', amount: -8 },
      { account: 'c', amount: 3 },
    ],
  };

  it.each<[string, number[], number]>([
    ['a', [], 0],
    ['a', [0], 8],
    ['b', [1], 0],
    ['b', [1, 3], -5],
    ['c', [2, 4], -3],
    ['c', [2, 3], 0],
    ['other', [0, 1, 2, 3, 4], 0],
  ])('%s, of which the steps %j were taken, is %d', (account, applied, held) => {
    expect(heldBy(input, account, new Set(applied))).toBe(held);
  });
});

it('counts the steps of payees who get 1', () => {
  const legs = [
    { account: 'b', amount: 1 },
    { account: 'a', amount: -3 },
    { account: 'c', amount: 2 },
  ];
  expect(heldBy({ legs }, 'c', new Set([4]))).toBe(-2);
  expect(heldBy({ legs }, 'b', new Set([3]))).toBe(-1);
});

it('refuses a credit to an account that is no more, which no transfer should meet', () => {
  expect(credit(5).act(undefined)).toEqual(new Refusal('the payee has vanished'));
});

describe('an invalid request', () => {
  const OPEN = { type: 'account_open', account: 'a', balance: 5 };
  const PAY = { type: 'transfer', request_id: 'r', from: 'a', to: 'b', amount: 5 };
  const LEGS = [
    { account: 'a', amount: -5 },
    { account: 'b', amount: 5 },
  ];
  const move = (...legs: unknown[]) => ({ type: 'transfer', request_id: 'r', legs });
  const LONG = 'x'.repeat(10_000);
  const { from: _from, ...PAYERLESS } = PAY;
  const { to: _to, ...PAYEELESS } = PAY;
  const { amount: _amount, ...AMOUNTLESS } = PAY;

  it.each<[string, object]>([
    ...['', LONG, 7, null, '\ud800'].map((account): [string, object] => ['account', { ...OPEN, account }]),
    ...[-1, 1.5, '5', null, BALANCE_MAX + 1, 2 ** 53, 1e300].map((balance): [string, object] => [
      'balance',
      { ...OPEN, balance },
    ]),
    ...['', LONG, 7, '\udc00a'].map((account): [string, object] => ['account', { type: 'account_close', account }]),
    ...['', LONG, 7, null, 'a\ud800'].map((id): [string, object] => ['request_id', { ...PAY, request_id: id }]),
    ...['', LONG, 7, null, '\ud800'].map((from): [string, object] => ['from', { ...PAY, from }]),
    ...['', LONG, 7, null, '\udfff'].map((to): [string, object] => ['to', { ...PAY, to }]),
    ['to', { ...PAY, to: 'a' }],
    ...[0, -5, 1.5, '5', null, AMOUNT_MAX + 1, 2 ** 53, 1e300].map((amount): [string, object] => [
      'amount',
      { ...PAY, amount },
    ]),
    ['from', PAYERLESS],
    ['to', PAYEELESS],
    ['amount', AMOUNTLESS],
    ['from', { type: 'transfer', request_id: 'r' }],
    ['legs', { ...PAY, legs: LEGS }],
    ['legs', { ...move(...LEGS), amount: 5 }],
    ['legs', { ...move(...LEGS), from: 'a' }],
    ['legs', { ...move(...LEGS), to: 'b' }],
    ['legs', move()],
    ['legs', move({ account: 'a', amount: 0 })],
    [
      'legs',
      move(
        ...Array.from({ length: LEGS_MAX + 2 }, (_, number) => ({
          account: `x${number}`,
          amount: number % 2 ? 1 : -1,
        })),
      ),
    ],
    ['legs', move({ account: 'a', amount: -5 }, { account: 'b', amount: 6 })],
    ['legs', { type: 'transfer', request_id: 'r', legs: 'a' }],
    ['legs.0.amount', move({ account: 'a', amount: 0 }, { account: 'b', amount: 5 })],
    ['legs.1.account', move({ account: 'a', amount: -5 }, { account: 'a', amount: 5 })],
    ['legs.2.account', move({ account: 'a', amount: -5 }, { account: 'b', amount: 2 }, { account: 'a', amount: 3 })],
    ...[AMOUNT_MAX + 1, -AMOUNT_MAX - 1, 2 ** 53, 0.5, '1'].map((amount): [string, object] => [
      'legs.1.amount',
      move({ account: 'a', amount: -5 }, { account: 'b', amount }),
    ]),
    ...['', LONG, 7, '\ud800'].map((account): [string, object] => [
      'legs.0.account',
      move({ account, amount: -5 }, { account: 'b', amount: 5 }),
    ]),
    ...['', LONG, '\ud800'].map((id): [string, object] => ['request_id', { type: 'transfer_status', request_id: id }]),
    ['accounts', { type: 'audit', accounts: [] }],
    ['accounts', { type: 'audit', accounts: Array.from({ length: 101 }, (_, number) => `x${number}`) }],
    ...['', LONG, 7, '\ud800'].map((account): [string, object] => [
      'accounts.1',
      { type: 'audit', accounts: ['a', account] },
    ]),
  ])('is refused with 12 and the name of the field %s (case %#)', async (field, body) => {
    const node = await new TestNode((context) => startTransfers(context, { kv: new LinKvStore(context) })).init();
    node.receive({ ...body, msg_id: 1 });
    // A refusal takes one turn, and no store.
    await settle();
    const [reply] = node.sent.filter(({ dest }) => dest === 'c1');
    expect(reply?.body).toMatchObject({ type: 'error', code: 12, text: expect.stringContaining(`body.${field}: `) });
    expect(node.sent.filter(({ dest }) => dest === 'lin-kv')).toEqual([]);
  });

  it('describes what is wrong with legs', () => {
    const message = (legs: Leg[]) => {
      try {
        legsOf({ request_id: 'r', legs });
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    expect(
      message([
        { account: 'a', amount: -5 },
        { account: 'b', amount: 6 },
      ]),
    ).toBe('body.legs: must add up to 0, not 1');
    expect(
      message([
        { account: 'a', amount: -5 },
        { account: 'a', amount: 5 },
      ]),
    ).toBe('body.legs.1.account: a is named twice');
    expect(
      message([
        { account: 'a', amount: 0 },
        { account: 'b', amount: 0 },
      ]),
    ).toBe('body.legs.0.amount: must not be 0');
    expect(message(LEGS)).toBeUndefined();
  });
});
