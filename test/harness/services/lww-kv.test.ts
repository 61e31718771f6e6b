/** How the replicas of lww-kv differ and agree: exact probabilities over all that its random source may answer. */

import { describe, expect, it } from 'vitest';
import { LwwKv } from '../../../src/harness/services/lww-kv.ts';
import { createServices, type Service } from '../../../src/harness/services/registry.ts';
import { type RandomSource, SeededRandom } from '../../../src/protocol/random.ts';
import { distribution, scripted } from './choices.ts';

const standard = (random: RandomSource) => createServices(random).get('lww-kv') as Service;
const write = (value: unknown) => ({ type: 'write', key: 'x', value });
const READ = { type: 'read', key: 'x' };

const outcome = (store: Service, body: Record<string, unknown>) => {
  const reply = store.handle('n0', body);
  return reply?.type === 'error' ? reply.code : (reply?.value ?? reply?.type);
};

/** What a script of merges and replicas, three numbers a request, makes the requests answer. */
function played(script: readonly number[], ...bodies: Record<string, unknown>[]): unknown[] {
  const store = new LwwKv(scripted(...script), { replicas: 2, keepsMerges: true });
  return bodies.map((body) => outcome(store, body));
}

/** What a read finds after one write, and how likely that is. */
const seen = (create: (random: RandomSource) => Service) =>
  distribution((random) => {
    const store = create(random);
    outcome(store, write('a'));
    return outcome(store, READ);
  });

describe('lww-kv', () => {
  it('has two replicas, which never learn of each other: the real one throws every merge away', () => {
    expect(seen(standard)).toEqual({ '"a"': 1 / 2, 20: 1 / 2 });
  });

  it('merges one replica into another before each request, where merges are kept', () => {
    // The same replica, or the other one after just the right merge.
    expect(seen((random) => new LwwKv(random, { replicas: 2, keepsMerges: true }))).toEqual({
      '"a"': 1 / 2 + 1 / 2 / 4,
      20: 3 / 8,
    });
    expect(seen((random) => new LwwKv(random, { replicas: 5, keepsMerges: true }))['"a"']).toBeCloseTo(
      1 / 5 + 4 / 5 / 25,
    );
  });

  it('loses the older of two writes when the replicas merge', () => {
    // Two writes on replica 0, one on replica 1, whose clock is behind; then 1 is merged into 0, and 0 into 1.
    const writes = [write('a'), write('b'), write('c')];
    expect(played([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1], ...writes, READ, READ).slice(3)).toEqual(['b', 'b']);
  });

  it('lets the source of a merge win a tie', () => {
    expect(played([0, 0, 0, 0, 0, 1, 0, 1, 1], write('a'), write('b'), READ)[2]).toBe('a');
    expect(played([0, 0, 0, 0, 0, 1, 1, 0, 0], write('a'), write('b'), READ)[2]).toBe('b');
  });

  it('takes over the clock with a merge, so that later writes win', () => {
    const bodies = [write('a'), write('b'), write('c'), READ];
    // "c" follows the merge of 0 into 1 and so has the greater timestamp.
    expect(played([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0], ...bodies)[3]).toBe('c');
    // Without that merge its timestamp is the smaller one.
    expect(played([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0], ...bodies)[3]).toBe('b');
  });

  it('ignores create_if_not_exists', () => {
    const create = { type: 'cas', key: 'x', from: null, to: 1, create_if_not_exists: true };
    expect(distribution((random) => outcome(standard(random), create))).toEqual({ 20: 1 });
  });

  it('prints the value that was expected without quotes', () => {
    const store = new LwwKv(scripted(), { replicas: 1, keepsMerges: true });
    outcome(store, write('a'));
    const text = (from: unknown) => store.handle('n0', { type: 'cas', key: 'x', from, to: 1 })?.text;
    expect(text('b c')).toBe('current value "a" is not b c');
    expect(text(null)).toBe('current value "a" is not ');
    expect(text({ b: ['c', null] })).toBe('current value "a" is not {"b" ["c" nil]}');
  });

  it('does not merge for a request of unknown type', () => {
    // Were the merge of 0 into 1 kept, replica 1 would answer "a".
    const store = new LwwKv(scripted(0, 0, 0, 0, 0, 1), { replicas: 2, keepsMerges: true });
    outcome(store, write('a'));
    expect(store.handle('n0', { type: 'delete', key: 'x' })).toBeUndefined();
    expect(outcome(store, READ)).toBe(20);
  });

  it.each([2, 3, 5])('agrees on every key once writes have ceased for a while (%d replicas)', (replicas) => {
    const store = new LwwKv(new SeededRandom(replicas), { replicas, keepsMerges: true });
    for (let key = 0; key < 200; key++) store.handle('n0', { type: 'write', key: key % 50, value: key });
    for (let request = 0; request < 500; request++) store.handle('n0', READ);
    for (let key = 0; key < 50; key++) {
      const answers = new Set(Array.from({ length: 20 }, () => store.handle('n0', { type: 'read', key })?.value));
      expect(answers.size).toBe(1);
    }
  });

  it('never lets the replicas agree where merges are discarded', () => {
    const store = new LwwKv(new SeededRandom(1), { replicas: 2, keepsMerges: false });
    outcome(store, write('a'));
    const answers = new Set(Array.from({ length: 1000 }, () => outcome(store, READ)).slice(900));
    expect(answers).toEqual(new Set(['a', 20]));
  });
});
