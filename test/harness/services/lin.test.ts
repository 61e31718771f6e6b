/** lin-kv and lin-tso: every client sees the newest state at once. */

import { expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../../src/harness/services/names.ts';
import { createServices, type Service } from '../../../src/harness/services/registry.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';

const named = (name: string) => createServices(new SeededRandom(1)).get(name) as Service;

it('offers the four services of Maelstrom, each time without data', () => {
  expect([...createServices(new SeededRandom(1)).keys()]).toEqual(SERVICE_NAMES);
  expect(SERVICE_NAMES.toSorted()).toEqual(['lin-kv', 'lin-tso', 'lww-kv', 'seq-kv']);
  named('lin-tso').handle('n0', { type: 'ts' });
  expect(named('lin-tso').handle('n0', { type: 'ts' })).toEqual({ type: 'ts_ok', ts: 0 });
});

it('lin-kv shows every client the newest value', () => {
  const store = named('lin-kv');
  for (let value = 0; value < 100; value++) {
    store.handle(`n${value % 3}`, { type: 'write', key: 'x', value });
    expect(store.handle(`n${value % 7}`, { type: 'read', key: 'x' })).toEqual({ type: 'read_ok', value });
  }
});

it('lin-tso counts from 0 for all clients together, and an unknown request uses no timestamp', () => {
  const oracle = named('lin-tso');
  const timestamps = ['n0', 'n1', 'n0', 'n2'].map((source) => {
    expect(oracle.handle(source, { type: 'read', key: 'x' })).toBeUndefined();
    return oracle.handle(source, { type: 'ts' })?.ts;
  });
  expect(timestamps).toEqual([0, 1, 2, 3]);
});

it('gives every answer as an object of its own', () => {
  const store = named('lin-kv');
  const first = store.handle('n0', { type: 'read', key: 'x' }) as Record<string, unknown>;
  first.text = 'changed by the receiver';
  expect(store.handle('n0', { type: 'read', key: 'x' })?.text).toBe('key does not exist');
});
