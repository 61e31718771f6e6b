/** Which entries are served together, in which order, and what happens to entries that cannot be served. */

import { describe, expect, it } from 'vitest';
import { chooseDistinct, chooseFirst, GroupQueue, type GroupQueueOptions } from '../../src/kv/group-queue.ts';
import { settle } from '../support/virtual-time.ts';

class Bench {
  /** Groups, in the order in which they were served. */
  readonly groups: string[][] = [];
  readonly failed: [entry: string, error: unknown][] = [];
  readonly queue: GroupQueue<string>;
  #ends: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(options: Partial<GroupQueueOptions<string>> = {}) {
    this.queue = new GroupQueue<string>({
      serve: (group) => {
        this.groups.push([...group]);
        return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
      },
      fail: (entry, error) => this.failed.push([entry, error]),
      ...options,
    });
  }

  /** Ends the group being served. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift();
    if (end === undefined) throw new Error('no group is being served');
    if (error === undefined) end.resolve();
    else end.reject(error);
    await settle();
  }
}

describe('a group', () => {
  it('is served at once, and entries that come meanwhile are the next group, together', async () => {
    const bench = new Bench();
    bench.queue.push('a');
    for (const entry of ['b', 'c', 'd']) bench.queue.push(entry);
    expect(bench.groups).toEqual([['a']]);
    expect(bench.queue.waiting.length).toBe(3);
    await bench.end();
    expect(bench.groups).toEqual([['a'], ['b', 'c', 'd']]);
    await bench.end();
    expect([bench.queue.waiting.length, bench.queue.busy]).toEqual([0, false]);
  });

  it('has as many as are chosen, first come first', async () => {
    const bench = new Bench({ choose: (waiting) => chooseFirst(waiting, 2) });
    bench.queue.push('a', 'b', 'c', 'd', 'e');
    await bench.end();
    await bench.end();
    await bench.end();
    expect(bench.groups).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(bench.queue.busy).toBe(false);
  });

  it('has one entry for each key, if that is chosen', async () => {
    const bench = new Bench({ choose: (waiting) => chooseDistinct(waiting, 2, ([kind]) => kind) });
    bench.queue.push('a1', 'a2', 'b1', 'c1', 'a3', 'b2');
    for (let count = 0; count < 3; count++) await bench.end();
    expect(bench.groups).toEqual([
      ['a1', 'b1'],
      ['a2', 'c1'],
      ['a3', 'b2'],
    ]);
  });

  it('that cannot be served fails for each entry, and the next one is served', async () => {
    const bench = new Bench({ choose: (waiting) => chooseFirst(waiting, 2) });
    bench.queue.push('a', 'b', 'c');
    const error = new Error('no');
    await bench.end(error);
    expect(bench.failed).toEqual([
      ['a', error],
      ['b', error],
    ]);
    expect(bench.groups).toEqual([['a', 'b'], ['c']]);
    await bench.end();
    expect(bench.queue.busy).toBe(false);
  });

  it('that is empty throws its error: there is no entry to reject', async () => {
    const failures: unknown[] = [];
    const onRejection = (error: unknown) => failures.push(error);
    process.on('unhandledRejection', onRejection);
    const error = new Error('a mistake');
    new GroupQueue<string>({ serve: () => Promise.reject(error), fail: () => {} }).wake();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(failures).toEqual([error]);
  });

  it('may put some entries back, behind the others', async () => {
    const groups: string[][] = [];
    const queue: GroupQueue<string> = new GroupQueue<string>({
      serve: async (group) => {
        groups.push([...group]);
        if (groups.length === 1) queue.push('a');
      },
      fail: () => {},
      choose: (waiting) => chooseFirst(waiting, 1),
    });
    queue.push('a', 'b');
    await settle();
    expect(groups).toEqual([['a'], ['b'], ['a']]);
  });

  it('is empty if the queue is woken without entries; a busy queue is not woken', async () => {
    const bench = new Bench();
    bench.queue.wake();
    bench.queue.wake();
    expect(bench.groups).toEqual([[]]);
    await bench.end();
    expect([bench.groups.length, bench.queue.busy]).toEqual([1, false]);
  });
});

describe('when no entry waits any more', () => {
  it('the rest is done, and again after entries that came meanwhile', async () => {
    const events: string[] = [];
    const ends: (() => void)[] = [];
    const queue = new GroupQueue<string>({
      serve: async (group) => void events.push(`serve ${group.join(' ')}`),
      fail: () => {},
      rest: () => {
        events.push('rest');
        return new Promise((resolve) => ends.push(resolve));
      },
      onIdle: () => events.push('idle'),
    });
    queue.push('a');
    await settle();
    queue.push('b');
    expect(events).toEqual(['serve a', 'rest']);
    expect(queue.busy).toBe(true);
    ends.shift()?.();
    await settle();
    expect(events).toEqual(['serve a', 'rest', 'serve b', 'rest']);
    ends.shift()?.();
    await settle();
    expect(events).toEqual(['serve a', 'rest', 'serve b', 'rest', 'idle']);
    expect(queue.busy).toBe(false);
  });

  it('the rest is done, and not while a single one waits', async () => {
    const events: string[] = [];
    const bench = new Bench({
      rest: () => {
        events.push('rest');
        return undefined;
      },
    });
    bench.queue.push('a');
    bench.queue.push('b');
    await bench.end();
    expect([bench.groups, events]).toEqual([[['a'], ['b']], []]);
    await bench.end();
    expect([bench.groups, events]).toEqual([[['a'], ['b']], ['rest']]);
    expect(bench.queue.busy).toBe(false);
  });

  it('the queue is idle when it reports so', async () => {
    let busy: boolean | undefined;
    const queue: GroupQueue<string> = new GroupQueue<string>({
      serve: async () => {},
      fail: () => {},
      onIdle: () => {
        busy = queue.busy;
      },
    });
    queue.push('a');
    await settle();
    expect(busy).toBe(false);
  });
});
