/**
 * (o) How long lin-kv is without service after its leader is killed: the longest time between two answers to any
 * client, from the kill until the next one. The leader is the last node that sent an append.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type RunObserver, type RunOutcome, TestRun } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { ProcessBed } from '../../src/host/processes/process-bed.ts';
import { createRealScheduler } from '../../src/host/real-scheduler.ts';
import { createSettle } from '../../src/host/settle.ts';
import type { Scheduler } from '../../src/protocol/scheduler.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { linKv } from '../../src/workloads/lin-kv/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import type { Figure, Section } from './measure.ts';

/** From one kill to the next, and from a kill to the restart. */
const KILL_EVERY_MS = 3000;
const DOWN_MS = 1000;
const REAL_KILLS = 20;
const SIMULATED_KILLS = 40;
const LATENCIES_MS = [0, 100];
const NANOSECONDS_PER_MILLISECOND = 1e6;

export async function benchFailover(): Promise<readonly Section[]> {
  const figures = [figureOf('lin-kv, 3 processes', 0, await killLeaders(runProcesses, REAL_KILLS, 0))];
  for (const latencyMs of LATENCIES_MS)
    figures.push(figureOf('simulated', latencyMs, await killLeaders(simulate, SIMULATED_KILLS, latencyMs)));
  const title = `The longest time without an answer, for each of ${REAL_KILLS} and ${SIMULATED_KILLS} kills of the leader`;
  return [{ title, figures }];
}

function figureOf(bed: string, latencyMs: number, values: readonly number[]): Figure {
  const input = `${bed}${latencyMs === 0 ? '' : `, ${latencyMs} ms latency`}`;
  return { name: 'leader killed, no answer', input, unit: 'ms', values };
}

type Run = (
  options: RunOptions,
  observer: RunObserver,
  onBegun: (run: TestRun, scheduler: Scheduler) => void,
) => Promise<RunOutcome>;

/** For each kill: the longest time without an answer until the next one, ms. */
async function killLeaders(run: Run, kills: number, latencyMeanMs: number): Promise<readonly number[]> {
  let leader: string | undefined;
  const killedMs: number[] = [];
  const observer: RunObserver = {
    onMessage: (event, { src, body }) => {
      if (event === 'send' && body.type === 'raft_append') leader = src;
    },
  };
  const outcome = await run(optionsFor(kills, latencyMeanMs), observer, (begun, scheduler) => {
    const kill = () => {
      const atMs = begun.status().elapsedMs;
      // The operations have not begun yet.
      if (leader !== undefined && atMs > 0) {
        killedMs.push(atMs);
        begun.inject({ fault: 'kill', atMs, durationMs: DOWN_MS, nodes: [leader] });
      }
      if (killedMs.length < kills) scheduler.schedule(KILL_EVERY_MS, kill);
    };
    scheduler.schedule(KILL_EVERY_MS, kill);
  });
  return longestGaps(outcome, killedMs);
}

function optionsFor(kills: number, latencyMeanMs: number): RunOptions {
  return {
    nodes: ['n0', 'n1', 'n2'],
    concurrency: 12,
    ratePerSecond: 200,
    // The first kill, and a second for the start of processes.
    timeLimitMs: (kills + 1) * KILL_EVERY_MS + 1000,
    latencyMeanMs,
    latencyDistribution: 'constant',
    faults: [],
    nemesisIntervalMs: 1000,
    seed: 'failover',
  };
}

function longestGaps({ history }: RunOutcome, killedMs: readonly number[]): readonly number[] {
  const answeredMs: number[] = [];
  for (let index = 0; index < history.length; index++)
    if (history.typeAt(index) === 'ok') answeredMs.push(history.timeAt(index) / NANOSECONDS_PER_MILLISECOND);
  return killedMs.map((atMs) => {
    let [lastMs, longestMs] = [atMs, 0];
    for (const timeMs of answeredMs) {
      if (timeMs <= atMs || timeMs > atMs + KILL_EVERY_MS) continue;
      longestMs = Math.max(longestMs, timeMs - lastMs);
      lastMs = timeMs;
    }
    return Math.max(longestMs, atMs + KILL_EVERY_MS - lastMs > DOWN_MS ? KILL_EVERY_MS : 0);
  });
}

async function runProcesses(
  options: RunOptions,
  observer: RunObserver,
  onBegun: (run: TestRun, scheduler: Scheduler) => void,
): Promise<RunOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  const args = ['--workload', 'lin-kv', '--state-dir', join(folder, 'state')];
  const bed = new ProcessBed({ program: resolve('bin/maelstrom-node'), args, logFolder: join(folder, 'logs') });
  const scheduler = createRealScheduler();
  try {
    const run = new TestRun(options, linKv.test, bed, scheduler, observer);
    onBegun(run, scheduler);
    return await run.run();
  } finally {
    await bed.close();
    rmSync(folder, { recursive: true });
  }
}

function simulate(
  options: RunOptions,
  observer: RunObserver,
  onBegun: (run: TestRun, scheduler: Scheduler) => void,
): Promise<RunOutcome> {
  const simulation = new Simulation({ subject: subjectOf(linKv), options, settle: createSettle(), observer });
  onBegun(simulation.run, simulation.time);
  return simulation.finish();
}
