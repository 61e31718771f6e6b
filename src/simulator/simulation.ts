/**
 * A whole run in one process: virtual time, simulated machines, and the same `TestRun` that tests real processes. The
 * same seed gives the same outcome.
 */

import type { Arrange } from '../harness/network.ts';
import { type RunObserver, type RunOutcome, TestRun } from '../harness/run.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import type { StartHandlers } from '../node/node.ts';
import { SeededRandom } from '../protocol/random.ts';
import { InProcessBed, type InProcessBedOptions, type LifeSupport } from './in-process-bed.ts';
import { type Settle, VirtualTime } from './virtual-time.ts';

/** What is simulated: the code of a node, and the test that judges it. */
export interface Subject {
  readonly name: string;
  readonly test: WorkloadTest;
  readonly startHandlers: (support: LifeSupport) => StartHandlers;
  readonly alter?: InProcessBedOptions['alter'];
}

export interface SimulationOptions {
  readonly subject: Subject;
  readonly options: RunOptions;
  readonly settle: Settle;
  readonly observer?: RunObserver;
  readonly onLog?: InProcessBedOptions['onLog'];
  readonly onStep?: InProcessBedOptions['onStep'];
  /** The source of the machines' draws. Default: a stream of the seed. */
  readonly random?: SeededRandom | undefined;
  /** Decides the order in which messages arrive. */
  readonly arrange?: Arrange | undefined;
}

export class Simulation {
  readonly run: TestRun;
  readonly time: VirtualTime;

  constructor({ subject, options, settle, observer, onLog, onStep, arrange, random }: SimulationOptions) {
    this.time = new VirtualTime(settle);
    const bed = new InProcessBed({
      scheduler: this.time,
      random: random ?? new SeededRandom(options.seed).fork('nodes'),
      startHandlers: subject.startHandlers,
      limits: options.nodeLimits,
      options: options.workloadOptions,
      alter: subject.alter,
      onLog,
      onStep,
    });
    this.run = new TestRun(options, subject.test, bed, this.time, observer, arrange);
  }

  /**
   * Runs the simulation to its end. Rejects for errors of the simulator, and if no timer is left before the run is
   * over.
   */
  finish(): Promise<RunOutcome> {
    return this.time.run(this.run.run());
  }
}
