/** What ends and what stays, with the real services. */

import { describe, expect, it } from 'vitest';
import { timeOfId } from '../../src/workloads/id-time.ts';
import { GuidAssign, GuidAssignments, GuidCommit, GuidStatus } from '../../src/workloads/ids/messages.ts';
import { AccountClose, AccountOpen, Transfer, TransferStatus } from '../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate, WalletRead } from '../../src/workloads/voucher/messages.ts';
import { looksOnlyAtTheDoor } from '../support/retention-mutants.ts';
import { GRACE_MS, type Mutant, RETAIN_MS, RetentionRig } from '../support/retention-rig.ts';

/** Until everything of now has been removed, ms. */
const END_MS = RETAIN_MS + 3 * GRACE_MS;

async function openRig(retains = true, mutant?: Mutant): Promise<RetentionRig> {
  const rig = new RetentionRig({
    seed: 1,
    retains,
    trouble: 0,
    mutantOf: (name) => (name === 'n0' ? mutant : undefined),
  });
  for (const name of rig.names) rig.start(name);
  await rig.pass(100);
  for (const [account, balance] of [
    ['ada', 100],
    ['bob', 0],
  ] as const)
    await run(rig, () => rig.ask('n0', AccountOpen, { account, balance }));
  return rig;
}

/** Time passes until the work is done. Undefined: it was refused with an error of this code. */
function run<Result>(rig: RetentionRig, work: () => Promise<Result>): Promise<Result | number> {
  return rig.time.run(work().catch((error: { code: number }) => error.code));
}

function transfer(rig: RetentionRig, request_id: string, name = 'n0') {
  return run(rig, () => rig.ask(name, Transfer, { request_id, from: 'ada', to: 'bob', amount: 10 }));
}

/** Time passes, and requests come that move the horizon on. */
async function passWithRequests(rig: RetentionRig, durationMs: number): Promise<void> {
  const endMs = rig.time.now() + durationMs;
  while (rig.time.now() < endMs) {
    for (const name of rig.names)
      await run(rig, () => rig.ask(name, Transfer, { request_id: rig.uuid(), from: 'bob', to: 'ada', amount: 1000 }));
    await rig.pass(500);
  }
}

describe('a transfer', () => {
  it('has the same answer as long as it is kept, and is refused afterwards', async () => {
    const rig = await openRig();
    const id = rig.uuid();
    expect(await transfer(rig, id)).toEqual({ outcome: 'committed' });
    await passWithRequests(rig, RETAIN_MS - 2000);
    expect(await transfer(rig, id, 'n1')).toEqual({ outcome: 'committed' });
    await passWithRequests(rig, END_MS);
    expect(rig.stored(`s/${id}`).size).toBe(0);
    for (const name of rig.names) {
      expect(await transfer(rig, id, name)).toBe(22);
      expect(await run(rig, () => rig.ask(name, TransferStatus, { request_id: id }))).toBe(22);
    }
    expect(rig.committed.get(id)).toBe(1);
    expect(rig.mistakes).toEqual([]);
  });

  it('needs an id that tells its time', async () => {
    const rig = await openRig();
    await rig.pass(1000);
    expect(await transfer(rig, 'r1')).toBe(12);
  });

  it('needs none without retention, and is kept for ever', async () => {
    const rig = await openRig(false);
    expect(await transfer(rig, 'r1')).toEqual({ outcome: 'committed' });
    await rig.pass(2 * END_MS);
    expect(await transfer(rig, 'r1', 'n1')).toEqual({ outcome: 'committed' });
    expect(rig.stored('retention').size).toBe(0);
  });

  it('whose marks are still on an account counts as finished', async () => {
    const rig = await openRig();
    const id = rig.uuid();
    await run(rig, () => rig.ask('n0', Transfer, { request_id: id, from: 'ada', to: 'bob', amount: 100 }));
    for (const name of rig.names) {
      rig.kill(name);
      rig.start(name);
    }
    const marks = () => JSON.stringify(rig.stored('a/ada').get('a/ada')?.marks);
    expect(marks()).toContain(id);
    await rig.pass(1000);
    for (let ms = 0; ms < END_MS; ms += 1000) {
      for (const name of rig.names)
        await run(rig, () => rig.ask(name, GuidAssign, { service: 's', key: `${name} ${ms}` }));
      await rig.pass(1000);
    }
    expect(rig.stored('s/').size).toBe(0);
    expect(marks()).toContain(id);
    expect(await run(rig, () => rig.ask('n1', AccountClose, { account: 'ada' }))).toEqual({});
  });

  /** A request comes to `n0`, which then stands still until all of it has been done by another and was removed. */
  const standStill = async (mutant?: Mutant) => {
    const rig = await openRig(true, mutant);
    await passWithRequests(rig, RETAIN_MS + GRACE_MS);
    const id = rig.uuid(RETAIN_MS - 2000);
    const late = rig
      .ask('n0', Transfer, { request_id: id, from: 'ada', to: 'bob', amount: 10 })
      .catch(({ code }) => code);
    await rig.pass(2);
    rig.pause('n0', END_MS);
    await transfer(rig, id, 'n1');
    for (let ms = 0; ms < END_MS; ms += 500) {
      await run(rig, () => rig.ask('n1', Transfer, { request_id: rig.uuid(), from: 'bob', to: 'ada', amount: 1000 }));
      await rig.pass(500);
    }
    return { answer: await rig.time.run(late), begun: rig.begun.get(id) };
  };

  it('is not begun again by an instance that stood still after it had let the request in', async () => {
    expect(await standStill()).toEqual({ answer: 13, begun: 1 });
  });

  it('would be begun again by an instance that looks at the id only when it lets a request in', async () => {
    expect((await standStill(looksOnlyAtTheDoor)).begun).toBe(2);
  });
});

it('a key of an assignment gets a new id when the old one has ended', async () => {
  const rig = await openRig();
  await rig.pass(1000);
  const assign = (name: string) => run(rig, () => rig.ask(name, GuidAssign, { service: 's', key: 'k' }));
  const first = (await assign('n0')) as { readonly id: string };
  expect(await assign('n1')).toEqual(first);
  await passWithRequests(rig, END_MS);
  expect(rig.stored('guid').size).toBe(0);
  const second = await assign('n0');
  expect(second).not.toEqual(first);
  expect(await assign('n1')).toEqual(second);
  expect(await run(rig, () => rig.ask('n0', GuidStatus, { id: first.id }))).not.toHaveProperty('assignment');
});

it('a redemption stays for ever, and its request is forgotten', async () => {
  const rig = await openRig();
  await rig.pass(1000);
  for (const code of ['v', 'w']) await run(rig, () => rig.ask('n0', VoucherCreate, { code, limit: 9, amount: 5 }));
  const redeem = (code: string, request_id: string, name = 'n0') =>
    run(rig, () => rig.ask(name, Redeem, { code, user: 'ada', request_id }));
  const id = rig.uuid();
  expect(await redeem('v', id)).toEqual({ outcome: 'redeemed', redemption: 1, credited: 5 });
  await passWithRequests(rig, END_MS);
  expect(await redeem('v', id, 'n1')).toBe(22);
  expect(await redeem('v', rig.uuid(), 'n1')).toEqual({ outcome: 'already_redeemed' });
  const second = rig.uuid();
  expect(await redeem('w', second)).toMatchObject({ outcome: 'redeemed' });
  expect(await run(rig, () => rig.ask('n1', WalletRead, { user: 'ada' }))).toEqual({
    balance: 10,
    entries: [
      { code: 'v', request_id: '', redemption: 1, credited: 5 },
      { code: 'w', request_id: second, redemption: 1, credited: 5 },
    ],
  });
});

describe('a feed of assignments', () => {
  interface Reply {
    readonly assignments: readonly { readonly id: string; readonly key: string }[];
    readonly cursor: string;
  }
  const assignAll = async (rig: RetentionRig, prefix: string, count: number) => {
    for (let number = 0; number < count; number++) {
      const name = rig.names[number % rig.names.length] as string;
      await run(rig, () => rig.ask(name, GuidAssign, { service: 's', key: `${prefix}-${number}` }));
    }
  };
  const read = (rig: RetentionRig, name: string, from: { after?: string; group?: string } = {}) =>
    run(rig, () => rig.ask(name, GuidAssignments, { service: 's', limit: 1000, ...from })) as Promise<Reply>;

  it.each([
    ['that was read', true],
    ['that was never read', false],
  ])('%s ends with its assignments, and a cursor from before what is kept is refused', async (_, isRead) => {
    const rig = await openRig();
    const early = await read(rig, 'n0');
    await assignAll(rig, 'old', 150);
    if (isRead) expect((await read(rig, 'n1', { after: early.cursor })).assignments).toHaveLength(150);
    await passWithRequests(rig, END_MS);
    await assignAll(rig, 'new', 100);
    const keysFrom = async (after?: string) =>
      (await read(rig, 'n1', after ? { after } : {})).assignments.map(({ key }) => key);
    // The last page stays, and has old entries. Those that are sealed or assigned yet may be told.
    const pages = rig.stored('feed-page/s/');
    expect(pages.size).toBeLessThan(5);
    expect((await keysFrom()).filter((key) => key.startsWith('new'))).toEqual(
      Array.from({ length: 100 }, (__, number) => `new-${number}`),
    );
    expect(await read(rig, 'n0', { after: early.cursor })).toBe(22);
    const { cursor } = await read(rig, 'n0');
    await assignAll(rig, 'last', 1);
    expect(await keysFrom(cursor)).toEqual(['last-0']);
    expect(rig.mistakes).toEqual([]);
  });

  it('keeps the cursor of a group, which is refused when it is too old, and moves on from what is kept', async () => {
    const rig = await openRig();
    await assignAll(rig, 'old', 150);
    const commit = (cursor: string) => run(rig, () => rig.ask('n0', GuidCommit, { service: 's', group: 'g', cursor }));
    const { cursor } = (await run(rig, () => rig.ask('n0', GuidAssignments, { service: 's', limit: 1 }))) as Reply;
    expect(await commit(cursor)).toEqual({ cursor });
    expect((await read(rig, 'n1', { group: 'g' })).assignments).toHaveLength(149);
    await passWithRequests(rig, END_MS);
    await assignAll(rig, 'new', 3);
    expect(await read(rig, 'n1', { group: 'g' })).toBe(22);
    const kept = await read(rig, 'n1');
    expect(await commit(kept.cursor)).toEqual({ cursor: kept.cursor });
    expect((await read(rig, 'n0', { group: 'g' })).assignments).toEqual([]);
    expect(await commit(cursor)).toEqual({ cursor: kept.cursor });
  });

  it('never uses the number of a page again', async () => {
    const rig = await openRig();
    for (const prefix of ['a', 'b', 'c']) {
      await assignAll(rig, prefix, 70);
      await passWithRequests(rig, END_MS);
    }
    const numbers = [...rig.stored('feed-page/s/').keys()].map((key) => Number(key.split('/').at(-1)));
    expect(numbers).toEqual([3]);
    expect([...rig.stored('feed/').values()]).toEqual([expect.objectContaining({ first: 3, last: 3 })]);
    for (const { entries } of rig.stored('feed-page/s/').values())
      for (const [id] of entries as [string, string][]) expect(timeOfId(id)).toBeGreaterThan(0);
  });
});
