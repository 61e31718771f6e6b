/**
 * Nodes in this process on virtual time. They run the code of `maelstrom-node`, each on a simulated machine whose clock
 * and disk outlive it. Input and output are lines, as through pipes.
 *
 * A life of a node reaches the world only through a gate. A killed life never acts again, even if its promises still
 * settle. A paused life finds all its input waiting when it resumes. `onStep` is called at every step at which a fault
 * could stop the node.
 */

import type { Bed, Leak, Machines, NodeEvents, NodeHandle } from '../harness/bed.ts';
import type { NodeMessage } from '../harness/node-output.ts';
import type { Environment, LogFields, Logger, LogLevel } from '../node/environment.ts';
import { Node, type StartHandlers } from '../node/node.ts';
import type { Clock } from '../protocol/clock.ts';
import type { Folder } from '../protocol/folder.ts';
import { type Body, describeIssue, isFlat } from '../protocol/message.ts';
import type { SeededRandom } from '../protocol/random.ts';
import { findReplyProblem, type Rpc } from '../protocol/rpc.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { type Actor, acting } from './acting.ts';
import { nodeOptions } from './node-limits.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';

/**
 * One message in this many is passed as text, the others as the value itself. Parsing would take longer than everything
 * else.
 */
const TEXT_SHARE = 64;
/** From the arrival of a line until the node reads it, ms. */
const READ_MS = 0.05;
/** How long a node may take to end, ms. */
const END_MS_MAX = 10_000;
const END_POLL_MS = 10;

/** What the machine gives to a life of a node. */
export interface LifeSupport {
  readonly nodeId: string;
  /** From 1. */
  readonly life: number;
  readonly folder: Folder;
  /** Of the node, by name; see `RunOptions.nodeLimits`. */
  readonly limits: Readonly<Record<string, number>>;
  /** The options of the workload that were given, by name. */
  readonly options: Readonly<Record<string, string>>;
}

export interface LogEntry {
  readonly nodeId: string;
  readonly level: LogLevel;
  /** The node's own wall clock, unix ms. */
  readonly wallMs: number;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export interface InProcessBedOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly startHandlers: (support: LifeSupport) => StartHandlers;
  /** The limits of all nodes, by name. Absent: none is set. */
  readonly limits?: Readonly<Record<string, number>> | undefined;
  /** The options of the workload that were given, by name. Absent: none was. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly onLog?: ((entry: LogEntry) => void) | undefined;
  /** Called before every step of a node, in or out: `send …`, `receive …`, `before write …`, `timer`. */
  readonly onStep?: ((nodeId: string, step: string) => void) | undefined;
  /** Replaces the environment of a node, to make it misbehave. */
  readonly alter?: ((environment: Environment, support: LifeSupport) => Environment) | undefined;
}

interface Machine {
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  lives: number;
  life: Life | undefined;
}

export class InProcessBed implements Bed {
  readonly #options: InProcessBedOptions;
  readonly #machines = new Map<string, Machine>();

  /** The RPCs of all nodes, by the types of request and reply. */
  readonly #requests = new Map<string, Rpc>();
  readonly #replies = new Map<string, Rpc>();

  readonly machines: Machines = {
    damageDisk: (nodeId, damage) => this.#machine(nodeId).disk.damage(damage),
    disturbClock: (nodeId, fault) => this.#machine(nodeId).clock.disturb(fault),
    setClock: (nodeId) => this.#machine(nodeId).clock.setRight(),
  };

  constructor(options: InProcessBedOptions) {
    this.#options = options;
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    const machine = this.#machine(nodeId);
    machine.lives++;
    machine.life = new Life(nodeId, machine, events, this.#options, (rpcs) => this.#learn(rpcs));
    return machine.life;
  }

  findFlaw({ body }: NodeMessage): string | undefined {
    const request = this.#requests.get(String(body.type));
    if (request !== undefined && body.in_reply_to === undefined) {
      const checked = request.request.safeParse(body);
      return checked.success ? undefined : describeIssue(checked.error, 'body').text;
    }
    const reply = this.#replies.get(String(body.type));
    return reply === undefined ? undefined : findReplyProblem(reply, body);
  }

  #learn(rpcs: readonly Rpc[]): void {
    for (const rpc of rpcs) {
      this.#requests.set(rpc.type, rpc);
      this.#replies.set(rpc.replyType, rpc);
    }
  }

  async findLeaks(): Promise<readonly Leak[]> {
    const { scheduler } = this.#options;
    const lives = [...this.#machines.values()].flatMap(({ life }) => (life?.alive ? life : []));
    const waitWhile = async (busy: () => boolean) => {
      const endMs = scheduler.now() + END_MS_MAX;
      do await new Promise<void>((resolve) => scheduler.schedule(END_POLL_MS, resolve));
      while (scheduler.now() < endMs && busy());
    };
    // No client asks any more. Wait first for requests in flight: the end would cut them off and hide that they are
    // stuck.
    await waitWhile(() => lives.some(({ node }) => node.load.inFlight > 0));
    const stuck = lives.flatMap(({ nodeId, node: { load } }) =>
      load.inFlight === 0
        ? []
        : { node: nodeId, text: `${nodeId} still works on ${load.inFlight} requests long after they were asked` },
    );
    if (stuck.length > 0) return stuck;
    for (const life of lives) {
      acting.begin(life, 'the end of the run');
      life.node.stop('the run is over');
    }
    await waitWhile(() => lives.some((life) => life.describeLoad() !== undefined));
    return lives.flatMap((life) => {
      const text = life.describeLoad();
      return text === undefined
        ? []
        : { node: life.nodeId, text: `${life.nodeId} was told to end and still has ${text}` };
    });
  }

  #machine(nodeId: string): Machine {
    let machine = this.#machines.get(nodeId);
    if (machine === undefined) {
      const random = this.#options.random.fork(`machine ${nodeId}`);
      machine = {
        random,
        clock: new SimulatedClock(() => this.#options.scheduler.now()),
        disk: new SimulatedDisk({ random: random.fork('disk') }),
        lives: 0,
        life: undefined,
      };
      this.#machines.set(nodeId, machine);
    }
    return machine;
  }
}

class Life implements NodeHandle, Actor {
  readonly nodeId: string;
  readonly log: Logger;
  readonly now: () => number;
  readonly node: Node;
  readonly #events: NodeEvents;
  readonly #options: InProcessBedOptions;
  /** Events that wait while the node is paused; undefined while it runs. */
  #backlog: (() => void)[] | undefined;
  #timerCount = 0;
  /** Messages that could be passed as values. */
  #valueCount = 0;
  readonly deliverMessage: NodeHandle['deliverMessage'];
  alive = true;

  constructor(
    nodeId: string,
    machine: Machine,
    events: NodeEvents,
    options: InProcessBedOptions,
    learn: (rpcs: readonly Rpc[]) => void,
  ) {
    this.nodeId = nodeId;
    this.#events = events;
    this.#options = options;
    const { clock, disk, lives } = machine;
    this.log = this.#logger(clock);
    this.now = () => options.scheduler.now();
    const random = machine.random.fork(`life ${lives}`);
    const support: LifeSupport = {
      nodeId,
      life: lives,
      folder: disk.open({
        setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
        onStep: (step) => this.#step(step),
      }),
      limits: options.limits ?? {},
      options: options.options ?? {},
    };
    const environment: Environment = {
      clock,
      randomUint32: () => random.uint32(),
      setTimer: (delayMs, callback) =>
        this.#setTimer(delayMs, () => {
          this.#step('timer');
          if (this.alive) callback();
        }),
      transmit: (line) => this.#transmit(line),
      // With `onStep`, every message is a line, so that the observer sees it.
      ...(options.onStep === undefined && {
        offerReply: (dest: string, body: Body) => this.#takeValue(dest, body),
        // Its sender may still change it.
        offerMessage: (dest: string, body: Body) => this.#takeValue(dest, { ...body }),
      }),
      log: this.log,
      crash: (error) => {
        if (!this.alive) return;
        this.alive = false;
        events.onExit(error.message);
      },
    };
    if (options.onStep === undefined)
      this.deliverMessage = (message) => this.#read(message, () => this.node.receive(message));
    const startHandlers = options.startHandlers(support);
    const startAndLearn: StartHandlers = async (context) => {
      const handlers = await startHandlers(context);
      learn(handlers.map(({ rpc }) => rpc));
      return handlers;
    };
    this.node = new Node(
      options.alter?.(environment, support) ?? environment,
      startAndLearn,
      nodeOptions(support.limits),
    );
  }

  deliver(line: string): void {
    this.#read(line, () => {
      if (this.#options.onStep !== undefined) this.#step(`receive ${line}`);
      if (this.alive) this.node.receiveLine(line);
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

  findSickness(): string | undefined {
    return this.node.findSickness();
  }

  async kill(): Promise<void> {
    this.alive = false;
  }

  /** What the node still holds, in words; undefined if nothing. */
  describeLoad(): string | undefined {
    const { in_flight: inFlight, rpcs, parts } = this.node.readMetrics();
    const held: readonly (readonly [count: number, what: string])[] = [
      [inFlight, 'requests in flight'],
      [rpcs.pending, 'pending RPCs'],
      [this.node.load.sleepers, 'sleeping handlers'],
      [this.#timerCount, 'timers'],
      ...Object.entries(parts).map(([part, figures]) => [figures['in-flight'] ?? 0, `${part} in flight`] as const),
    ];
    const text = held.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    return text.length === 0 ? undefined : text.join(', ');
  }

  #read(what: unknown, act: () => void): void {
    this.#options.scheduler.schedule(READ_MS, () =>
      this.#whenRunning(() => {
        acting.begin(this, what);
        act();
      }),
    );
  }

  /** Passes a message as a value; false if it must be a line. */
  #takeValue(dest: string, body: Body): boolean {
    if (!isFlat(body) || ++this.#valueCount % TEXT_SHARE === 0) return false;
    this.#whenRunning(() => this.#events.onMessage({ src: this.nodeId, dest, body }));
    return true;
  }

  #transmit(line: string): void {
    if (!this.alive) return;
    if (this.#options.onStep !== undefined) this.#step(`send ${line}`);
    this.#whenRunning(() => this.#events.onLine(line));
  }

  #step(step: string): void {
    if (this.alive) this.#options.onStep?.(this.nodeId, step);
  }

  #setTimer(delayMs: number, callback: () => void): () => void {
    this.#timerCount++;
    let set = true;
    const off = () => {
      if (!set) return false;
      set = false;
      this.#timerCount--;
      return true;
    };
    const cancel = this.#options.scheduler.schedule(delayMs, () =>
      this.#whenRunning(() => {
        acting.begin(this, 'a timer');
        if (off()) callback();
      }),
    );
    return () => {
      if (off()) cancel();
    };
  }

  #whenRunning(act: () => void): void {
    if (!this.alive) return;
    if (this.#backlog === undefined) act();
    else this.#backlog.push(act);
  }

  #logger(clock: Clock): Logger {
    const log = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (this.alive) this.#options.onLog?.({ nodeId: this.nodeId, level, wallMs: clock.wallMs(), message, fields });
    };
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }
}
