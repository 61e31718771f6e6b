/**
 * Instances of the real services on one engine in memory, with retention, in virtual time. Calls of the engine are
 * slow, lost or late, instances are paused and killed, and their wall clocks differ and jump. The engine is watched, so
 * that a test knows what really happened.
 */

import { createSettle } from '../../src/host/settle.ts';
import { encodeUuid } from '../../src/ids/uuid.ts';
import { HORIZON_KEY } from '../../src/kv/horizon.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { Ending } from '../../src/kv/retention.ts';
import type { StoreEngine, StoreReplace, Token } from '../../src/kv/store.ts';
import type { Handler, NodeContext } from '../../src/node/context.ts';
import { Node } from '../../src/node/node.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import type { ReplyOf, RequestInputOf, Rpc } from '../../src/protocol/rpc.ts';
import { VirtualTime } from '../../src/simulator/virtual-time.ts';
import { timeOfId } from '../../src/workloads/id-time.ts';
import { idsNode } from '../../src/workloads/ids/node.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { sagaNode } from '../../src/workloads/saga/node.ts';
import type { NodePorts, ServedWorkload, WorkloadPorts } from '../../src/workloads/served-workload.ts';
import { voucherNode } from '../../src/workloads/voucher/node.ts';
import { MemoryReservation } from './memory-reservation.ts';

export const GRACE_MS = 4000;
export const RETAIN_MS = 4 * GRACE_MS;
const BEGIN_MS = 1_800_000_000_000;
/** How long an instance waits for the engine, ms. */
const CALL_MS_MAX = 1000;
/** A call that was given up may still be carried out so late, ms: less than half of the grace. */
const LATE_MS_MAX = GRACE_MS / 2 - 100;
const SILENCE = RpcError.of('timeout', 'no answer');

export type RetentionPort = NonNullable<WorkloadPorts['retention']>;

/** What is wrong with an instance. */
export interface Mutant {
  /** What its workloads get in place of the right one. */
  readonly alter?: (right: RetentionPort, context: NodeContext, engine: StoreEngine) => RetentionPort;
  /** What it sees of the engine. */
  readonly see?: (engine: StoreEngine) => StoreEngine;
}

export interface RigOptions {
  readonly seed: number;
  /** False: everything is kept for ever. */
  readonly retains?: boolean;
  /** Calls that are slow, late or lost, in percent. */
  readonly trouble?: number;
  readonly mutantOf?: (name: string) => Mutant | undefined;
  /** What all instances are given besides. */
  readonly portsOn?: (engine: StoreEngine) => Partial<NodePorts>;
  /** Default: transfers, ids and vouchers. */
  readonly workloads?: readonly ServedWorkload[];
}

interface Life {
  readonly handlers: Promise<readonly Handler[]>;
  alive: boolean;
}

/** Since when a value was stored and until when, ms. */
interface Stay {
  readonly id: string;
  readonly fromMs: number;
  toMs: number;
}

export class RetentionRig {
  readonly time = new VirtualTime(createSettle());
  readonly random: SeededRandom;
  /** How often each transfer was begun, and how often it entered `committed`. */
  readonly begun = new Map<string, number>();
  readonly committed = new Map<string, number>();
  /** By document key. */
  readonly assigned = new Map<string, Stay[]>();
  readonly removedCounts = new Map<string, number>();
  /** Removals of what is unfinished or not below the stored horizon, and crashes of instances. */
  readonly mistakes: string[] = [];
  readonly #options: RigOptions;
  readonly #engine = new MemoryEngine();
  readonly #texts = new Map<string, string>();
  readonly #lives = new Map<string, Life>();
  readonly #pausedUntilMs = new Map<string, number>();
  readonly #deafUntilMs = new Map<string, number>();
  readonly #clockMs = new Map<string, number>();
  readonly #asleepMs = new Map<string, number>();
  readonly #reservations = new Map<string, MemoryReservation>();
  #uuidCount = 0;
  troubled = true;

  constructor(options: RigOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
  }

  get names(): readonly string[] {
    return ['n0', 'n1'];
  }

  /** By all the world's clock. */
  nowMs(): number {
    return BEGIN_MS + this.time.now();
  }

  isAlive(name: string): boolean {
    return this.#lives.get(name)?.alive ?? false;
  }

  pause(name: string, durationMs: number): void {
    this.#pausedUntilMs.set(name, this.time.now() + durationMs);
  }

  /** The same, and its monotonic clock stands still meanwhile, as it does on a machine that is suspended. */
  suspend(name: string, durationMs: number): void {
    this.pause(name, durationMs);
    this.time.schedule(durationMs - 1, () =>
      this.#asleepMs.set(name, (this.#asleepMs.get(name) ?? 0) + durationMs - 1),
    );
  }

  /** For so long it gets no answer when it reads the horizon. */
  deafen(name: string, durationMs: number): void {
    this.#deafUntilMs.set(name, this.time.now() + durationMs);
  }

  /** Sets its wall clock so far ahead of the world's. */
  setClock(name: string, aheadMs: number): void {
    this.#clockMs.set(name, aheadMs);
  }

  kill(name: string): void {
    const life = this.#lives.get(name);
    if (life !== undefined) life.alive = false;
    this.#pausedUntilMs.delete(name);
  }

  start(name: string): void {
    const random = this.random.fork(`life of ${name} at ${this.time.now()}`);
    let context: NodeContext | undefined;
    const log = () => {};
    const node = new Node(
      {
        clock: {
          wallMs: () => this.nowMs() + (this.#clockMs.get(name) ?? 0),
          monotonicMs: () => this.time.now() - (this.#asleepMs.get(name) ?? 0),
        },
        randomUint32: () => random.uint32(),
        setTimer: (delayMs, callback) => this.#setTimer(name, life, delayMs, callback),
        transmit: () => {},
        log: { debug: log, info: log, warn: log, error: log },
        crash: (error) => this.mistakes.push(`${name} crashed: ${error.stack}`),
      },
      async (given) => {
        context = given;
        return [];
      },
    );
    const life: { handlers: Promise<readonly Handler[]>; alive: boolean } = {
      handlers: Promise.resolve([]),
      alive: true,
    };
    node.receive({ src: 'c0', dest: name, body: { type: 'init', node_id: name, node_ids: this.names, msg_id: 1 } });
    life.handlers = this.#serve(name, life, context as unknown as NodeContext, random);
    // One that cannot start is like one that was killed.
    life.handlers.catch(() => this.kill(name));
    this.#lives.set(name, life);
  }

  /** Asks as a client does, who waits for ever. Rejects with the error; never settles if the instance is killed. */
  async ask<R extends Rpc>(name: string, rpc: R, request: RequestInputOf<R>): Promise<ReplyOf<R>> {
    const life = this.#lives.get(name) as Life;
    await this.#arrive(name, life, 1);
    const handlers = await life.handlers;
    const handler = handlers.find((own) => own.rpc.type === rpc.type) as Handler;
    return (await handler.handle(request as never, { src: 'c1' })) as ReplyOf<R>;
  }

  /** A request id as a client makes it, whose clock is nearly right, and who has kept it for a while. */
  uuid(ageMs = 0): string {
    const timestampMs = Math.floor(this.nowMs() - ageMs + this.random.integer(1000) - 500);
    const sequence = this.#uuidCount++;
    return encodeUuid({ timestampMs, node: 1023, sequence: sequence % 4096, entropy: this.random.uint32() });
  }

  /** The documents whose keys begin like this. */
  stored(prefix: string): Map<string, Record<string, unknown>> {
    const own = [...this.#texts].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, text]) => [key, JSON.parse(text)]));
  }

  pass(durationMs: number): Promise<void> {
    return this.time.run(new Promise((resolve) => this.time.schedule(durationMs, resolve)));
  }

  async #serve(name: string, life: Life, context: NodeContext, random: SeededRandom): Promise<readonly Handler[]> {
    const { retains = true, mutantOf } = this.#options;
    const mutant = mutantOf?.(name);
    const wire = this.#wire(name, life, random);
    const engine = mutant?.see?.(wire) ?? wire;
    const alter = mutant?.alter;
    const { portsOn, workloads: served = [sagaNode, idsNode, voucherNode] } = this.#options;
    const workloads = served.map((workload) => ({
      ...workload,
      start: (given: NodeContext, ports: WorkloadPorts) =>
        workload.start(given, {
          ...ports,
          retention: ports.retention && (alter?.(ports.retention, given, engine) ?? ports.retention),
        }),
    }));
    const reservation = this.#reservations.get(name) ?? new MemoryReservation();
    this.#reservations.set(name, reservation);
    const retention = retains ? { engine, retainMs: RETAIN_MS, graceMs: GRACE_MS } : undefined;
    const ports = { openStore: () => engine, openReservation: async () => reservation, idLimits: {}, retention };
    return startWorkloads({ ...ports, ...portsOn?.(engine) }, workloads)(context);
  }

  #setTimer(name: string, life: Life, delayMs: number, callback: () => void): () => void {
    let cancel = () => {};
    const fire = () => {
      const leftMs = (this.#pausedUntilMs.get(name) ?? 0) - this.time.now();
      if (!life.alive) return;
      if (leftMs > 0) cancel = this.time.schedule(leftMs, fire);
      else callback();
    };
    cancel = this.time.schedule(delayMs, fire);
    return () => cancel();
  }

  #arrive(name: string, life: Life, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#setTimer(name, life, delayMs, resolve);
    });
  }

  /** The engine as one life of an instance sees it. */
  #wire(name: string, life: Life, random: SeededRandom): StoreEngine {
    const isDeaf = () => this.troubled && this.time.now() < (this.#deafUntilMs.get(name) ?? 0);
    const call = <Result>(apply: () => Promise<Result>, silence: Result, isLost = false): Promise<Result> =>
      new Promise((resolve) => {
        const { trouble = 10 } = this.#options;
        const drawn = this.troubled ? random.integer(100) : 100;
        const isTroubled = drawn < trouble;
        const shortMs = () => 1 + random.integer(4);
        const longMs = () => 1 + random.integer(random.pick([100, LATE_MS_MAX]));
        const kind = isTroubled ? random.integer(4) : 4;
        this.#setTimer(name, life, CALL_MS_MAX, () => resolve(silence));
        if (kind === 0 || isLost) return;
        this.time.schedule(kind === 1 ? longMs() : shortMs(), () => {
          void apply().then((result) => {
            if (kind !== 2) this.#setTimer(name, life, kind === 3 ? longMs() : shortMs(), () => resolve(result));
          });
        });
      });
    return {
      name: 'memory',
      read: (key) =>
        call(() => this.#engine.read(key), { kind: 'failed', error: SILENCE }, key === HORIZON_KEY && isDeaf()),
      replace: (key, from, text) =>
        call<StoreReplace>(() => this.#replace(key, from, text), { kind: 'silent', error: SILENCE }),
      list: (prefix, after, limit) =>
        call(() => this.#engine.list(prefix, after, limit), { kind: 'failed', error: SILENCE }),
      remove: (key, from) => call(() => this.#remove(key, from), { kind: 'silent', error: SILENCE }),
      figures: () => ({}),
      close: async () => {},
    };
  }

  async #replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    const result = await this.#engine.replace(key, from, text);
    if (result.kind !== 'ok') return result;
    const before = this.#texts.get(key);
    this.#texts.set(key, text);
    const record = JSON.parse(text);
    if (key.startsWith('s/')) {
      const id = key.slice(2);
      if (before === undefined && record.kind !== '') increment(this.begun, id);
      if (record.state === 'committed') increment(this.committed, id);
    } else if (key.startsWith('guid/') && before === undefined) {
      const stays = this.assigned.get(key) ?? [];
      stays.push({ id: record.id, fromMs: this.time.now(), toMs: Number.POSITIVE_INFINITY });
      this.assigned.set(key, stays);
    }
    return result;
  }

  async #remove(key: string, from: Token) {
    const result = await this.#engine.remove(key, from);
    if (result.kind !== 'ok') return result;
    const record = JSON.parse(this.#texts.get(key) as string);
    this.#texts.delete(key);
    increment(this.removedCounts, key.slice(0, key.indexOf('/')));
    if (this.#options.retains === false) return result;
    const stay = this.assigned.get(key)?.at(-1);
    if (stay !== undefined) stay.toMs = this.time.now();
    if (key.startsWith('s/') && record.state !== 'committed' && record.state !== 'aborted')
      this.mistakes.push(`${key} was removed while it was ${record.state}`);
    const { horizon = 0 } = JSON.parse(this.#texts.get(HORIZON_KEY) ?? '{}');
    if (idsIn(key, record).some((id) => (timeOfId(id) as number) >= horizon))
      this.mistakes.push(`${key} was removed, and is younger than the horizon`);
    return result;
  }
}

/** The ids by whose time a document ends. */
// biome-ignore lint/suspicious/noExplicitAny: documents of every kind
function idsIn(key: string, { id, intentions, entries }: any): string[] {
  if (key.startsWith('s/')) return [key.slice(2)];
  if (entries !== undefined) return entries.map(([own]: [string, string]) => own);
  return [id ?? Object.keys(intentions)[0]];
}

/** Redirects one key of an engine to another. */
export function redirected(
  engine: StoreEngine,
  key: string,
  other: Pick<StoreEngine, 'read' | 'replace'>,
): StoreEngine {
  const of = (asked: string) => (asked === key ? other : engine);
  return {
    ...engine,
    read: (asked) => of(asked).read(asked),
    replace: (asked, from, text) => of(asked).replace(asked, from, text),
  };
}

/** The right port, except for what is given. */
export function altered(right: RetentionPort, own: Partial<RetentionPort>): RetentionPort {
  return {
    require: (id) => right.require(id),
    requireKept: (id) => right.requireKept(id),
    isKept: (id) => right.isKept(id),
    isCurrent: (id) => right.isCurrent(id),
    isEnded: (id) => right.isEnded(id),
    add: (ending: Ending) => right.add(ending),
    ...own,
  };
}

export function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
