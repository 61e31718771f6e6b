/** What a seed draws: time, nodes and kind of each fault. One kind of fault does not change another. */

import { describe, expect, it } from 'vitest';
import { FAULTS, type Fault, type FaultEvent, isMessageFault, type MessageEvent } from '../../src/harness/fault.ts';
import { type FaultPlanOptions, planFates, planFaults } from '../../src/harness/fault-plan.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const NODES = ['n0', 'n1', 'n2', 'n3', 'n4'];

function plan(faults: readonly Fault[], change: Partial<FaultPlanOptions> = {}): FaultPlanOptions {
  return {
    faults,
    faultValues: {},
    intervalMs: 1000,
    nodes: NODES,
    services: ['lin-kv', 'seq-kv'],
    members: ['e1', 'e2', 'e3'],
    hasPeerLinks: true,
    random: new SeededRandom('plan'),
    ...change,
  };
}

function firstEvents(fault: Fault, count = 200, change: Partial<FaultPlanOptions> = {}): FaultEvent[] {
  const [row] = planFaults(plan([fault], change));
  const events: FaultEvent[] = [];
  for (const event of row as Iterable<FaultEvent>) if (events.push(event) === count) break;
  return events;
}

/** For each receiver, the senders that it does not hear. */
function cuts(event: FaultEvent): [string, readonly string[]][] {
  return 'grudge' in event ? Object.entries(event.grudge).filter(([, deafTo]) => deafTo.length > 0) : [];
}

const LASTING = FAULTS.filter((fault) => !isMessageFault(fault));

describe('a plan of faults', () => {
  it.each(LASTING)('repeats %s, each event after the one before is over, all of that kind', (fault) => {
    const events = firstEvents(fault);
    // A partition begins at once, as in Jepsen; the other kinds start spread out.
    if (fault === 'partition') expect(events[0]?.atMs).toBe(0);
    else expect(events[0]?.atMs).toBeGreaterThan(0);
    for (const [index, event] of events.slice(1).entries()) {
      const before = events[index] as FaultEvent;
      expect(event.fault).toBe(fault);
      expect(event.atMs).toBeGreaterThanOrEqual(before.atMs + before.durationMs);
      if ('nodes' in event) expect(event.nodes.length).toBeGreaterThan(0);
      else if ('members' in event) expect(event.members.length).toBeGreaterThan(0);
      else if ('links' in event) expect(Object.keys(event.links).length).toBeGreaterThan(0);
      else if ('grudge' in event) expect(cuts(event).length).toBeGreaterThan(0);
      else expect(['engine-leader', 'engine-full']).toContain(fault);
    }
    const meanMs = events.reduce((sum, { durationMs }) => sum + durationMs, 0) / events.length;
    // A node is stopped for a quarter of the time, and the store under nodes for a tenth.
    const share = /^(kill|disk|pause|clock-restart)/.test(fault) ? 0.25 : 1;
    const expectedMs = /^(engine|link|service)/.test(fault) ? 100 : share * 1000;
    expect(meanMs / expectedMs).toBeGreaterThan(0.8);
    expect(meanMs / expectedMs).toBeLessThan(1.2);
  });

  it.each(['link-delay', 'link-reset'] as const)('hits only the links that the store lets it hit: %s', (fault) => {
    const amongMembers = (events: readonly FaultEvent[]) =>
      events
        .flatMap((event) => ('links' in event ? Object.entries(event.links) : []))
        .flatMap(([dest, sources]) => sources.filter((src) => [src, dest].every((end) => end.startsWith('e'))));
    expect(amongMembers(firstEvents(fault)).length).toBeGreaterThan(0);
    expect(amongMembers(firstEvents(fault, 200, { hasPeerLinks: false }))).toEqual([]);
  });

  it('keeps to the interval given for a fault', () => {
    const events = firstEvents('pause', 200, { faultValues: { pause: 10 } });
    expect(Math.max(...events.map(({ durationMs }) => durationMs))).toBeLessThan(5);
  });

  it('does not change a fault when another one is added', () => {
    const [alone] = planFaults(plan(['kill']));
    const [, , beside] = planFaults(plan(['partition', 'pause', 'kill']));
    const first = (row: Iterable<FaultEvent> | undefined) => (row as Iterable<FaultEvent>)[Symbol.iterator]().next();
    expect(first(beside)).toEqual(first(alone));
  });

  it('hits single nodes and many', () => {
    const sizes = new Set(firstEvents('kill').map((event) => ('nodes' in event ? event.nodes.length : 0)));
    expect([...sizes].sort()).toEqual([1, 2, 3, 4, 5]);
    expect(firstEvents('kill-all', 1)).toMatchObject([{ nodes: NODES }]);
  });

  it('cuts only one direction for one-way, and leaves a bridge one node that hears all nodes', () => {
    for (const event of firstEvents('one-way')) {
      const links = new Set(cuts(event).flatMap(([dest, sources]) => sources.map((src) => `${src} ${dest}`)));
      for (const link of links) expect(links.has(link.split(' ').reverse().join(' '))).toBe(false);
    }
    for (const event of firstEvents('bridge')) {
      const deaf = new Map(cuts(event));
      const middle = NODES.filter((node) => !deaf.has(node));
      expect(middle).toHaveLength(1);
      for (const [, deafTo] of deaf) expect(deafTo).not.toContain(middle[0]);
    }
  });

  it('cuts nodes from services in both directions, or in one', () => {
    const shapes = new Set(firstEvents('service-cut').map((event) => ('shape' in event ? event.shape : '')));
    expect(shapes).toEqual(new Set(['full', 'requests', 'replies']));
    for (const event of firstEvents('service-cut')) {
      for (const [dest, sources] of cuts(event)) {
        const services = ['lin-kv', 'seq-kv'];
        const [nodes, others] = services.includes(dest) ? [sources, [dest]] : [[dest], sources];
        expect(NODES).toEqual(expect.arrayContaining([...nodes]));
        expect(services).toEqual(expect.arrayContaining([...others]));
      }
    }
  });

  it('draws clock errors from 1 ms to an hour, in both directions', () => {
    const offsets = firstEvents('clock-jump', 400).map(
      (event) => ('clock' in event ? event.clock?.wallOffsetMs : 0) ?? 0,
    );
    const sizes = offsets.map(Math.abs);
    expect(Math.min(...sizes)).toBeLessThan(3);
    expect(Math.max(...sizes)).toBeGreaterThan(3_600_000 / 2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 22);
    expect(offsets.filter((offset) => offset < 0).length).toBeGreaterThan(100);
    expect(offsets.filter((offset) => offset > 0).length).toBeGreaterThan(100);
    const overRestart = firstEvents('clock-restart').map(
      (event) => ('clock' in event ? event.clock?.wallOffsetMs : 0) ?? 0,
    );
    expect(Math.max(...overRestart)).toBeLessThan(0);
  });
});

describe('the fates of messages', () => {
  const draw = (options: FaultPlanOptions, count: number, link: [string, string] = ['n0', 'n1']) => {
    const drawFate = planFates(options);
    return Array.from({ length: count }, (_, nth) => drawFate?.(...link, nth));
  };

  it('are none without a message fault', () => {
    expect(planFates(plan(['partition', 'kill']))).toBeUndefined();
  });

  it('come at the given rates', () => {
    const fates = draw(plan(['loss', 'delay'], { faultValues: { loss: 0.25, delay: 0.5 } }), 4000);
    const share = (fault: string) => fates.filter((fate) => fate?.fault === fault).length / fates.length;
    expect(share('loss')).toBeCloseTo(0.25, 1);
    expect(share('delay')).toBeCloseTo(0.5, 1);
    expect(draw(plan(['loss'], { faultValues: { loss: 0 } }), 100).every((fate) => fate === undefined)).toBe(true);
    expect(draw(plan(['loss'], { faultValues: { loss: 1 } }), 100).every((fate) => fate?.fault === 'loss')).toBe(true);
  });

  it('depend on the link and the number of the message only', () => {
    const options = () =>
      plan(['loss', 'duplication', 'reordering', 'delay'], { faultValues: { loss: 0.2, delay: 0.2 } });
    const alone = draw(options(), 50);
    const drawFate = planFates(options()) as NonNullable<ReturnType<typeof planFates>>;
    const beside: (MessageEvent | undefined)[] = [];
    for (let nth = 0; nth < 50; nth++) {
      drawFate('n1', 'n0', nth);
      beside.push(drawFate('n0', 'n1', nth));
      drawFate('c7', 'n1', nth);
    }
    expect(beside).toEqual(alone);
    expect(alone.some((fate) => fate !== undefined)).toBe(true);
  });

  it('delay beyond every RPC timeout, and reorder by little', () => {
    const delays = draw(plan(['delay'], { faultValues: { delay: 1 } }), 1000).map((fate) => fate?.delayMs ?? 0);
    expect(Math.min(...delays)).toBeGreaterThan(1000);
    expect(Math.max(...delays)).toBeGreaterThan(5000);
    const shifts = draw(plan(['reordering'], { faultValues: { reordering: 1 } }), 1000).map(
      (fate) => fate?.delayMs ?? 0,
    );
    expect(Math.max(...shifts)).toBeLessThanOrEqual(100);
  });
});
