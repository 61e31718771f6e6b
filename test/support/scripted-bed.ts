/**
 * A bed for tests. Its nodes are small functions on virtual time, called for every message to the node. Their output
 * comes in a turn of its own, like a process's. If a test asks for it, the output comes within the call that delivered
 * the message.
 */

import type { Bed, NodeEvents, NodeHandle } from '../../src/harness/bed.ts';
import type { Scheduler } from '../../src/protocol/scheduler.ts';

export interface ReceivedMessage {
  readonly id: number;
  readonly src: string;
  readonly dest: string;
  // biome-ignore lint/suspicious/noExplicitAny: scripts look into bodies of every shape
  readonly body: any;
}

/** What a node does with a message. */
export type Script = (message: ReceivedMessage, node: ScriptedNode) => void;

type Body = Readonly<Record<string, unknown>>;

export class ScriptedNode implements NodeHandle {
  readonly id: string;
  /** Every line sent to it, oldest first. */
  readonly lines: string[] = [];
  readonly #script: Script;
  readonly #events: NodeEvents;
  readonly #scheduler: Scheduler;
  readonly #synchronous: boolean;
  readonly #cancels = new Set<() => void>();
  /** Events that wait while it is paused; undefined while it runs. */
  #backlog: (() => void)[] | undefined;
  #killed = false;
  #exited = false;

  constructor(id: string, script: Script, events: NodeEvents, scheduler: Scheduler, synchronous: boolean) {
    this.id = id;
    this.#script = script;
    this.#events = events;
    this.#scheduler = scheduler;
    this.#synchronous = synchronous;
  }

  get killed(): boolean {
    return this.#killed;
  }

  deliver(line: string): void {
    this.#whenRunning(() => {
      if (this.#exited) return;
      this.lines.push(line);
      this.#script(JSON.parse(line) as ReceivedMessage, this);
    });
  }

  pause(): void {
    this.#backlog ??= [];
  }

  resume(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const act of backlog) this.#whenRunning(act);
  }

  async kill(): Promise<void> {
    this.#killed = true;
    this.#backlog = undefined;
    for (const cancel of this.#cancels) cancel();
  }

  /** Calls back later, if this life still lasts. */
  later(afterMs: number, action: () => void): void {
    this.#do(afterMs, action);
  }

  print(line: string, afterMs = 0): void {
    this.#do(afterMs, () => this.#events.onLine(line));
  }

  printUnreadable(reason: string, beginning: string): void {
    this.#do(0, () => this.#events.onUnreadable(reason, beginning));
  }

  exit(how: string, afterMs = 0): void {
    this.#do(afterMs, () => {
      this.#exited = true;
      this.#events.onExit(how);
    });
  }

  send(dest: string, body: Body, afterMs = 0): void {
    this.print(JSON.stringify({ src: this.id, dest, body }), afterMs);
  }

  reply({ src, body }: ReceivedMessage, reply: Body, afterMs = 0): void {
    this.send(src, { ...reply, in_reply_to: body.msg_id }, afterMs);
  }

  /** Reports an event at any time, as a bed might for a node that was killed. */
  tell(telling: (events: NodeEvents) => void): void {
    telling(this.#events);
  }

  #do(afterMs: number, action: () => void): void {
    if (afterMs === 0 && this.#synchronous) {
      action();
      return;
    }
    const cancel = this.#scheduler.schedule(afterMs, () => {
      this.#cancels.delete(cancel);
      this.#whenRunning(() => {
        if (!this.#exited) action();
      });
    });
    this.#cancels.add(cancel);
  }

  #whenRunning(act: () => void): void {
    if (this.#backlog === undefined) act();
    else this.#backlog.push(act);
  }
}

export interface ScriptedBedOptions {
  readonly scheduler: Scheduler;
  /** Makes the script of each node. */
  readonly scriptOf: (nodeId: string) => Script;
  /** Prints within `deliver`, unless a delay is given. */
  readonly synchronous?: boolean;
  /** Called for each node before any message to it. */
  readonly onStart?: (node: ScriptedNode) => void;
}

export class ScriptedBed implements Bed {
  readonly nodes = new Map<string, ScriptedNode>();
  readonly #options: ScriptedBedOptions;

  constructor(options: ScriptedBedOptions) {
    this.#options = options;
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    const { scheduler, scriptOf, synchronous = false, onStart } = this.#options;
    const node = new ScriptedNode(nodeId, scriptOf(nodeId), events, scheduler, synchronous);
    this.nodes.set(nodeId, node);
    onStart?.(node);
    return node;
  }
}

/** A script by the type of the message. `init` is answered by default; other types are ignored. */
export function answering(scripts: Readonly<Record<string, Script>>): Script {
  const all: Readonly<Record<string, Script>> = { init: answersInit, ...scripts };
  return (message, node) => all[message.body.type]?.(message, node);
}

export const answersInit: Script = (message, node) => node.reply(message, { type: 'init_ok' });

/** Answers `echo` correctly, after a while. */
export function echoesAfter(delayMs: number): Script {
  return (message, node) => node.reply(message, { type: 'echo_ok', echo: message.body.echo }, delayMs);
}

/** Answers `generate` with a unique id, after a while. */
export function generatesAfter(delayMs: number): Script {
  let next = 0;
  return (message, node) => node.reply(message, { type: 'generate_ok', id: `${node.id}-${next++}` }, delayMs);
}
