import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock, SIMULATION_START_MS as START } from '../../src/simulator/simulated-clock.ts';

describe('a simulated clock', () => {
  let nowMs = 0;
  let clock: SimulatedClock;
  const readings = () => [clock.wallMs() - START, clock.monotonicMs()];

  beforeEach(() => {
    nowMs = 0;
    clock = new SimulatedClock(() => nowMs);
  });

  it('is right while nobody disturbs it, the wall clock in whole ms', () => {
    expect(START).toBe(Date.UTC(2027, 0, 1));
    nowMs = 12.75;
    expect(readings()).toEqual([12, 12.75]);
  });

  it('jumps with the wall clock only, measured from the true time', () => {
    nowMs = 1000;
    clock.disturb({ wallOffsetMs: -5000 });
    expect(readings()).toEqual([-4000, 1000]);
    nowMs = 2000;
    expect(readings()).toEqual([-3000, 2000]);
    clock.disturb({ wallOffsetMs: 60_000 });
    expect(readings()).toEqual([62_000, 2000]);
  });

  it('drifts with both clocks, from where they are', () => {
    nowMs = 1000;
    clock.disturb({ rate: 2 });
    nowMs = 1500;
    expect(readings()).toEqual([2000, 2000]);
  });

  it('stands still with both clocks, or with the wall clock only', () => {
    nowMs = 100;
    clock.disturb({ rate: 0 });
    nowMs = 200;
    expect(readings()).toEqual([100, 100]);
    clock.disturb({ wallFrozen: true });
    nowMs = 300;
    expect(readings()).toEqual([100, 200]);
  });

  it('is right again afterwards, and its monotonic clock never went back', () => {
    const seen: number[] = [];
    const faults = [{ rate: 0.5 }, { wallOffsetMs: -9e6 }, { rate: 0 }, { wallFrozen: true }, { rate: 2 }, undefined];
    for (const fault of faults) {
      clock.disturb(fault);
      for (let step = 0; step < 5; step++) {
        seen.push(clock.monotonicMs());
        nowMs += 10;
      }
    }
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(clock.wallMs()).toBe(START + nowMs);
  });
});
