/** The nemesis on virtual time: when it acts, what it does to the network, what it records. */

import { describe, expect, it } from 'vitest';
import type { Fault, GrudgeRecord } from '../../src/harness/fault.ts';
import { planFaults } from '../../src/harness/fault-plan.ts';
import { Nemesis } from '../../src/harness/nemesis.ts';
import { Network } from '../../src/harness/network.ts';
import { NEMESIS } from '../../src/history/operation.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { readRecording } from '../support/histories.ts';
import { VirtualTime } from '../support/virtual-time.ts';

interface Written {
  readonly atMs: number;
  readonly process: unknown;
  readonly type: string;
  readonly f: string;
  readonly value: unknown;
}

class Scene {
  readonly time = new VirtualTime();
  readonly network = new Network({ scheduler: this.time, drawLatencyMs: () => 0 });
  readonly written: Written[] = [];
  readonly nodes: readonly string[];
  readonly nemesis: Nemesis;
  /** What was done to nodes and clocks, in order. */
  readonly done: unknown[] = [];
  #heard = 0;

  constructor(seed: string, endMs: number, { nodes = ['n0', 'n1', 'n2'], faults = ['partition'] as Fault[] } = {}) {
    this.nodes = nodes;
    for (const node of nodes) this.network.addEndpoint(node, () => this.#heard++);
    const forEachLink = (grudge: GrudgeRecord, act: (src: string, dest: string) => void) => {
      for (const [dest, sources] of Object.entries(grudge)) for (const src of sources) act(src, dest);
    };
    this.nemesis = new Nemesis({
      target: {
        cut: (grudge) => forEachLink(grudge, (src, dest) => this.network.cut(src, dest)),
        mend: (grudge) => forEachLink(grudge, (src, dest) => this.network.mend(src, dest)),
        kill: (hit) => this.#note('kill', hit),
        restart: (hit) => this.#note('restart', hit),
        pause: (hit) => this.#note('pause', hit),
        resume: (hit) => this.#note('resume', hit),
        disturbClock: (hit, fault) => {
          this.done.push(['clock', hit, fault]);
          return () => this.done.push(['clock', hit, 'right']);
        },
      },
      scheduler: this.time,
      plan: planFaults({
        faults,
        faultValues: {},
        intervalMs: 1000,
        nodes,
        services: [],
        members: [],
        hasPeerLinks: false,
        random: new SeededRandom(seed),
      }),
      endMs,
      record: (entry) => this.written.push({ atMs: this.time.now(), ...entry }),
    });
  }

  #note(action: string, hit: readonly string[]): readonly string[] {
    this.done.push([action, hit]);
    return hit;
  }

  /** The current cuts as a grudge, found by sending messages. */
  get deaf(): Record<string, string[]> {
    const hears = (dest: string, src: string) => {
      const before = this.#heard;
      this.network.send(src, dest, {});
      return this.#heard > before;
    };
    return Object.fromEntries(this.nodes.map((dest) => [dest, this.nodes.filter((src) => !hears(dest, src))]));
  }

  /** When it acted, each action once. */
  get actionsMs(): number[] {
    return this.written.filter((_, index) => index % 2 === 0).map(({ atMs }) => atMs);
  }
}

const WHOLE = { n0: [], n1: [], n2: [] };

function sorted(grudge: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(grudge).map(([node, deaf]) => [node, [...deaf].sort()]));
}

describe('the nemesis', () => {
  it('starts a partition at once, and does to the network what it records', () => {
    const scene = new Scene('a', 60_000);
    expect(scene.nemesis.currentFault).toBeUndefined();
    scene.nemesis.start();
    const [announced, done] = scene.written as [Written, Written];
    expect(scene.written).toHaveLength(2);
    const [word, grudge] = done.value as [string, Record<string, string[]>];
    expect(announced).toEqual({
      atMs: 0,
      process: NEMESIS,
      type: 'info',
      f: 'start-partition',
      value: announced.value,
    });
    expect(['one', 'majority', 'majorities-ring']).toContain(announced.value);
    expect(done).toEqual({ atMs: 0, process: NEMESIS, type: 'info', f: 'start-partition', value: [word, grudge] });
    expect(word).toBe('isolated');
    expect(scene.deaf).toEqual(sorted(grudge));
    expect(scene.deaf).not.toEqual(WHOLE);
  });

  it('starts and stops in turn, and heals the whole network in between', async () => {
    const scene = new Scene('bb', 600_000);
    scene.nemesis.start();
    let partitioned = true;
    for (let step = 0; step < 100; step++) {
      const actions = scene.written.length;
      while (scene.written.length === actions) await scene.time.advance(10);
      partitioned = !partitioned;
      const [announced, done] = scene.written.slice(-2) as [Written, Written];
      if (partitioned) {
        expect([announced.f, done.f]).toEqual(['start-partition', 'start-partition']);
        expect(scene.deaf).toEqual(sorted((done.value as [string, Record<string, string[]>])[1]));
        expect(scene.nemesis.currentFault).toMatch(/^partition (one|majority|majorities-ring) \(n\d ⊘ n\d/);
      } else {
        expect([announced, done]).toEqual([
          { atMs: done.atMs, process: NEMESIS, type: 'info', f: 'stop-partition', value: null },
          { atMs: done.atMs, process: NEMESIS, type: 'info', f: 'stop-partition', value: 'network-healed' },
        ]);
        expect(scene.deaf).toEqual(WHOLE);
        expect(scene.nemesis.currentFault).toBeUndefined();
      }
    }
  });

  it('leaves gaps drawn evenly from 0 to twice the interval', async () => {
    const scene = new Scene('c', 4_000_000);
    scene.nemesis.start();
    await scene.time.advance(4_000_000);
    const { actionsMs } = scene;
    const gapsMs = actionsMs.slice(1).map((actionMs, index) => actionMs - (actionsMs[index] as number));
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...gapsMs)).toBeLessThan(2000);
    const quarters = [0, 1, 2, 3].map(
      (quarter) => gapsMs.filter((gapMs) => Math.floor(gapMs / 500) === quarter).length,
    );
    expect(Math.min(...quarters) / gapsMs.length).toBeGreaterThan(0.22);
    expect(Math.max(...quarters) / gapsMs.length).toBeLessThan(0.28);
  });

  it('chooses every shape that cuts something, and no other', async () => {
    const shapes = async (nodes: string[]) => {
      const scene = new Scene('d', 200_000, { nodes });
      scene.nemesis.start();
      await scene.time.advance(200_000);
      return new Set(scene.written.map(({ value }) => value).filter((value) => typeof value === 'string'));
    };
    expect(await shapes(['n0', 'n1'])).toEqual(new Set(['one', 'majority', 'network-healed']));
    expect(await shapes(['n0', 'n1', 'n2'])).toEqual(new Set(['one', 'majority', 'majorities-ring', 'network-healed']));
    expect(await shapes(['n0', 'n1', 'n2', 'n3'])).toEqual(
      new Set(['one', 'minority-third', 'majority', 'majorities-ring', 'network-healed']),
    );
  });

  it.each(['e', 'f', 'g', 'h'])('does nothing at or after its end (seed %s)', async (seed) => {
    const scene = new Scene(seed, 5000);
    scene.nemesis.start();
    await scene.time.advance(60_000);
    expect(scene.actionsMs.length).toBeGreaterThan(1);
    expect(Math.max(...scene.actionsMs)).toBeLessThan(5000);
    expect(scene.time.timerCount).toBe(0);
  });

  it('does nothing at all when its end is the start', () => {
    const scene = new Scene('i', 0);
    scene.nemesis.start();
    expect(scene.written).toEqual([]);
    expect(scene.time.timerCount).toBe(0);
  });

  it('does nothing without faults', () => {
    const scene = new Scene('j', 60_000, { faults: [] });
    scene.nemesis.start();
    expect(scene.written).toEqual([]);
    expect(scene.time.timerCount).toBe(0);
  });

  it('undoes the faults in force when it heals, and begins none after that', async () => {
    const scene = new Scene('k', 60_000);
    scene.nemesis.start();
    expect(scene.deaf).not.toEqual(WHOLE);
    scene.nemesis.heal();
    expect(scene.deaf).toEqual(WHOLE);
    expect(scene.nemesis.currentFault).toBeUndefined();
    expect(scene.time.timerCount).toBe(0);
    await scene.time.advance(60_000);
    expect(scene.written.map(({ f, value }) => [f, typeof value])).toEqual([
      ['start-partition', 'string'],
      ['start-partition', 'object'],
      ['stop-partition', 'object'],
      ['stop-partition', 'string'],
    ]);
  });

  it('may be stopped before it began', () => {
    const scene = new Scene('l', 60_000);
    scene.nemesis.heal();
    expect(scene.written).toEqual([]);
  });

  it('does the same at the same moments for the same seed, and something else for another', async () => {
    const written = async (seed: string) => {
      const scene = new Scene(seed, 20_000);
      scene.nemesis.start();
      await scene.time.advance(20_000);
      return scene.written;
    };
    expect(await written('m')).toEqual(await written('m'));
    expect(await written('m')).not.toEqual(await written('n'));
  });

  it('records the same entries as a real run', async () => {
    /** An entry without the parts that are drawn. */
    const form = ({ type, process, f, value }: Omit<Written, 'atMs'>) => {
      if (!Array.isArray(value)) return { type, process, f, value: f === 'start-partition' ? typeof value : value };
      const [word, grudge] = value as [string, object];
      return { type, process, f, value: [word, Object.keys(grudge).sort()] };
    };
    const recorded = [...readRecording('unique-ids-partition').history].filter(({ process }) => process === NEMESIS);
    const scene = new Scene('o', 60_000);
    scene.nemesis.start();
    await scene.time.advance(60_000);
    expect(recorded).toHaveLength(8);
    expect(scene.written.slice(0, 8).map(form)).toEqual(recorded.map(form));
  });
});
