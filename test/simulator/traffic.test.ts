import { describe, expect, it } from 'vitest';
import type { NetworkEvent } from '../../src/simulator/network.ts';
import { Traffic } from '../../src/simulator/traffic.ts';

function count(nodes: readonly string[], ...events: readonly (readonly [NetworkEvent, string, string])[]) {
  const traffic = new Traffic(nodes);
  for (const [event, src, dest] of events) traffic.count(event, { id: 0, src, dest, body: {} });
  return traffic.entries();
}

describe('traffic', () => {
  it('is none before the first message', () => {
    expect(count(['n0'])).toEqual([]);
  });

  it('is counted by who sent to whom, each direction for itself', () => {
    expect(
      count(
        ['n0', 'n1'],
        ['send', 'n0', 'n1'],
        ['receive', 'n0', 'n1'],
        ['send', 'n1', 'n0'],
        ['send', 'n0', 'lin-kv'],
      ),
    ).toEqual([
      { src: 'n0', dest: 'n1', sent: 1, received: 1 },
      { src: 'n0', dest: 'lin-kv', sent: 1, received: 0 },
      { src: 'n1', dest: 'n0', sent: 1, received: 0 },
    ]);
  });

  it('shows what was lost and what came twice, and counts nothing else', () => {
    expect(
      count(
        ['n0', 'n1'],
        ['send', 'n0', 'n1'],
        ['drop', 'n0', 'n1'],
        ['send', 'n1', 'n0'],
        ['duplicate', 'n1', 'n0'],
        ['delay', 'n1', 'n0'],
        ['receive', 'n1', 'n0'],
        ['receive', 'n1', 'n0'],
      ),
    ).toEqual([
      { src: 'n0', dest: 'n1', sent: 1, received: 0 },
      { src: 'n1', dest: 'n0', sent: 1, received: 2 },
    ]);
  });

  it('takes all clients for one, however many come and go', () => {
    const events = Array.from({ length: 1000 }, (_, index) => ['send', `c${index}`, 'n0'] as const);
    expect(count(['n0'], ...events)).toEqual([{ src: 'clients', dest: 'n0', sent: 1000, received: 0 }]);
  });

  it('does not take a node for a client because of its name', () => {
    expect(count(['c1'], ['send', 'c1', 'c2'])).toEqual([{ src: 'c1', dest: 'clients', sent: 1, received: 0 }]);
  });
});
