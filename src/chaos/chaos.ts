/**
 * Faults for one node, injected between the node and a harness that does not know of them: loss, duplication, delay,
 * cuts, kills and pauses. Lines go in and come out. This class decides which of them, and when, on the scheduler's
 * time.
 *
 * The harness must see a node that is sometimes slow and forgetful, and nothing else:
 *
 * - The only fault that a client sees is a missing reply. Replies that faults have made late or wrong are held back
 *   (`waiting-clients.ts`).
 * - `init` is answered exactly once.
 * - A wrong line of the node itself passes unchanged.
 * - Lines are passed on as text, so that no number in them changes.
 *
 * A harness may count requests and replies. So a request is duplicated by the node that sends it, and a reply by the
 * node that receives it. The harness sees two requests with two replies, or one of each.
 */

import { SERVICE_NAMES } from '../harness/services/names.ts';
import type { Logger } from '../node/environment.ts';
import { isMessage, type Message, parseLine } from '../protocol/message.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { type FateRates, Fates } from './fates.ts';
import { isHit, kindOf, type PeerChoice, type PeerKind } from './peers.ts';
import { Recurrence } from './recurrence.ts';
import { StallWatch } from './stall-watch.ts';
import { WaitingClients } from './waiting-clients.ts';

/**
 * How long faults last, as a share of the quiet time between two of them. A node must be up for most of the time, or no
 * node would ever answer.
 */
const STOPPED_SHARE = 0.25;
const CUT_SHARE = 0.5;
/** The longest mean time to a restart. Even if kills are rare, a restart comes soon, as from a real supervisor. */
const DOWN_MS_MEAN_MAX = 500;

/** How many lines wait until the node is ready. Further lines are lost. */
const HELD_LINES_MAX = 10_000;

export interface ChaosOptions extends FateRates {
  readonly seed: string;
  /** Mean quiet times between two faults of a kind; undefined: no such faults. */
  readonly killMs?: number | undefined;
  readonly pauseMs?: number | undefined;
  readonly serviceCutMs?: number | undefined;
  readonly nodeCutMs?: number | undefined;
  /** Which messages the fates hit. */
  readonly peers: PeerChoice;
  /** How long after `init_ok` faults end; undefined: never. */
  readonly forMs?: number | undefined;
  /** How long a client waits for its answer. */
  readonly clientTimeoutMs: number;
}

/** The process of the node, in all its lives. Output of a killed life must be dropped. */
export interface Child {
  /** Begins the next life. */
  start(): void;
  deliver(line: string): void;
  pause(): void;
  resume(): void;
  /** Resolves when no process of this life is left. */
  kill(): Promise<void>;
}

export interface ChaosPorts {
  readonly scheduler: Scheduler;
  readonly child: Child;
  /** Sends a line to the harness. */
  readonly transmit: (line: string) => void;
  /** The node has failed by itself and cannot go on. */
  readonly fail: (reason: string) => void;
  readonly log: Logger;
}

interface Identity {
  readonly nodeId: string;
  readonly nodeIds: readonly string[];
  readonly initLine: string;
  /** The sender of `init`, and the id of that message. */
  readonly client: string;
  readonly messageId: number;
}

type Direction = 'in' | 'out';

interface Cut {
  readonly peers: readonly string[];
  readonly directions: readonly Direction[];
  lost: number;
}

export class Chaos {
  readonly #options: ChaosOptions;
  readonly #ports: ChaosPorts;
  readonly #clients: WaitingClients;
  readonly #stallWatch: StallWatch;
  readonly #cuts = new Set<Cut>();
  /** Invariant: empty until `init_ok`. */
  #recurrences: readonly Recurrence[] = [];
  /** Undefined before and after the time of faults. */
  #fates: Fates | undefined;
  #identity: Identity | undefined;
  #initAnswered = false;
  /** Whether this life has answered `init`. Until then it receives only replies to its own requests. */
  #ready = false;
  /** What came before `init`, with the times of arrival. Invariant: empty from `init` on. */
  #early: { readonly line: string; readonly arrivalMs: number }[] = [];
  /** Invariant: empty while the node is ready or down. */
  #held: string[] = [];
  /** Requests of this life, by receiver and `msg_id`. Invariant: empty while the node is ready. */
  readonly #asked = new Set<string>();
  #up = true;
  #life = 1;
  /** Messages that came while the node was down. */
  #lostWhileDown = 0;
  #finished = false;
  #cancelEnd: () => void = () => {};

  /** Starts the first life. */
  constructor(options: ChaosOptions, ports: ChaosPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#clients = new WaitingClients(options.clientTimeoutMs);
    this.#stallWatch = new StallWatch(ports.scheduler);
    ports.child.start();
  }

  get nodeId(): string | undefined {
    return this.#identity?.nodeId;
  }

  /** Whether a life of the node is running. */
  get isUp(): boolean {
    return this.#up;
  }

  /** Takes a line of the harness to the node. */
  fromHarness(line: string): void {
    const message = readMessage(line);
    if (this.#identity === undefined) this.#takeEarly(line, message);
    else this.#take(line, message, this.#identity, this.#stallWatch.arrivalMs());
  }

  /** Takes a line of the node to the harness. */
  fromChild(line: string): void {
    if (!this.#up) return;
    const message = readMessage(line);
    if (message === undefined || this.#identity === undefined) this.#ports.transmit(line);
    else if (isInitAnswer(message, this.#identity)) this.#takeInitAnswer(message, line);
    else this.#routeBack(message, line, this.#identity);
  }

  /** Ends all faults and heals them. Messages in flight keep their delays. */
  heal(): void {
    if (this.#fates === undefined) return;
    this.#ports.log.info('chaos: faults end');
    this.#cancelEnd();
    this.#fates = undefined;
    for (const recurrence of this.#recurrences) recurrence.end();
  }

  /** As `heal`, but a node that is down stays down: the harness has gone. */
  finish(): void {
    this.#finished = true;
    this.#stallWatch.stop();
    this.heal();
  }

  /** Before `init` a node does not know its id. So only `init` passes, also a wrong one, which the node may refuse. */
  #takeEarly(line: string, message: Message | undefined): void {
    if (message?.body.type !== 'init') {
      if (this.#early.length < HELD_LINES_MAX) this.#early.push({ line, arrivalMs: this.#stallWatch.arrivalMs() });
      else this.#lostWhileDown++;
      return;
    }
    this.#ports.child.deliver(line);
    const identity = readIdentity(line, message);
    if (identity === undefined) return;
    this.#identity = identity;
    const early = this.#early;
    this.#early = [];
    for (const each of early) this.#take(each.line, readMessage(each.line), identity, each.arrivalMs);
  }

  /** @param arrivalMs when the line reached this process */
  #take(line: string, message: Message | undefined, { nodeId, nodeIds }: Identity, arrivalMs: number): void {
    if (message === undefined) {
      this.#deliver(line);
      return;
    }
    const { src, body } = message;
    const kind = kindOf(src, nodeId, nodeIds);
    if (kind === 'node' || kind === 'service') {
      this.#pass('in', kind, message, line);
      return;
    }
    if (kind === 'client' && this.#up && body.msg_id !== undefined) this.#clients.asked(src, body.msg_id, arrivalMs);
    this.#deliver(line, message);
  }

  #routeBack(message: Message, line: string, { nodeId, nodeIds }: Identity): void {
    const { dest, body } = message;
    if (!this.#ready && body.in_reply_to === undefined && body.msg_id !== undefined)
      this.#asked.add(requestKey(dest, body.msg_id));
    const kind = kindOf(dest, nodeId, nodeIds);
    if (kind === 'node' || kind === 'service') this.#pass('out', kind, message, line);
    else if (kind === 'client') this.#answer(message, line);
    else this.#ports.transmit(line);
  }

  #takeInitAnswer(message: Message, line: string): void {
    const refused = message.body.type === 'error';
    const { log, transmit, fail } = this.#ports;
    if (!this.#initAnswered) {
      this.#initAnswered = true;
      transmit(line);
      if (!refused) this.#begin();
    } else if (refused) {
      // A harness would report this if it had restarted the node itself.
      log.error('chaos: the node refused init', { life: this.#life, text: message.body.text });
      fail('it refused init when it was started again');
    } else log.info('chaos: ready', { life: this.#life });
    if (!refused) this.#open();
  }

  /** This life has answered `init`: it receives the held lines, then all others. */
  #open(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#asked.clear();
    for (const line of this.#takeHeld()) this.#ports.child.deliver(line);
  }

  #takeHeld(): readonly string[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** The node is known to the harness: faults begin. */
  #begin(): void {
    const { killMs, pauseMs, serviceCutMs, nodeCutMs, forMs } = this.#options;
    const { scheduler, log } = this.#ports;
    const { nodeId, nodeIds } = this.#identity as Identity;
    const random = new SeededRandom(this.#options.seed).fork(nodeId);
    log.info('chaos: faults begin', { seed: this.#options.seed });
    this.#fates = new Fates(this.#options, random.fork('fates'));
    const recurrence = (
      name: string,
      intervalMs: number | undefined,
      durationMs: (intervalMs: number) => number,
      begin: (durationMs: number, random: SeededRandom) => () => void,
    ): Recurrence[] => {
      if (intervalMs === undefined) return [];
      const stream = random.fork(name);
      return [
        new Recurrence({
          scheduler,
          random: stream,
          intervalMs,
          durationMs: durationMs(intervalMs),
          begin: (lastsMs) => begin(lastsMs, stream),
        }),
      ];
    };
    const others = nodeIds.filter((id) => id !== nodeId);
    const someOthers = (stream: SeededRandom) => stream.shuffle(others).slice(0, 1 + stream.integer(others.length));
    this.#recurrences = [
      ...recurrence(
        'kill',
        killMs,
        (interval) => Math.min(interval * STOPPED_SHARE, DOWN_MS_MEAN_MAX),
        (ms) => this.#kill(ms),
      ),
      ...recurrence(
        'pause',
        pauseMs,
        (interval) => interval * STOPPED_SHARE,
        (ms) => this.#pause(ms),
      ),
      ...recurrence(
        'service-cut',
        serviceCutMs,
        (interval) => interval * CUT_SHARE,
        (ms, stream) => this.#cut(SERVICE_NAMES, ms, stream),
      ),
      ...recurrence(
        'node-cut',
        others.length === 0 ? undefined : nodeCutMs,
        (interval) => interval * CUT_SHARE,
        (ms, stream) => this.#cut(someOthers(stream), ms, stream),
      ),
    ];
    for (const each of this.#recurrences) each.start();
    if (forMs !== undefined) this.#cancelEnd = scheduler.schedule(forMs, () => this.heal());
  }

  #kill(downMs: number): () => void {
    const { child, log } = this.#ports;
    // The kill of its last life may still go on.
    if (!this.#up) return () => {};
    this.#up = false;
    this.#ready = false;
    this.#asked.clear();
    this.#lostWhileDown += this.#takeHeld().length;
    log.info('chaos: kill', { life: this.#life, down_ms: downMs });
    const gone = child.kill();
    return () => void gone.then(() => this.#restart());
  }

  #restart(): void {
    if (this.#finished) return;
    const { child, log } = this.#ports;
    this.#life++;
    log.info('chaos: restart', { life: this.#life, lost: this.#lostWhileDown });
    this.#lostWhileDown = 0;
    this.#up = true;
    child.start();
    child.deliver((this.#identity as Identity).initLine);
  }

  #pause(durationMs: number): () => void {
    const { child, log } = this.#ports;
    if (!this.#up) return () => {};
    const life = this.#life;
    log.info('chaos: pause', { duration_ms: durationMs });
    child.pause();
    return () => {
      if (!this.#up || this.#life !== life) return;
      log.info('chaos: resume');
      child.resume();
    };
  }

  #cut(peers: readonly string[], durationMs: number, random: SeededRandom): () => void {
    const directions = random.pick<readonly Direction[]>([['in', 'out'], ['in'], ['out']]);
    const cut: Cut = { peers, directions, lost: 0 };
    this.#ports.log.info('chaos: cut', { peers, directions, duration_ms: durationMs });
    this.#cuts.add(cut);
    return () => {
      this.#cuts.delete(cut);
      this.#ports.log.info('chaos: mend', { peers, lost: cut.lost });
    };
  }

  /** Draws the fate of a message between the node and another node or a service, and carries it out. */
  #pass(direction: Direction, kind: PeerKind, message: Message, line: string): void {
    const { src, dest, body } = message;
    const peer = direction === 'in' ? src : dest;
    const land = () => {
      // As in Maelstrom, a cut drops messages on arrival, also those sent before the cut.
      const cut = [...this.#cuts].find(
        ({ peers, directions }) => peers.includes(peer) && directions.includes(direction),
      );
      if (cut !== undefined) cut.lost++;
      else if (direction === 'in') this.#deliver(line, message);
      else this.#ports.transmit(line);
    };
    const fate = isHit(kind, this.#options.peers) ? this.#fates?.draw(src, dest) : undefined;
    const answersHere = direction === 'in' && body.in_reply_to !== undefined;
    const asksHere = direction === 'out' && body.in_reply_to === undefined;
    if (fate === undefined || (fate.fault === 'duplicate' && !answersHere && !asksHere)) {
      land();
      return;
    }
    this.#ports.log.info(`chaos: ${fate.fault}`, {
      src,
      dest,
      type: body.type,
      msg_id: body.msg_id,
      in_reply_to: body.in_reply_to,
      ...(fate.fault !== 'loss' && { delay_ms: fate.delayMs }),
    });
    if (fate.fault === 'duplicate') land();
    if (fate.fault !== 'loss') this.#ports.scheduler.schedule(fate.delayMs, land);
  }

  #answer({ dest, body }: Message, line: string): void {
    const { in_reply_to: messageId } = body;
    const verdict =
      messageId === undefined
        ? 'due'
        : this.#clients.answered(dest, messageId, this.#life, this.#ports.scheduler.now());
    if (verdict === 'due') {
      this.#ports.transmit(line);
      return;
    }
    this.#ports.log.info(`chaos: ${verdict === 'late' ? 'late' : 'second'} answer held back`, {
      dest,
      type: body.type,
      in_reply_to: messageId,
    });
  }

  /** @param message the parsed line, if it is a message */
  #deliver(line: string, message?: Message): void {
    if (!this.#up) this.#lostWhileDown++;
    else if (this.#ready || (message !== undefined && this.#expects(message))) this.#ports.child.deliver(line);
    else if (this.#held.length < HELD_LINES_MAX) this.#held.push(line);
    else this.#lostWhileDown++;
  }

  /** Whether a message is a reply to a request of this life. */
  #expects({ src, body }: Message): boolean {
    return body.in_reply_to !== undefined && this.#asked.has(requestKey(src, body.in_reply_to));
  }
}

function requestKey(peer: string, messageId: unknown): string {
  return JSON.stringify([peer, messageId]);
}

/** Undefined if the line is not a message. */
function readMessage(line: string): Message | undefined {
  try {
    const value = parseLine(line);
    return isMessage(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The identity in an `init`; undefined for any other message. */
function readIdentity(initLine: string, { src, body }: Message): Identity | undefined {
  const { type, node_id: nodeId, node_ids: nodeIds, msg_id: messageId } = body;
  if (type !== 'init' || typeof nodeId !== 'string' || messageId === undefined) return undefined;
  const texts = Array.isArray(nodeIds) ? nodeIds.filter((id) => typeof id === 'string') : [];
  return { nodeId, nodeIds: texts, initLine, client: src, messageId };
}

function isInitAnswer({ dest, body }: Message, { client, messageId }: Identity): boolean {
  return dest === client && body.in_reply_to === messageId;
}
