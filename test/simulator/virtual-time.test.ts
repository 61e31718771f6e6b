import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { VirtualTime } from '../../src/simulator/virtual-time.ts';

function newTime(): VirtualTime {
  return new VirtualTime(createSettle());
}

function sleep(time: VirtualTime, durationMs: number): Promise<void> {
  return new Promise((resolve) => time.schedule(durationMs, resolve));
}

describe('virtual time', () => {
  it('jumps from one timer to the next, however far that is', async () => {
    const time = newTime();
    const hourMs = 3_600_000;
    await time.run(sleep(time, 1000 * hourMs));
    expect(time.now()).toBe(1000 * hourMs);
  });

  it('fires timers in the order of their times, and in the order of setting where those are equal', async () => {
    const time = newTime();
    const random = new SeededRandom('order');
    const expected: { atMs: number; number: number }[] = [];
    const seen: number[] = [];
    for (let number = 0; number < 2000; number++) {
      const atMs = random.integer(100);
      expected.push({ atMs, number });
      time.schedule(atMs, () => seen.push(number));
    }
    await time.run(sleep(time, 100));
    expected.sort((one, other) => one.atMs - other.atMs || one.number - other.number);
    expect(seen).toEqual(expected.map(({ number }) => number));
    expect(time.timerCount).toBe(0);
  });

  it('removes cancelled timers at once, any of them, also twice and after they fired', async () => {
    const time = newTime();
    const random = new SeededRandom('cancel');
    const seen: number[] = [];
    const cancels = Array.from({ length: 1000 }, (_, number) =>
      time.schedule(random.integer(50), () => seen.push(number)),
    );
    const cancelled = new Set(random.shuffle(cancels.map((_, number) => number)).slice(0, 700));
    for (const number of cancelled) cancels[number]?.();
    for (const number of cancelled) cancels[number]?.();
    expect(time.timerCount).toBe(300);
    await time.run(sleep(time, 50));
    expect(seen.toSorted((one, other) => one - other)).toEqual(
      cancels.map((_, number) => number).filter((number) => !cancelled.has(number)),
    );
    for (const cancel of cancels) cancel();
    expect(time.timerCount).toBe(0);
  });

  it('lets all pending promises settle before time goes on', async () => {
    const time = newTime();
    const seen: string[] = [];
    const chain = async () => {
      for (let hop = 0; hop < 500; hop++) await undefined;
      seen.push(`chain at ${time.now()}`);
    };
    time.schedule(1, () => void chain());
    time.schedule(2, () => seen.push('next timer'));
    await time.run(sleep(time, 3));
    expect(seen).toEqual(['chain at 1', 'next timer']);
  });

  it('rejects if no timer is left and the work is not done', async () => {
    const time = newTime();
    const never = new Promise<void>(() => {});
    await expect(time.run(sleep(time, 7).then(() => never))).rejects.toThrow('at 7 ms no timer is left');
  });

  it('settles as the work does, and passes on what a timer throws', async () => {
    const time = newTime();
    await expect(time.run(Promise.reject(new Error('no')))).rejects.toThrow('no');
    time.schedule(1, () => {
      throw new Error('a timer failed');
    });
    await expect(time.run(sleep(time, 5))).rejects.toThrow('a timer failed');
  });

  it('gives other callbacks of the event loop their turns', async () => {
    const time = newTime();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const endMs = performance.now() + 100;
    const busy = async () => {
      while (performance.now() < endMs) await sleep(time, 1);
    };
    await time.run(busy());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
