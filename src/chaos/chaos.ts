/**
 * Faults for one node, by somebody who stands between it and a harness that knows nothing of them: what is lost, comes
 * twice or later, from whom the node is cut off, when it is killed and paused. Lines go in and come out; which of them
 * and when is decided here, on whatever time the scheduler tells.
 *
 * The harness must see a node that is slow and forgetful at times, and nothing else. So clients suffer no fault but
 * silence, and what faults could have made wrong with an answer to them stays here (`client-desk.ts`); `init` is
 * answered once, whatever happens. A line that the node gets wrong by itself passes as it is. Lines are passed on as
 * texts, so that no number in them changes.
 *
 * A harness may count who asked what. A request is therefore duplicated by the node that sends it and an answer by the
 * node that receives it: the harness sees two requests with two answers, or one of each.
 */

import type { Logger } from '../node/environment.ts';
import { isMessage, type Message, parseLine } from '../protocol/message.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { ClientDesk } from './client-desk.ts';
import { type FateRates, Fates } from './fates.ts';
import { isHit, kindOf, type PeerChoice, type PeerKind, SERVICE_IDS } from './peers.ts';
import { Recurrence } from './recurrence.ts';
import { StallWatch } from './stall-watch.ts';

/**
 * How long faults last, to the quiet time between two of them. A node is not down or paused for most of its time, or
 * nobody would ever be there.
 */
const STOPPED_SHARE = 0.25;
const CUT_SHARE = 0.5;
/** A restart comes soon, as from a supervisor of real programs; the mean is this at most, however rare kills are. */
const DOWN_MS_MEAN_MAX = 500;

/** Lines that wait for the node to be ready, at most; what comes beyond that is lost. */
const HELD_LINES_MAX = 10_000;

export interface ChaosOptions extends FateRates {
  readonly seed: string;
  /** Mean quiet times between two faults of a kind; undefined: there are none. */
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

/** The process of the node, in all its lives. What a killed one still says must not be told. */
export interface Child {
  /** Begins the next life. */
  start(): void;
  deliver(line: string): void;
  pause(): void;
  resume(): void;
  /** Resolves when nothing of this life is left. */
  kill(): Promise<void>;
}

export interface ChaosPorts {
  readonly scheduler: Scheduler;
  readonly child: Child;
  /** Puts a line before the harness. */
  readonly transmit: (line: string) => void;
  /** The node cannot be kept going, through no fault of ours. */
  readonly fail: (reason: string) => void;
  readonly log: Logger;
}

interface Identity {
  readonly nodeId: string;
  readonly nodeIds: readonly string[];
  readonly initLine: string;
  /** Who sent `init`, and as what. */
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
  readonly #desk: ClientDesk;
  readonly #stallWatch: StallWatch;
  readonly #cuts = new Set<Cut>();
  /** Invariant: empty until `init_ok`. */
  #recurrences: readonly Recurrence[] = [];
  /** There as long as there are faults. */
  #fates: Fates | undefined;
  #identity: Identity | undefined;
  #initAnswered = false;
  /** Whether this life has answered `init`. Until then it hears nothing else but answers to its own requests. */
  #ready = false;
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
    this.#desk = new ClientDesk(options.clientTimeoutMs);
    this.#stallWatch = new StallWatch(ports.scheduler);
    ports.child.start();
  }

  get nodeId(): string | undefined {
    return this.#identity?.nodeId;
  }

  /** Whether a life of the node goes on. */
  get isUp(): boolean {
    return this.#up;
  }

  /** A line of the harness, to the node. */
  fromHarness(line: string): void {
    const message = readMessage(line);
    if (message !== undefined && this.#identity !== undefined) {
      this.#route(message, line, this.#identity);
      return;
    }
    if (this.#identity !== undefined) {
      this.#deliver(line);
      return;
    }
    if (message !== undefined) this.#identity = readIdentity(line, message);
    this.#ports.child.deliver(line);
  }

  /** A line of the node, to the harness. */
  fromChild(line: string): void {
    if (!this.#up) return;
    const message = readMessage(line);
    if (message === undefined || this.#identity === undefined) this.#ports.transmit(line);
    else if (isInitAnswer(message, this.#identity)) this.#takeInitAnswer(message, line);
    else this.#routeBack(message, line, this.#identity);
  }

  /** Ends all faults, and heals what they have done. What is in the air stays there for its time. */
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

  #route(message: Message, line: string, { nodeId, nodeIds }: Identity): void {
    const { src, body } = message;
    const kind = kindOf(src, nodeId, nodeIds);
    if (kind === 'node' || kind === 'service') {
      this.#pass('in', kind, message, line);
      return;
    }
    if (kind === 'client' && this.#up && body.msg_id !== undefined) {
      this.#desk.asked(src, body.msg_id, this.#stallWatch.arrivalMs());
    }
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
      // A harness that starts a node again itself hears this and says so.
      log.error('chaos: the node refused init', { life: this.#life, text: message.body.text });
      fail('it refused init when it was started again');
    } else log.info('chaos: ready', { life: this.#life });
    if (!refused) this.#open();
  }

  /** This life has answered `init`: it receives what was held for it, then everything else. */
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
        (ms, stream) => this.#cut(SERVICE_IDS, ms, stream),
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
    // Its last life may not be over yet.
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

  /** Lets a message between the node and another node or a service meet its fate. */
  #pass(direction: Direction, kind: PeerKind, message: Message, line: string): void {
    const { src, dest, body } = message;
    const peer = direction === 'in' ? src : dest;
    const land = () => {
      // As in Maelstrom, a cut stops what arrives, whenever it was sent.
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
      messageId === undefined ? 'due' : this.#desk.answered(dest, messageId, this.#life, this.#ports.scheduler.now());
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

  /** @param message what the line says, where it is a message */
  #deliver(line: string, message?: Message): void {
    if (!this.#up) this.#lostWhileDown++;
    else if (this.#ready || (message !== undefined && this.#expects(message))) this.#ports.child.deliver(line);
    else if (this.#held.length < HELD_LINES_MAX) this.#held.push(line);
    else this.#lostWhileDown++;
  }

  /** Whether a message answers what this life has asked. */
  #expects({ src, body }: Message): boolean {
    return body.in_reply_to !== undefined && this.#asked.has(requestKey(src, body.in_reply_to));
  }
}

function requestKey(peer: string, messageId: unknown): string {
  return JSON.stringify([peer, messageId]);
}

/** Undefined for whatever is no message. */
function readMessage(line: string): Message | undefined {
  try {
    const value = parseLine(line);
    return isMessage(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What an `init` tells; undefined for anything else. */
function readIdentity(initLine: string, { src, body }: Message): Identity | undefined {
  const { type, node_id: nodeId, node_ids: nodeIds, msg_id: messageId } = body;
  if (type !== 'init' || typeof nodeId !== 'string' || messageId === undefined) return undefined;
  const texts = Array.isArray(nodeIds) ? nodeIds.filter((id) => typeof id === 'string') : [];
  return { nodeId, nodeIds: texts, initLine, client: src, messageId };
}

function isInitAnswer({ dest, body }: Message, { client, messageId }: Identity): boolean {
  return dest === client && body.in_reply_to === messageId;
}
