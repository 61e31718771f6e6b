/** A node whose whole environment is controlled by the test: time, randomness, the wire, the log. */

import type { Environment, LogLevel } from '../../src/node/environment.ts';
import { Node, type NodeOptions, type StartHandlers } from '../../src/node/node.ts';
import { settle, VirtualTime } from './virtual-time.ts';

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SentMessage {
  readonly src: string;
  readonly dest: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

export class TestNode {
  readonly time = new VirtualTime();
  readonly sent: SentMessage[] = [];
  readonly logged: LogEntry[] = [];
  readonly crashes: Error[] = [];
  /** What the node said about its input, in order: hold it, or not. */
  readonly held: boolean[] = [];
  readonly node: Node;

  constructor(startHandlers: StartHandlers, options: NodeOptions = {}, randomUint32: () => number = () => 0) {
    const log =
      (level: LogLevel) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
        this.logged.push({ level, message, fields });
      };
    const environment: Environment = {
      clock: { wallMs: () => 1_800_000_000_000 + this.time.now(), monotonicMs: () => this.time.now() },
      randomUint32,
      setTimer: (delayMs, callback) => this.time.schedule(delayMs, callback),
      transmit: (line) => this.sent.push(JSON.parse(line)),
      holdInput: (held) => this.held.push(held),
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      crash: (error) => this.crashes.push(error),
    };
    this.node = new Node(environment, startHandlers, options);
  }

  /** Sends a body to the node, from client `c1` by default. */
  receive(body: object, src = 'c1', dest = 'n0'): void {
    this.node.receiveLine(JSON.stringify({ id: 0, src, dest, body }));
  }

  /** Makes the node `n0` of three, and drops its replies to that. */
  async init(): Promise<this> {
    this.receive({ type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 }, 'c0');
    await settle();
    this.sent.length = 0;
    return this;
  }

  /** The bodies sent so far, oldest first. */
  get bodies(): SentMessage['body'][] {
    return this.sent.map(({ body }) => body);
  }
}
