/** When sweeps tick. */

import { describe, expect, it } from 'vitest';
import { Sweep } from '../../src/kv/sweep.ts';
import { settle, VirtualTime } from '../support/virtual-time.ts';

const INTERVAL_MS = 1000;

class Bench {
  readonly time = new VirtualTime();
  /** When ticks began. */
  readonly beganMs: number[] = [];
  readonly sweep: Sweep;
  stopped = false;
  busy = true;

  constructor(draws: readonly number[], durationMs = 0) {
    let drawn = 0;
    const sleep = (delayMs: number) =>
      new Promise<boolean>((resolve) => this.time.schedule(delayMs, () => resolve(!this.stopped)));
    this.sweep = new Sweep({
      context: { sleep, randomUint32: () => (draws[drawn++ % draws.length] as number) * 2 ** 32 },
      intervalMs: INTERVAL_MS,
      tick: async () => {
        this.beganMs.push(this.time.now());
        if (durationMs > 0) await sleep(durationMs);
        return this.busy;
      },
    });
  }

  get pausesMs(): number[] {
    return this.beganMs.slice(1).map((ms, index) => Math.round(ms - (this.beganMs[index] as number)));
  }
}

describe('ticks', () => {
  it('come within the first interval, and then after about one, drawn at random', async () => {
    const bench = new Bench([0.25, 0, 0.5, 0.75]);
    bench.sweep.start();
    await bench.time.advance(3000);
    expect(bench.beganMs).toEqual([250, 1050, 2050]);
    await bench.time.advance(1000);
    expect(bench.pausesMs).toEqual([800, 1000, 1100]);
  });

  it('come one after the other', async () => {
    const bench = new Bench([0], 3000);
    bench.sweep.start();
    await bench.time.advance(8000);
    expect(bench.beganMs).toEqual([0, 3800, 7600]);
  });

  it('come a fifth more slowly after ten without work, and at full speed after the first with work', async () => {
    const bench = new Bench([0.5]);
    bench.busy = false;
    bench.sweep.start();
    await bench.time.advance(11_000);
    expect(bench.pausesMs).toEqual([...Array.from({ length: 9 }, () => 1000), 1200]);
    bench.busy = true;
    await bench.time.advance(3000);
    expect(bench.pausesMs.slice(10)).toEqual([1200, 1000, 1000]);
  });

  it('do not come before they are started, and not twice if they are started twice', async () => {
    const bench = new Bench([0.5]);
    await bench.time.advance(2000);
    bench.sweep.start();
    bench.sweep.start();
    await bench.time.advance(1000);
    expect(bench.beganMs).toEqual([2500]);
  });

  it('end with the node', async () => {
    const bench = new Bench([0.5]);
    bench.sweep.start();
    await bench.time.advance(1400);
    bench.stopped = true;
    await bench.time.advance(5000);
    await settle();
    expect(bench.beganMs).toEqual([500]);
    expect(bench.time.timerCount).toBe(0);
  });
});
