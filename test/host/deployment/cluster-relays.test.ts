/** Which relays of a cluster take connections. */

import { describe, expect, it, onTestFinished } from 'vitest';
import { ClusterRelays } from '../../../src/host/deployment/cluster-relays.ts';
import { freePorts } from '../../../src/host/deployment/ports.ts';

async function relaysOfOne(): Promise<ClusterRelays> {
  const [n1, n2, destination] = (await freePorts(3)) as [number, number, number];
  const instancePorts = new Map([
    ['n1', n1],
    ['n2', n2],
  ]);
  const relays = new ClusterRelays([{ name: 'e1', url: `http://127.0.0.1:${destination}`, instancePorts }], () => '1');
  onTestFinished(() => relays.close());
  return relays;
}

describe('the relays of a member', () => {
  it('take connections from the opening to the refusal', async () => {
    const relays = await relaysOfOne();
    expect(relays.isOpen('e1')).toBe(false);
    await relays.open('e1');
    expect(relays.isOpen('e1')).toBe(true);
    relays.refuse('e1');
    expect(relays.isOpen('e1')).toBe(false);
    await relays.open('e1');
    expect(relays.isOpen('e1')).toBe(true);
  });

  it('take none if they are refused while they open', async () => {
    const relays = await relaysOfOne();
    const opening = relays.open('e1');
    relays.refuse('e1');
    await opening;
    expect(relays.isOpen('e1')).toBe(false);
  });
});
