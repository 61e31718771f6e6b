import { describe, expect, it } from 'vitest';
import type { NetworkEvent } from '../../src/harness/network.ts';
import { Traffic } from '../../src/harness/traffic.ts';

type Event = readonly [event: NetworkEvent, src: string, dest: string, id?: number];

/** An event without a number belongs to a new message. */
function count(nodes: readonly string[], ...events: readonly Event[]) {
  const traffic = new Traffic(nodes);
  for (const [index, [event, src, dest, id = 1000 + index]] of events.entries())
    traffic.count(event, { id, src, dest, body: {} });
  return traffic.entries();
}

describe('traffic', () => {
  it('is none before the first message', () => {
    expect(count(['n0'])).toEqual([]);
  });

  it('is counted by sender and receiver, each direction separately', () => {
    expect(
      count(
        ['n0', 'n1'],
        ['send', 'n0', 'n1', 0],
        ['receive', 'n0', 'n1', 0],
        ['send', 'n1', 'n0', 1],
        ['send', 'n0', 'lin-kv', 2],
      ),
    ).toEqual([
      { src: 'n0', dest: 'n1', sent: 1, received: 1, arrived: 1 },
      { src: 'n0', dest: 'lin-kv', sent: 1, received: 0, arrived: 0 },
      { src: 'n1', dest: 'n0', sent: 1, received: 0, arrived: 0 },
    ]);
  });

  it('shows lost and duplicated messages, and counts no other events', () => {
    expect(
      count(
        ['n0', 'n1'],
        ['send', 'n0', 'n1', 0],
        ['drop', 'n0', 'n1', 0],
        ['send', 'n1', 'n0', 1],
        ['duplicate', 'n1', 'n0', 1],
        ['delay', 'n1', 'n0', 1],
        ['receive', 'n1', 'n0', 1],
        ['receive', 'n1', 'n0', 1],
      ),
    ).toEqual([
      { src: 'n0', dest: 'n1', sent: 1, received: 0, arrived: 0 },
      { src: 'n1', dest: 'n0', sent: 1, received: 2, arrived: 1 },
    ]);
  });

  it('hides no loss behind a copy', () => {
    expect(
      count(
        ['n0', 'n1'],
        ['send', 'n0', 'n1', 0],
        // The network says that there is a copy when the first one may have arrived already.
        ['receive', 'n0', 'n1', 0],
        ['duplicate', 'n0', 'n1', 0],
        ['send', 'n0', 'n1', 1],
        ['drop', 'n0', 'n1', 1],
        // Lost without an event, as messages in flight to a killed node are.
        ['send', 'n0', 'n1', 2],
        ['receive', 'n0', 'n1', 0],
        // Only the copy of this one arrives.
        ['send', 'n0', 'n1', 3],
        ['duplicate', 'n0', 'n1', 3],
        ['drop', 'n0', 'n1', 3],
        ['receive', 'n0', 'n1', 3],
      ),
    ).toEqual([{ src: 'n0', dest: 'n1', sent: 4, received: 3, arrived: 2 }]);
  });

  it('recognises a copy after hundreds of thousands of other messages', () => {
    const traffic = new Traffic(['n0', 'n1']);
    const body = {};
    for (let id = 0; id < 1_000_000; id++) traffic.count('receive', { id, src: 'n0', dest: 'n1', body });
    traffic.count('receive', { id: 0, src: 'n0', dest: 'n1', body });
    expect(traffic.entries()).toMatchObject([{ received: 1_000_001, arrived: 1_000_000 }]);
  });

  it('counts all clients as one, however many there are', () => {
    const events = Array.from({ length: 1000 }, (_, index) => ['send', `c${index}`, 'n0'] as const);
    expect(count(['n0'], ...events)).toEqual([{ src: 'clients', dest: 'n0', sent: 1000, received: 0, arrived: 0 }]);
  });

  it('does not take a node for a client because of its name', () => {
    expect(count(['c1'], ['send', 'c1', 'c2'])).toEqual([
      { src: 'c1', dest: 'clients', sent: 1, received: 0, arrived: 0 },
    ]);
  });
});
