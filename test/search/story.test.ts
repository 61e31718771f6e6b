import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { History } from '../../src/history/history.ts';
import { createSettle } from '../../src/host/settle.ts';
import { tellStory } from '../../src/search/story.ts';
import { StoryRecorder } from '../../src/search/story-recorder.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { forgetsItsPast, losesItsHead, OPTIONS, sharesNodeNumber } from '../support/wrong-subjects.ts';

const REASON = 'The run is INVALID.';
const generate = (atMs: number, worker: number) => ({ atMs, worker, f: 'generate', value: null });

async function storyOf(subject: Subject, change: Partial<RunOptions>, linesMax?: number) {
  const options = { ...OPTIONS, latencyMeanMs: 0, timeLimitMs: 100, ...change };
  const recorder: StoryRecorder = new StoryRecorder(() => simulation.time.now());
  const simulation = new Simulation({
    subject,
    options,
    settle: createSettle(),
    observer: recorder.observer,
    onLog: recorder.onLog,
  });
  const outcome = await simulation.finish();
  return { lines: tellStory({ events: recorder.events, options, outcome, reason: REASON, linesMax }), outcome };
}

describe('the story of a run', () => {
  it('shows a long read by its ends and its length', () => {
    const value = Array.from({ length: 10_000 }, (_, index) => index);
    const read = { index: 1, time: 0, type: 'ok', process: 0, f: 'read', value } as const;
    const lines = tellStory({
      events: [{ kind: 'operation', atMs: 1, operation: read }],
      options: { nodes: ['n0'], concurrency: 1 },
      outcome: { startMs: 0, results: { 'valid?': true }, history: new History() },
      reason: REASON,
    });
    expect(lines[0]).toBe('     1 ms  client 0 ← n0  read ok [0,1,2,…,9997,9998,9999] (10000 elements)');
  });

  it('tells a restart with the clock set back', async () => {
    const { lines } = await storyOf(forgetsItsPast, {
      nodes: ['n0'],
      concurrency: 1,
      faults: ['clock-restart'],
      timeLimitMs: 12,
      schedule: {
        operations: [generate(0, 0), generate(11, 0)],
        faults: [{ atMs: 1, durationMs: 1, fault: 'clock-restart', nodes: ['n0'], clock: { wallOffsetMs: -11 } }],
        messages: [],
      },
    });
    expect(lines.map((line) => line.replace(/"\d{18}"/, 'ID'))).toEqual([
      ' -0.05 ms  n0             starts',
      '     0 ms  client 0 → n0  generate',
      '  0.05 ms  client 0 ← n0  generate ok ID',
      '     1 ms  n0             is killed for 1 ms; when it starts again, its clock is 11 ms behind',
      '     2 ms  n0             starts again',
      '    11 ms  client 0 → n0  generate',
      ' 11.05 ms  client 0 ← n0  generate ok ID',
      '    12 ms  client 0 → n0  generate',
      ' 12.05 ms  client 0 ← n0  generate ok ID',
      REASON,
    ]);
    expect(lines[2]?.slice(-20)).toBe(lines[6]?.slice(-20));
  });

  it('tells fates of messages, warnings of nodes, and who asked in vain', async () => {
    const { lines } = await storyOf(losesItsHead, {
      nodes: ['n0', 'n1'],
      concurrency: 3,
      faults: ['duplication', 'loss', 'pause', 'partition'],
      schedule: {
        operations: [generate(0, 0), generate(1, 1), generate(90, 0)],
        faults: [
          { atMs: 2, durationMs: 5, fault: 'pause', nodes: ['n1'] },
          { atMs: 2, durationMs: 6, fault: 'partition', shape: 'one', grudge: { n0: ['n1'], n1: ['n0'] } },
        ],
        messages: [
          { fault: 'duplication', src: 'c2', dest: 'n0', nth: 0, delayMs: 95 },
          { fault: 'loss', src: 'n1', dest: 'c3', nth: 0 },
        ],
      },
    });
    const story = lines.join('\n');
    expect(story).toMatch(/ 0 ms {2}client 0 → n0 {2}generate arrives twice, the second time 95 ms later\n/);
    expect(story).toMatch(/ 95(\.\d+)? ms {2}n0 {13}logs warn: two requests at once \{"src":"c2"\}\n/);
    expect(story).toMatch(/n1 → client 1 {2}generate_ok is lost\n/);
    expect(story).toMatch(/ 2 ms {2}n1 {13}is paused for 5 ms\n/);
    expect(story).toMatch(/ 7 ms {2}n1 {13}resumes\n/);
    expect(story).toMatch(/ 2 ms {2}network {8}is cut for 6 ms, partition one: n0 ⊘ n1; n1 ⊘ n0\n/);
    expect(story).toMatch(/ 8 ms {2}network {8}is healed \(partition one\)\n/);
    expect(story).toMatch(/ 5001 ms {2}client 1 … n1 {2}generate is undecided: "net-timeout"\n/);
  });

  it('leaves the middle out of a long one, says how much, and keeps both sides of the failure', async () => {
    for (const linesMax of [12, 40]) {
      const { lines, outcome } = await storyOf(sharesNodeNumber, { timeLimitMs: 1000 }, linesMax);
      expect(lines.length).toBeLessThanOrEqual(linesMax);
      expect(lines.length).toBeGreaterThan(linesMax - 4);
      expect(lines.at(-1)).toBe(REASON);
      expect(lines[0]).toMatch(/n0, n1, n2 +start$/);
      expect(lines.join('\n')).toMatch(/\n +… \d+ more\n/);
      const [duplicate] = Object.keys((outcome.results.workload as { duplicated: object }).duplicated);
      expect(lines.filter((line) => line.includes(`"${duplicate}"`)).length).toBeGreaterThanOrEqual(2);
      const leftOut = lines.flatMap((line) => Number(/… (\d+) more$/.exec(line)?.[1] ?? 0));
      const shown = lines.filter((line) => !line.includes('…')).length - 1;
      expect(leftOut.reduce((sum, count) => sum + count, 0) + shown).toBe(outcome.history.length + 1);
    }
  });
});
