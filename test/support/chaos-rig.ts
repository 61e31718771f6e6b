/** Chaos on virtual time, between a harness and a node that the test plays by hand. */

import { Chaos, type ChaosOptions } from '../../src/chaos/chaos.ts';
import type { LogFields } from '../../src/node/environment.ts';
import { settle, VirtualTime } from './virtual-time.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Told<T> {
  readonly atMs: number;
  readonly what: T;
}

/** Time whose timers do not go off while the process stands still. */
export class StallingTime extends VirtualTime {
  stalledMs = 0;

  override now(): number {
    return super.now() + this.stalledMs;
  }
}

export const NO_FAULTS: ChaosOptions = {
  seed: 'chaos',
  loss: 0,
  duplicate: 0,
  delay: 0,
  delayMeanMs: 100,
  peers: 'all',
  clientTimeoutMs: 5000,
};

export class ChaosRig {
  readonly time = new StallingTime();
  readonly chaos: Chaos;
  /** Lines that the harness was given. */
  readonly harnessLines: string[] = [];
  /** Lines that the node was given, in all its lives. */
  readonly nodeLines: string[] = [];
  /** What was done to the process: start, pause, resume, kill. */
  readonly done: Told<string>[] = [];
  readonly logs: Told<Fields>[] = [];
  readonly failures: string[] = [];
  /** How long it takes until nothing of a killed process is left. */
  killTakesMs = 0;
  /** Whether later lives answer `init` at once. */
  answersInit = false;

  constructor(options: Partial<ChaosOptions> = {}) {
    const note = (what: string) => this.done.push({ atMs: this.time.now(), what });
    const log = (message: string, fields: LogFields = {}) => {
      this.logs.push({ atMs: this.time.now(), what: { message: message.replace('chaos: ', ''), ...fields } });
    };
    this.chaos = new Chaos(
      { ...NO_FAULTS, ...options },
      {
        scheduler: this.time,
        child: {
          start: () => note('start'),
          deliver: (line) => {
            this.nodeLines.push(line);
            if (this.answersInit && JSON.parse(line).body.type === 'init')
              this.node('c0', { type: 'init_ok', in_reply_to: 1 });
          },
          pause: () => note('pause'),
          resume: () => note('resume'),
          kill: () => {
            note('kill');
            return new Promise((resolve) => this.time.schedule(this.killTakesMs, resolve));
          },
        },
        transmit: (line) => this.harnessLines.push(line),
        fail: (reason) => this.failures.push(reason),
        log: { debug: log, info: log, warn: log, error: log },
      },
    );
  }

  /** `init` and its answer; both sides' lines begin empty afterwards. */
  begin(): this {
    this.harness('c0', { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 });
    this.node('c0', { type: 'init_ok', in_reply_to: 1 });
    this.forget();
    return this;
  }

  forget(): void {
    this.harnessLines.length = 0;
    this.nodeLines.length = 0;
  }

  /** The harness sends the node a message. */
  harness(src: string, body: Fields): void {
    this.chaos.fromHarness(JSON.stringify({ id: 0, src, dest: 'n0', body }));
  }

  /** The node sends a message. */
  node(dest: string, body: Fields): void {
    this.chaos.fromChild(JSON.stringify({ src: 'n0', dest, body }));
  }

  /** The bodies of what the harness was given. */
  get sent(): Fields[] {
    return this.harnessLines.map((line) => JSON.parse(line).body);
  }

  /** The bodies of what the node was given. */
  get received(): Fields[] {
    return this.nodeLines.map((line) => JSON.parse(line).body);
  }

  /** What was logged, the messages alone. */
  get events(): unknown[] {
    return this.logs.map(({ what }) => what.message);
  }

  /** Lets time pass until something was done to the process that many times. */
  async until(what: string, times = 1): Promise<void> {
    const count = () => this.done.filter((told) => told.what === what).length;
    for (let step = 0; step < 1_000_000; step++) {
      await settle();
      if (count() >= times) return;
      await this.time.advance(1);
    }
    throw new Error(`${what} did not happen ${times} times`);
  }
}
