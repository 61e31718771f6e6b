/**
 * Which states seq-kv may show to whom: exact probabilities, and a comparison with a store that copies its whole map.
 */

import { describe, expect, it } from 'vitest';
import { runKv, STANDARD } from '../../../src/harness/services/kv.ts';
import { SeqKv } from '../../../src/harness/services/seq-kv.ts';
import type { RandomSource } from '../../../src/protocol/random.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { distribution, scripted } from './choices.ts';

const write = (value: unknown, key = 'x') => ({ type: 'write', key, value });
const read = (key = 'x') => ({ type: 'read', key });
const cas = (from: unknown, to: unknown, key = 'x') => ({ type: 'cas', key, from, to });

function written(random: RandomSource, count: number): SeqKv {
  const store = new SeqKv(random);
  for (let value = 0; value < count; value++) store.handle('writer', write(value));
  return store;
}

const outcome = (store: SeqKv, source: string, body: Record<string, unknown>) => {
  const reply = store.handle(source, body);
  return reply?.type === 'error' ? reply.code : (reply?.value ?? reply?.type);
};

describe('seq-kv', () => {
  it('shows a new client each state with the same probability', () => {
    expect(distribution((random) => outcome(written(random, 3), 'n1', read()))).toEqual({
      0: 1 / 4,
      1: 1 / 4,
      2: 1 / 4,
      20: 1 / 4,
    });
  });

  it('shows a client never an older state than it has seen', () => {
    const pairs = distribution((random) => {
      const store = written(random, 2);
      return [outcome(store, 'n1', read()), outcome(store, 'n1', read())];
    });
    expect(pairs).toEqual({
      '[20,20]': 1 / 9,
      '[20,0]': 1 / 9,
      '[20,1]': 1 / 9,
      '[0,0]': 1 / 6,
      '[0,1]': 1 / 6,
      '[1,1]': 1 / 3,
    });
  });

  it('shows a client always what it wrote itself', () => {
    const last = (random: RandomSource) => {
      const store = written(random, 2);
      outcome(store, 'n1', write('mine', 'y'));
      return outcome(store, 'n1', read());
    };
    expect(distribution(last)).toEqual({ 1: 1 });
  });

  it('lets a write of the value that an old state had stand in the past, without effect', () => {
    const newest = distribution((random) => {
      const store = written(random, 2);
      outcome(store, 'n1', write(0));
      return outcome(store, 'writer', read());
    });
    // One state in three has 0 already.
    expect(newest).toEqual({ 1: 1 / 3 + 1 / 3, 0: 1 / 3 });
  });

  it('lets a failed cas stand in the past', () => {
    expect(distribution((random) => outcome(written(random, 2), 'n1', cas(1, 5)))).toEqual({
      20: 1 / 3,
      22: 1 / 3,
      '"cas_ok"': 1 / 3,
    });
  });

  it('runs a cas that would succeed in the past again on the newest state', () => {
    const store = written(scripted(0, 0, 1), 2);
    expect(store.handle('n1', cas(0, 5))).toEqual({ type: 'error', code: 22, text: 'current value 1 is not 0' });
    expect(outcome(store, 'writer', read())).toBe(1);
  });

  it('moves on by a state even where running again changes nothing', () => {
    // The cas sees state 1, fails in state 2 and makes state 3 all the same: reader n2 has four states to draw from.
    const asked: number[] = [];
    const script = [0, 0, 1];
    const store = written({ integer: (bound) => script[asked.push(bound) - 1] ?? 0 }, 2);
    store.handle('n1', cas(0, 5));
    store.handle('n2', read());
    expect(asked).toEqual([1, 1, 3, 4]);
  });

  it('remembers 32 states', () => {
    const seen = (random: RandomSource) => outcome(written(random, 32), 'n1', read());
    expect(Object.keys(distribution(seen))).toHaveLength(32);
    expect(distribution(seen)[20]).toBe(1 / 33);
    expect(distribution(seen)[0]).toBe(1 / 33);
    // The oldest index is forgotten; the ring shows the newest state in its place.
    expect(distribution(seen)[31]).toBe(2 / 33);
  });

  it('lets a client that is far behind read backwards, as the ring of Maelstrom does', () => {
    const answers: number[] = [...new Array(100).fill(0), 100 - 32, 1];
    const store = written(scripted(...answers), 100);
    expect(outcome(store, 'n1', read())).toBe(99);
    expect(outcome(store, 'n1', read())).toBe(68);
  });

  it('leaves the client where it was after an unknown type', () => {
    const store = written(scripted(0, 0, 2, 0), 2);
    expect(store.handle('n1', { type: 'delete' })).toBeUndefined();
    expect(outcome(store, 'n1', read())).toBe(20);
  });

  it.each([1, 2, 3, 4])('answers as a store does that copies its map for each state (seed %d)', (seed) => {
    const store = new SeqKv(new SeededRandom(seed));
    const model = copyingStore(new SeededRandom(seed));
    const random = new SeededRandom(`requests ${seed}`);
    for (let run = 0; run < 3000; run++) {
      const key = `k${random.integer(seed * 3)}`;
      const body = random.pick([
        read(key),
        write(random.integer(3), key),
        cas(random.integer(3), random.integer(3), key),
      ]);
      const source = random.pick(['n0', 'n0', 'n0', 'n1', 'n1', random.integer(40) === 0 ? 'n2' : 'n0']);
      expect(store.handle(source, body), `run ${run}`).toEqual(model(source, body));
    }
  });
});

/** The service as its specification says it, at the cost of a map for each state. */
function copyingStore(random: RandomSource): (source: string, body: Record<string, unknown>) => unknown {
  const states = [new Map<string, { value: unknown }>()];
  const seen = new Map<string, number>();
  const run = (index: number, body: Record<string, unknown>) => {
    const newest = states.length - 1;
    const state = states[newest - ((newest - index) % 32)] as Map<string, { value: unknown }>;
    const result = runKv((key) => state.get(key), body, STANDARD);
    const next = new Map(state);
    if (result?.write !== undefined) next.set(result.write.key, { value: result.write.value });
    return {
      next,
      reply: result?.reply,
      changed: JSON.stringify([...next]) !== JSON.stringify([...state].map(([key, { value }]) => [key, { value }])),
    };
  };
  return (source, body) => {
    const from = seen.get(source) ?? 0;
    const index = from + random.integer(states.length - from);
    const stale = run(index, body);
    seen.set(source, index);
    if (!stale.changed) return stale.reply;
    const fresh = run(states.length - 1, body);
    seen.set(source, states.push(fresh.next) - 1);
    return fresh.reply;
  };
}
