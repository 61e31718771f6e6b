/** When a line without a newline is passed on, and when it only waits. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HalfLineWatch } from '../../../src/host/processes/half-line-watch.ts';
import { LineGuard } from '../../../src/host/stdio/line-guard.ts';

describe('a line without a newline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watched() {
    const guard = new LineGuard(() => {});
    const rig = { parts: [] as string[], running: true, accepts: true };
    const watch = new HalfLineWatch(guard, {
      isRunning: () => rig.running,
      onPart: (text) => {
        rig.parts.push(text);
        return rig.accepts;
      },
    });
    return { guard, parts: rig.parts, rig, watch };
  }

  it('is passed on after a second, and then what follows', () => {
    const { guard, parts, watch } = watched();
    guard.write('{"src":');
    vi.advanceTimersByTime(999);
    expect(parts).toEqual([]);
    vi.advanceTimersByTime(500);
    expect(parts).toEqual(['{"src":']);
    guard.write('"n0"');
    vi.advanceTimersByTime(500);
    expect(parts).toEqual(['{"src":', '"n0"']);
    expect(watch.takePassedLength()).toBe('{"src":"n0"'.length);
    expect(watch.takePassedLength()).toBe(0);
    watch.stop();
    guard.write('more');
    vi.advanceTimersByTime(5000);
    expect(parts).toHaveLength(2);
  });

  it('waits while the process is paused or its output is not read, and for a second afterwards', () => {
    const { guard, parts, rig } = watched();
    guard.write('{"src":');
    vi.advanceTimersByTime(750);
    rig.running = false;
    vi.advanceTimersByTime(10_000);
    rig.running = true;
    vi.advanceTimersByTime(999);
    expect(parts).toEqual([]);
    vi.advanceTimersByTime(500);
    expect(parts).toEqual(['{"src":']);
  });

  it('waits until earlier lines have left', () => {
    const { guard, parts } = watched();
    guard.write('{}\n');
    guard.write('{"src":');
    vi.advanceTimersByTime(5000);
    expect(parts).toEqual([]);
    expect(String(guard.read())).toBe('{}\n');
    vi.advanceTimersByTime(2000);
    expect(parts).toEqual(['{"src":']);
  });

  it('is another one after each newline', () => {
    const { guard, parts } = watched();
    guard.resume();
    for (let count = 0; count < 20; count++) {
      guard.write(`begin ${count}`);
      vi.advanceTimersByTime(900);
      guard.write(' end\n');
    }
    expect(parts).toEqual([]);
  });

  it('is passed on only up to what the guard may change: half a character, a lone carriage return', () => {
    for (const [text, part] of [
      [Buffer.from('ä').subarray(0, 1), ''],
      [Buffer.concat([Buffer.from('aä'), Buffer.from('ä').subarray(0, 1)]), 'aä'],
      ['a\rb', 'a'],
      ['a\u2028b', 'a'],
    ] as const) {
      const { guard, parts } = watched();
      guard.write(text);
      vi.advanceTimersByTime(2000);
      expect(parts).toEqual([part]);
    }
  });

  it('that was not passed on counts as not passed', () => {
    const { guard, rig, watch } = watched();
    rig.accepts = false;
    guard.write('half');
    vi.advanceTimersByTime(2000);
    expect(watch.takePassedLength()).toBe(0);
  });
});
