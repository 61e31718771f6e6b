/**
 * Nodes in this process on virtual time: the code that `maelstrom-node` runs, each on a simulated machine whose clock
 * and disk outlive it. What goes in and out are lines, as through pipes.
 *
 * A life of a node reaches the world only through a gate: a killed one never acts again, whatever its promises still
 * do, and a paused one finds everything waiting when it is resumed. Every step at which the world could have stopped it
 * is told to `onStep`.
 */

import type { Bed, Leak, Machines, NodeEvents, NodeHandle } from '../harness/bed.ts';
import type { NodeMessage } from '../harness/node-output.ts';
import type { Environment, LogFields, LogLevel } from '../node/environment.ts';
import { Node, type StartHandlers } from '../node/node.ts';
import type { Clock } from '../protocol/clock.ts';
import type { Folder } from '../protocol/folder.ts';
import { type Body, describeIssue, isFlat } from '../protocol/message.ts';
import type { SeededRandom } from '../protocol/random.ts';
import { findReplyProblem, type Rpc } from '../protocol/rpc.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';

/**
 * One reply in so many goes by its text, the others as the value that the text was made of: parsing takes longer than
 * all the rest.
 */
const TEXT_SHARE = 64;
/** From the arrival of a line to the moment at which the node looks at it. */
const READ_MS = 0.05;
/** How long a node that is told to end may take for it. */
const END_MS_MAX = 10_000;
const END_POLL_MS = 10;

/** What a life of a node finds on its machine. */
export interface LifeSupport {
  readonly nodeId: string;
  /** From 1. */
  readonly life: number;
  readonly folder: Folder;
}

export interface LogEntry {
  readonly nodeId: string;
  readonly level: LogLevel;
  /** What the node takes for the time, unix ms. */
  readonly wallMs: number;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export interface InProcessBedOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly startHandlers: (support: LifeSupport) => StartHandlers;
  readonly onLog?: ((entry: LogEntry) => void) | undefined;
  /**
   * Told before every step that a node takes into the world or the world into it: `send …`, `receive …`, `before write
   * …`, `timer`.
   */
  readonly onStep?: ((nodeId: string, step: string) => void) | undefined;
  /** Puts something else in the place of what a node is given; for nodes that are to be wrong. */
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

  /** The RPCs that any node serves, by the types of request and reply. */
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
    // Nobody asks any more. What is still worked on then would be cut off by the end, and look as if it had come to
    // one.
    await waitWhile(() => lives.some(({ node }) => node.load.inFlight > 0));
    const stuck = lives.flatMap(({ nodeId, node: { load } }) =>
      load.inFlight === 0
        ? []
        : { node: nodeId, text: `${nodeId} still works on ${load.inFlight} requests long after they were asked` },
    );
    if (stuck.length > 0) return stuck;
    for (const life of lives) life.node.stop('the run is over');
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

class Life implements NodeHandle {
  readonly nodeId: string;
  readonly node: Node;
  readonly #events: NodeEvents;
  readonly #options: InProcessBedOptions;
  /** What happened while the node was paused; undefined while it is not. */
  #backlog: (() => void)[] | undefined;
  #timerCount = 0;
  #replyCount = 0;
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
    const random = machine.random.fork(`life ${lives}`);
    const support: LifeSupport = {
      nodeId,
      life: lives,
      folder: disk.open({
        setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
        onStep: (step) => this.#step(step),
      }),
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
      // Whoever looks at steps wants to see lines.
      ...(options.onStep === undefined && {
        offerReply: (dest: string, body: Body) => {
          if (!isFlat(body) || ++this.#replyCount % TEXT_SHARE === 0) return false;
          this.#whenRunning(() => events.onMessage({ src: nodeId, dest, body }));
          return true;
        },
      }),
      log: this.#logger(clock),
      crash: (error) => {
        if (!this.alive) return;
        this.alive = false;
        events.onExit(error.message);
      },
    };
    if (options.onStep === undefined) this.deliverMessage = (message) => this.#read(() => this.node.receive(message));
    const startHandlers = options.startHandlers(support);
    this.node = new Node(options.alter?.(environment, support) ?? environment, async (context) => {
      const handlers = await startHandlers(context);
      learn(handlers.map(({ rpc }) => rpc));
      return handlers;
    });
  }

  deliver(line: string): void {
    this.#read(() => {
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

  async kill(): Promise<void> {
    this.alive = false;
  }

  /** What the node holds on to, in words; undefined: nothing. */
  describeLoad(): string | undefined {
    const { inFlight, pendingRpcs, sleepers } = this.node.load;
    const held = [
      [inFlight, 'requests in flight'],
      [pendingRpcs, 'pending RPCs'],
      [sleepers, 'sleeping handlers'],
      [this.#timerCount, 'timers'],
    ] as const;
    const text = held.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    return text.length === 0 ? undefined : text.join(', ');
  }

  #read(act: () => void): void {
    this.#options.scheduler.schedule(READ_MS, () => this.#whenRunning(act));
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

  #logger(clock: Clock): Environment['log'] {
    const log = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (this.alive) this.#options.onLog?.({ nodeId: this.nodeId, level, wallMs: clock.wallMs(), message, fields });
    };
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }
}
