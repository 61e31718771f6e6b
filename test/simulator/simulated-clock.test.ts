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

  it('is right without a fault, the wall clock in whole ms', () => {
    expect(START).toBe(Date.UTC(2027, 0, 1));
    nowMs = 12.75;
    expect(readings()).toEqual([12, 12.75]);
  });

  it('jumps with the wall clock only, and back', () => {
    nowMs = 1000;
    const undo = clock.disturb({ wallOffsetMs: -5000 });
    expect(readings()).toEqual([-4000, 1000]);
    nowMs = 2000;
    expect(readings()).toEqual([-3000, 2000]);
    undo();
    expect(readings()).toEqual([2000, 2000]);
    undo();
    expect(readings()).toEqual([2000, 2000]);
  });

  it('drifts with both clocks, from where they are', () => {
    nowMs = 1000;
    clock.disturb({ rate: 2 });
    nowMs = 1500;
    expect(readings()).toEqual([2000, 2000]);
  });

  it('stands still with both clocks, or with the wall clock only', () => {
    nowMs = 100;
    const undo = clock.disturb({ rate: 0 });
    nowMs = 200;
    expect(readings()).toEqual([100, 100]);
    clock.disturb({ wallFrozen: true });
    undo();
    nowMs = 300;
    expect(readings()).toEqual([200, 200]);
  });

  it('has several faults at once, each until it is removed', () => {
    const unfreeze = clock.disturb({ rate: 0 });
    nowMs = 1000;
    const jumpBack = clock.disturb({ wallOffsetMs: 500 });
    nowMs = 2000;
    expect(readings()).toEqual([1500, 0]);
    jumpBack();
    nowMs = 3000;
    expect(readings()).toEqual([2000, 0]);
    clock.disturb({ rate: 2 });
    unfreeze();
    nowMs = 4000;
    expect(readings()).toEqual([5000, 2000]);
    clock.disturb({ wallOffsetMs: -1000 });
    clock.disturb({ wallOffsetMs: -1000 });
    expect(readings()).toEqual([2000, 2000]);
    clock.setRight();
    expect(readings()).toEqual([4000, 2000]);
    nowMs = 5000;
    expect(readings()).toEqual([5000, 3000]);
  });

  it('is not set right by the second removal of a fault while another one is in force', () => {
    const undo = clock.disturb({ wallOffsetMs: 500 });
    clock.disturb({ rate: 2 });
    undo();
    nowMs = 1000;
    undo();
    expect(readings()).toEqual([2000, 2000]);
  });

  it('is never further off than the faults in force', () => {
    for (let round = 0; round < 100; round++) {
      const undo = clock.disturb({ rate: 2 });
      clock.disturb({ wallOffsetMs: 0 });
      nowMs += 1000;
      expect(clock.wallMs()).toBe(START + nowMs + 1000);
      undo();
    }
  });

  it('is right again when the last fault is removed, and its monotonic clock never went back', () => {
    const seen: number[] = [];
    const faults = [{ rate: 0.5 }, { wallOffsetMs: -9e6 }, { rate: 0 }, { wallFrozen: true }, { rate: 2 }];
    const pass = () => {
      for (let step = 0; step < 5; step++) {
        seen.push(clock.monotonicMs());
        nowMs += 10;
      }
    };
    const undo = faults.map((fault) => {
      const undoOne = clock.disturb(fault);
      pass();
      return undoOne;
    });
    for (const undoOne of undo) {
      undoOne();
      pass();
    }
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(clock.wallMs()).toBe(START + nowMs);
  });
});
