/** Stamps that no right node gives, and states that do not fit into one message. */

import { describe, expect, it } from 'vitest';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { BATCH_LENGTH_MAX } from '../../../src/workloads/txn-rw-register/limits.ts';
import { txnRwRegisterNode } from '../../../src/workloads/txn-rw-register/node.ts';
import { pagesOf } from '../../../src/workloads/txn-rw-register/register-journal.ts';
import { isStampPossible, nextStamp, type Register } from '../../../src/workloads/txn-rw-register/registers.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const CLOCK_MAX = 2 ** 52;
const AHEAD = 2 ** 40;
const LAST = Number.MAX_SAFE_INTEGER;

class Member {
  readonly node = new TestNode(startWorkloads(memoryPorts(), [txnRwRegisterNode]));
  #messageId = 100;
  #number = 0;

  async ask(body: object, src: string) {
    const msg_id = ++this.#messageId;
    this.node.receive({ ...body, msg_id }, src);
    await settle();
    return this.node.bodies.find(({ in_reply_to }) => in_reply_to === msg_id);
  }

  txn(...txn: unknown[]) {
    return this.ask({ type: 'txn', txn }, 'c1');
  }

  /** A transaction of n1 that writes its stamp to register 1. It is the next one if it is taken. */
  async hear(stamp: number) {
    const committed = [{ origin: 'n1-x', number: this.#number + 1, stamp, seen: {}, writes: [['1', stamp]] }];
    const answer = await this.ask({ type: 'txn_replicate', origin: 'n1-x', seen: {}, committed }, 'n1');
    if (answer.type !== 'error') this.#number++;
    return answer;
  }
}

async function member(): Promise<Member> {
  const own = new Member();
  await own.node.init();
  return own;
}

describe('a stamp', () => {
  it('is above all before it, and near the clock as far as a clock can be right', () => {
    expect(nextStamp(2000, 5)).toBe(2000 * 1024);
    expect(nextStamp(2000, 2 ** 40)).toBe(2 ** 40 + 1);
    expect(nextStamp(1e18, 5)).toBe(CLOCK_MAX);
    expect(nextStamp(-1e18, 5)).toBe(6);
  });

  it('is possible up to a distance from the latest of all clocks, or from the greatest that is known', () => {
    expect(isStampPossible(CLOCK_MAX + AHEAD, 0)).toBe(true);
    expect(isStampPossible(CLOCK_MAX + AHEAD + 1, 0)).toBe(false);
    expect(isStampPossible(CLOCK_MAX + AHEAD + 1, CLOCK_MAX + 1)).toBe(true);
    expect(isStampPossible(LAST + 1, LAST)).toBe(false);
  });

  it('that is damaged is refused with 12, and the node goes on', async () => {
    const own = await member();
    expect(await own.hear(LAST)).toMatchObject({ code: 12, text: expect.stringContaining(`has the stamp ${LAST}`) });
    expect(await own.txn(['w', 1, 'own'], ['r', 1, null])).toMatchObject({ type: 'txn_ok' });
    expect(await own.hear(7)).toMatchObject({ type: 'txn_replicate_ok', seen: { 'n1-x': 1 } });
    expect(await own.txn(['r', 1, null])).toMatchObject({ txn: [['r', 1, 'own']] });
  });

  it('that is far ahead and just possible does not keep the node from writing', async () => {
    const own = await member();
    expect(await own.hear(CLOCK_MAX + AHEAD)).toMatchObject({ type: 'txn_replicate_ok' });
    await own.txn(['w', 1, 'own']);
    expect(await own.txn(['r', 1, null])).toMatchObject({ txn: [['r', 1, 'own']] });
  });

  it.each([
    ['the state', { stamp: LAST, registers: [] }],
    ['a register', { stamp: 5, registers: [['1', 'x', LAST, 'n1-x']] }],
  ])('that is damaged in %s is refused with 12', async (_, part) => {
    const own = await member();
    const restore = { type: 'txn_restore', origin: 'n1-x', seen: {}, snapshot: 1, part: 0, parts: 1, state: {} };
    expect(await own.ask({ ...restore, ...part }, 'n1')).toMatchObject({ code: 12 });
    expect(await own.txn(['r', 1, null])).toMatchObject({ txn: [['r', 1, null]] });
  });

  it('that is not left refuses writes with 11, and reads go on', async () => {
    const own = await member();
    for (let stamp = CLOCK_MAX + AHEAD; stamp <= LAST; stamp += AHEAD) await own.hear(stamp);
    await own.hear(LAST);
    expect(await own.txn(['w', 1, 'own'])).toMatchObject({
      code: 11,
      text: expect.stringContaining('no stamp is left'),
    });
    expect(await own.txn(['r', 1, null])).toMatchObject({ txn: [['r', 1, LAST]] });
  });
});

describe('the pages of a state', () => {
  function registersOf(lengths: readonly number[]): Map<string, Register> {
    return new Map(
      lengths.map((length, index) => [String(index), { value: 'x'.repeat(length), stamp: index, origin: 'o' }]),
    );
  }
  const countsOf = (lengths: readonly number[], page: number) =>
    pagesOf(registersOf(lengths), page).map((entries) => entries.length);

  it('have so many registers', () => {
    expect(countsOf([1, 1, 1, 1, 1], 2)).toEqual([2, 2, 1]);
    expect(countsOf([], 2)).toEqual([0]);
  });

  it('have fewer where those are long, and one at least', () => {
    expect(countsOf(new Array(10).fill(250_000), 512)).toEqual([3, 3, 3, 1]);
    expect(countsOf([BATCH_LENGTH_MAX, 1, 1], 512)).toEqual([1, 2]);
    for (const page of pagesOf(registersOf(new Array(100).fill(100_000)), 512))
      expect(JSON.stringify(page).length).toBeLessThan(BATCH_LENGTH_MAX + 1000);
  });
});
