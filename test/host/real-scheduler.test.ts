import { describe, expect, it } from 'vitest';
import { createRealScheduler } from '../../src/host/real-scheduler.ts';

describe('the scheduler of a real run', () => {
  it('gives one time to all that happens at a time, and a later one after a wait', async () => {
    const scheduler = createRealScheduler();
    const first = scheduler.now();
    const machineMs = performance.now();
    while (performance.now() < machineMs + 5) Math.random();
    expect(scheduler.now()).toBe(first);
    await new Promise<void>((resolve) => scheduler.schedule(1, resolve));
    expect(scheduler.now()).toBeGreaterThanOrEqual(first + 5);
  });

  it('gives the time of its arrival to what arrives after other work', async () => {
    const scheduler = createRealScheduler();
    const times: number[] = [];
    const note = () => {
      times.push(scheduler.now());
      const machineMs = performance.now();
      while (performance.now() < machineMs + 2) Math.random();
    };
    await Promise.all([0, 1].map(() => new Promise<void>((resolve) => setImmediate(() => resolve(note())))));
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(2);
  });
});
