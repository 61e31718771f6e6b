/** Transactions against a real lin-kv: what they read, what they cost, and what they are answered when it fails. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import type { LinearizableStore } from '../../../src/kv/store.ts';
import type { Handler } from '../../../src/node/context.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { LIST_APPEND_LIMITS, type ListAppendLimits } from '../../../src/workloads/txn-list-append/limits.ts';
import { listAppendHandlers } from '../../../src/workloads/txn-list-append/node.ts';
import { ROOT_KEY } from '../../../src/workloads/txn-list-append/root.ts';
import { LOST, StoreRig } from '../../support/store-rig.ts';
import { TestNode } from '../../support/test-node.ts';

type Mop = [f: string, key: unknown, value: unknown];

const append = (key: unknown, value: unknown): Mop => ['append', key, value];
const read = (key: unknown): Mop => ['r', key, null];

class Bench {
  readonly rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));

  begin(nodeId: string, limits: Partial<ListAppendLimits> = {}) {
    const { context, kill } = this.rig.start(nodeId);
    const [handler] = listAppendHandlers(context, new LinKvStore(context), {
      limits: { ...LIST_APPEND_LIMITS, ...limits },
    });
    let messageId = 0;
    const ask = (txn: Mop[], id = ++messageId): Promise<{ txn: Mop[] }> =>
      (handler as Handler).handle({ txn } as never, { src: 'c1', messageId: id }) as Promise<{ txn: Mop[] }>;
    return { ask, kill };
  }

  /** The outcome of each: the transaction, or the code of the error. */
  async run(...work: Promise<{ txn: Mop[] }>[]) {
    const outcomes = await this.rig.run(Promise.allSettled(work));
    return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.txn : outcome.reason.code));
  }

  count(type: string): number {
    return this.rig.requests(type).filter(({ key }) => key === ROOT_KEY).length;
  }
}

describe('transactions', () => {
  it('see their own appends and those before them, in order', async () => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    expect(await bench.run(ask([read(1), append(1, 'a'), read(1), append(1, 'b')]))).toEqual([
      [['r', 1, null], append(1, 'a'), ['r', 1, ['a']], append(1, 'b')],
    ]);
    expect(await bench.run(ask([read(1), read(2)]))).toEqual([
      [
        ['r', 1, ['a', 'b']],
        ['r', 2, null],
      ],
    ]);
    const other = bench.begin('n1');
    expect(await bench.run(other.ask([append(1, 'c'), read(1)]))).toEqual([
      [append(1, 'c'), ['r', 1, ['a', 'b', 'c']]],
    ]);
    expect(await bench.run(ask([read(1)]))).toEqual([[['r', 1, ['a', 'b', 'c']]]]);
  });

  it('have keys of any JSON', async () => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    await bench.run(ask([append('1', 'text'), append(1, 'number'), append({ b: 1, a: [2] }, 'object')]));
    expect(await bench.run(ask([read('1'), read(1), read({ a: [2], b: 1 })]))).toEqual([
      [
        ['r', '1', ['text']],
        ['r', 1, ['number']],
        ['r', { a: [2], b: 1 }, ['object']],
      ],
    ]);
  });

  it('share one reading and one compare-and-set', async () => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    await bench.run(...Array.from({ length: 50 }, (_, value) => ask([append(value % 5, value), read(0)])));
    expect([bench.count('read'), bench.count('cas')]).toEqual([1, 1]);
  });

  it('that only read share one reading', async () => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    await bench.run(...Array.from({ length: 50 }, () => ask([read(0)])));
    expect([bench.count('read'), bench.count('cas')]).toEqual([1, 0]);
  });
});

describe('a compare-and-set without an answer', () => {
  it.each(['cas', 'cas_ok'])('is looked up, and done once: %s is lost', async (lost) => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    bench.rig.next(lost, LOST);
    expect(await bench.run(ask([append(1, 'a')]))).toEqual([[append(1, 'a')]]);
    expect(await bench.run(ask([read(1)]))).toEqual([[['r', 1, ['a']]]]);
  });

  it('is answered 13 if nothing tells what became of it, and 11 if nothing was sent', async () => {
    const bench = new Bench();
    const { ask } = bench.begin('n0');
    bench.rig.drawFate = ({ body }) => (body.type === 'cas' || bench.count('cas') > 0 ? LOST : [1]);
    // What only reads needs no more than the root, and that was read before the silence.
    expect(await bench.run(ask([append(1, 'a')]), ask([read(1)]))).toEqual([13, [['r', 1, null]]]);
    expect(await bench.run(ask([append(1, 'b')]), ask([read(1)]))).toEqual([11, 11]);
  });
});

it('executes the copy of a request once, and answers it alike', async () => {
  const bench = new Bench();
  const { ask } = bench.begin('n0');
  const first = await bench.run(ask([append(1, 'a'), read(1)], 7));
  expect(await bench.run(ask([append(1, 'a'), read(1)], 7))).toEqual(first);
  // Another request under the same number is another request.
  expect(await bench.run(ask([read(1)], 7))).toEqual([[['r', 1, ['a']]]]);
});

it('moves what was appended into the tree, and a life without memory finds it there', async () => {
  const bench = new Bench();
  const { ask, kill } = bench.begin('n0', { recent: 40, leaf: 2, tail: 2 });
  for (let value = 0; value < 40; value++) await bench.run(ask([append(value % 7, value)]));
  const root = JSON.parse(bench.rig.look('lin-kv', { type: 'read', key: ROOT_KEY }).value);
  expect(root.tree).toMatch(/^n0-/);
  expect(JSON.stringify(root.recent).length).toBeLessThan(200);
  kill();
  const next = bench.begin('n0', { cache: 1 });
  const [found] = await bench.run(next.ask(Array.from({ length: 7 }, (_, key) => read(key))));
  expect(found).toEqual(
    Array.from({ length: 7 }, (_, key) => [
      'r',
      key,
      Array.from({ length: 6 }, (_, n) => key + 7 * n).filter((v) => v < 40),
    ]),
  );
});

describe('a group that fails because of a mistake', () => {
  it('ends the node, and does not leave it standing still', async () => {
    const rules = {
      fateOf: () => {
        throw new TypeError('a mistake');
      },
    };
    const kv: LinearizableStore = {
      name: 'lin-kv',
      read: async () => ({ kind: 'absent' }),
      replace: async () => ({ kind: 'silent', error: RpcError.of('timeout') }),
    };
    const node = await new TestNode(async (context) => listAppendHandlers(context, kv, { rules })).init();
    for (const msg_id of [2, 3]) {
      node.receive({ type: 'txn', txn: [append(1, msg_id)], msg_id });
      await node.time.advance(1000);
    }
    const mistake = 'a group of transactions has failed: a mistake';
    expect(node.crashes.map(({ message }) => message)).toEqual([mistake, mistake]);
  });
});
