import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeProgress, describeStatus, Progress } from '../../src/cli/progress.ts';
import type { RunStatus } from '../../src/harness/run.ts';

const RUNNING: RunStatus = {
  phase: 'running',
  elapsedMs: 12_400,
  okCount: 30,
  failCount: 0,
  infoCount: 0,
  currentFault: undefined,
  violationCount: 0,
};

describe('the status of a run', () => {
  it('shows the time, the operations, their rate and the fault', () => {
    expect(describeStatus(RUNNING, 60_000, 5)).toBe('12/60 s  30 ok  5/s  no fault');
    expect(describeStatus({ ...RUNNING, currentFault: 'partition one (n0 ⊘ n1)' }, 1500, 0)).toBe(
      '12/1.5 s  30 ok  0/s  partition one (n0 ⊘ n1)',
    );
  });

  it('shows errors only if there are any', () => {
    expect(describeStatus({ ...RUNNING, failCount: 1, infoCount: 2, violationCount: 3 }, 60_000, 5)).toBe(
      '12/60 s  30 ok, 1 fail, 2 info, breaches of the protocol: 3  5/s  no fault',
    );
  });

  it('names the phase if no operations run', () => {
    expect(describeStatus({ ...RUNNING, phase: 'starting' }, 60_000, 0)).toBe('starting the nodes');
    expect(describeStatus({ ...RUNNING, phase: 'checking' }, 60_000, 0)).toBe('checking the history');
  });
});

describe('progress', () => {
  let text = '';
  let status = RUNNING;

  function start(terminal: { isTTY?: boolean; columns?: number }): Progress {
    const output = { ...terminal, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
    return new Progress(
      output,
      describeProgress(60_000, () => status),
    );
  }

  beforeEach(() => {
    text = '';
    status = { ...RUNNING, elapsedMs: 0, okCount: 0 };
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  function pass(durationMs: number, okCount: number): void {
    status = { ...status, elapsedMs: status.elapsedMs + durationMs, okCount };
    vi.advanceTimersByTime(durationMs);
  }

  it('is a line every five seconds without a terminal, with the rate since the last line', () => {
    const progress = start({});
    pass(4999, 0);
    expect(text).toBe('');
    pass(1, 50);
    progress.print('n0: hello');
    pass(5000, 150);
    progress.stop();
    pass(60_000, 999);
    expect(text).toBe('5/60 s  50 ok  10/s  no fault\nn0: hello\n10/60 s  150 ok  20/s  no fault\n');
  });

  it('does not say the same twice without a terminal', () => {
    start({});
    status = { ...status, phase: 'recovering' };
    pass(10_000, 7);
    status = { ...status, phase: 'checking' };
    pass(10_000, 7);
    const calm = 'the operations are over: every node must answer the last questions';
    expect(text).toBe(`${calm}\nchecking the history\n`);
  });

  it('rewrites one line on a terminal, cut to its width, and clears it for other lines and at the end', () => {
    const progress = start({ isTTY: true, columns: 12 });
    pass(200, 2);
    progress.print('n0: hello');
    progress.stop();
    pass(60_000, 999);
    expect(text).toBe('\r0/60 s  2 o\x1b[K\r\x1b[Kn0: hello\n\r\x1b[K');
  });

  it('assumes 80 columns if the terminal does not report its width', () => {
    status = { ...status, currentFault: 'x'.repeat(200) };
    start({ isTTY: true, columns: 0 });
    pass(200, 0);
    expect(text).toHaveLength('\r'.length + 79 + '\x1b[K'.length);
  });
});
