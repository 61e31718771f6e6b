/** Chaos on virtual time. The test plays the harness and the node. */

import { Chaos, type ChaosOptions } from '../../src/chaos/chaos.ts';
import type { LogFields } from '../../src/node/environment.ts';
import { settle, VirtualTime } from './virtual-time.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Told<T> {
  readonly atMs: number;
  readonly what: T;
}

/** Time whose timers do not fire while the process is paused. */
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
  /** Lines sent to the harness. */
  readonly harnessLines: string[] = [];
  /** Lines sent to the node, in all its lives. */
  readonly nodeLines: string[] = [];
  /** The calls for the process: start, pause, resume, kill. */
  readonly done: Told<string>[] = [];
  readonly logs: Told<Fields>[] = [];
  readonly failures: string[] = [];
  /** How long a kill takes. */
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

  /** Exchanges `init` and its reply, then empties the lines of both sides. */
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

  /** The bodies of the messages to the harness. */
  get sent(): Fields[] {
    return this.harnessLines.map((line) => JSON.parse(line).body);
  }

  /** The bodies of the messages to the node. */
  get received(): Fields[] {
    return this.nodeLines.map((line) => JSON.parse(line).body);
  }

  /** The texts of the log entries. */
  get events(): unknown[] {
    return this.logs.map(({ what }) => what.message);
  }

  /** Lets time pass until an action on the process happened that many times. */
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
