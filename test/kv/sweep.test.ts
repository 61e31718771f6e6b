/** When sweeps run, and what they remember of each other. */

import { describe, expect, it } from 'vitest';
import { Sightings, Sweep } from '../../src/kv/sweep.ts';
import { settle, VirtualTime } from '../support/virtual-time.ts';

const INTERVAL_MS = 1000;

class Bench {
  readonly time = new VirtualTime();
  /** When sweeps began. */
  readonly beganMs: number[] = [];
  readonly sweep: Sweep;
  stopped = false;

  constructor(draws: readonly number[], durationMs = 0) {
    let drawn = 0;
    const sleep = (delayMs: number) =>
      new Promise<boolean>((resolve) => this.time.schedule(delayMs, () => resolve(!this.stopped)));
    this.sweep = new Sweep({
      context: { sleep, randomUint32: () => (draws[drawn++ % draws.length] as number) * 2 ** 32 },
      intervalMs: INTERVAL_MS,
      sweep: async () => {
        this.beganMs.push(this.time.now());
        if (durationMs > 0) await sleep(durationMs);
      },
    });
  }
}

describe('sweeps', () => {
  it('run after half an interval to one and a half, drawn at random', async () => {
    const bench = new Bench([0, 0.5, 0.75]);
    bench.sweep.start();
    await bench.time.advance(2800);
    expect(bench.beganMs).toEqual([500, 1500, 2750]);
  });

  it('run one after the other', async () => {
    const bench = new Bench([0], 3000);
    bench.sweep.start();
    await bench.time.advance(8000);
    expect(bench.beganMs).toEqual([500, 4000, 7500]);
  });

  it('do not run before they are started, and not twice if they are started twice', async () => {
    const bench = new Bench([0.5]);
    await bench.time.advance(2000);
    bench.sweep.start();
    bench.sweep.start();
    await bench.time.advance(1000);
    expect(bench.beganMs).toEqual([3000]);
  });

  it('end with the node', async () => {
    const bench = new Bench([0.5]);
    bench.sweep.start();
    await bench.time.advance(1500);
    bench.stopped = true;
    await bench.time.advance(5000);
    await settle();
    expect(bench.beganMs).toEqual([1000]);
    expect(bench.time.timerCount).toBe(0);
  });
});

describe('what sweeps have seen', () => {
  it('is remembered from one sweep to the next, and forgotten when a sweep does not see it', () => {
    const sightings = new Sightings<number>();
    sightings.note('a', 1);
    expect(sightings.of('a')).toBe(1);
    sightings.turn();
    expect(sightings.of('a')).toBe(1);
    sightings.note('a', 2);
    sightings.turn();
    expect([sightings.of('a'), sightings.of('b')]).toEqual([2, undefined]);
    sightings.turn();
    expect(sightings.of('a')).toBeUndefined();
  });

  it('is what the previous sweep noted, with any note of this one', () => {
    const sightings = new Sightings<number>();
    sightings.note('a', 1);
    sightings.turn();
    sightings.note('a', 2);
    expect(sightings.of('a')).toBe(1);
  });
});
