/** A whole test run in one process: scripted nodes, virtual time, and a check of what the run leaves behind. */

import type { CheckResult } from '../../src/checkers/checker.ts';
import type { NetworkEvent, NetworkMessage } from '../../src/harness/network.ts';
import { type RunOutcome, TestRun } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import type { Operation } from '../../src/history/operation.ts';
import { answering, echoesAfter, generatesAfter, type Script, ScriptedBed, type ScriptedNode } from './scripted-bed.ts';
import { VirtualTime } from './virtual-time.ts';

/** Longer than any run of a test. A run that takes this long hangs. */
const RUN_MS_MAX = 600_000;

export interface ScriptedRunOptions extends Partial<RunOptions> {
  readonly test: WorkloadTest;
  /** What the nodes do. Default: all serve echo and unique-ids correctly, a millisecond each. */
  readonly scriptOf?: (nodeId: string) => Script;
  readonly synchronous?: boolean;
  readonly onStart?: (node: ScriptedNode) => void;
  readonly onOperation?: (operation: Operation) => void;
}

export interface MessageEvent {
  readonly event: NetworkEvent;
  readonly message: NetworkMessage;
  readonly timeMs: number;
}

export type Results = CheckResult & Readonly<Record<string, CheckResult>>;

export class ScriptedRun {
  readonly time = new VirtualTime();
  readonly bed: ScriptedBed;
  readonly run: TestRun;
  readonly events: MessageEvent[] = [];
  #running: Promise<RunOutcome> | undefined;
  #endedMs: number | undefined;
  #timersLeft = 0;

  constructor({ test, scriptOf, synchronous = false, onStart, onOperation, ...options }: ScriptedRunOptions) {
    this.bed = new ScriptedBed({
      scheduler: this.time,
      scriptOf: scriptOf ?? rightNode,
      synchronous,
      ...(onStart && { onStart }),
    });
    this.run = new TestRun(
      {
        nodes: ['n0', 'n1', 'n2'],
        concurrency: 3,
        ratePerSecond: 10,
        timeLimitMs: 10_000,
        latencyMeanMs: 0,
        latencyDistribution: 'constant',
        faults: [],
        nemesisIntervalMs: 1000,
        seed: 'snow',
        ...options,
      },
      test,
      this.bed,
      this.time,
      {
        onMessage: (event, message, timeMs) => this.events.push({ event, message, timeMs }),
        ...(onOperation && { onOperation }),
      },
    );
  }

  /** When the run was over, ms of virtual time; undefined while it is not. */
  get endedMs(): number | undefined {
    return this.#endedMs;
  }

  /** Begins the run, unless it has begun, and lets time pass. */
  async advance(durationMs: number): Promise<void> {
    this.#start();
    await this.time.advance(durationMs);
  }

  /** Lets time pass until the run is over. It must leave no timer behind. */
  async finish(): Promise<RunOutcome & { readonly results: Results }> {
    const running = this.#start();
    while (this.#endedMs === undefined) {
      if (this.time.now() > RUN_MS_MAX) throw new Error('the run does not end');
      await this.time.advance(1000);
    }
    if (this.#timersLeft > 0) throw new Error(`the run left ${this.#timersLeft} timers behind`);
    return (await running) as RunOutcome & { readonly results: Results };
  }

  #start(): Promise<RunOutcome> {
    if (this.#running === undefined) {
      const over = () => {
        this.#endedMs = this.time.now();
        this.#timersLeft = this.time.timerCount;
      };
      this.#running = this.run.run();
      this.#running.then(over, over);
    }
    return this.#running;
  }
}

/** A right node. */
export function rightNode(): Script {
  return answering({ echo: echoesAfter(1), generate: generatesAfter(1) });
}

/** An operation without its time and its index. */
export function withoutTime({
  index: _index,
  time: _time,
  ...operation
}: Operation): Omit<Operation, 'index' | 'time'> {
  return operation;
}
