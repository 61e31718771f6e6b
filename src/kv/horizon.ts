/**
 * What an instance knows of the horizon: the time before which nothing is promised to be kept. It is one document in
 * the store, and only ever raised. `README.md` says why that is safe.
 *
 * Wall clocks and ids of requests decide only when the horizon moves. Everything else rests on the store and on
 * monotonic clocks. An instance that has not read the horizon for half of the grace carries nothing out that could have
 * happened before. And it removes only what lies below a horizon that it has seen stored for the whole grace.
 */

import * as z from 'zod';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { formatTimestamp } from '../protocol/timestamp.ts';
import { Documents } from './documents.ts';
import { type Moment, momentOf, passedMs } from './passed.ts';
import type { LinearizableStore } from './store.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From the raise of the horizon to the first removal below it, ms. All instances of a store must agree on it. */
export const GRACE_MS = 15 * MINUTE_MS;
/** The shortest time to keep anything, in graces. */
const RETAIN_GRACES_MIN = 4;
/** With the default grace: an hour. */
export const RETAIN_MS_MIN = RETAIN_GRACES_MIN * GRACE_MS;
/** How far a request id may be ahead of the clock of an instance, ms. Ids from far ahead would never end. */
const FUTURE_MS_MAX = DAY_MS;
/** The horizon is raised by at least this part of the time to keep, and at least every hour. */
const STEPS = 32;
const STEP_MS_MAX = HOUR_MS;
/** Readings in the time of a grace. */
const READINGS = 8;
/**
 * How much faster than time the horizon may move. It may have to catch up, after the service was off for a while. But
 * wrong clocks of an instance and a client must not end everything at once.
 */
const SPEED_MAX = 2;

export const HORIZON_KEY = 'retention';

const HorizonRecord = z.object({
  /** Unix ms. Invariant: never lowered. */
  horizon: z.int().min(0),
  /** By the name of what ends: the horizon of the last pass of removals that an instance has begun. */
  begun: z.record(z.string(), z.int().min(0)),
});
type HorizonRecord = z.infer<typeof HorizonRecord>;

export interface HorizonOptions {
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32' | 'log'>;
  readonly kv: LinearizableStore;
  /** How long what is finished is kept, ms. */
  readonly retainMs: number;
  /** Default: {@link GRACE_MS}. Tests alone have less. */
  readonly graceMs?: number;
  /** When an id was made, unix ms; undefined: it does not tell. */
  readonly timeOf: (id: string) => number | undefined;
}

interface Sighting {
  readonly horizon: number;
  /** Since when it is known to be stored, by the monotonic clock. */
  readonly sinceMs: number;
}

/** What a horizon demands of requests. Each of these is an answer of the moment, without a call of the store. */
export interface Keeping {
  /**
   * Call it directly before something is created that must not happen twice. Throws error 12 if the id tells no time,
   * 22 if it is older than what is kept or too far ahead, 11 if the horizon must be read first.
   */
  require(id: string): void;
  /** Call it when something was not found, or may have ended. Throws like {@link require}; any other id is fine. */
  requireKept(id: string): void;
  /**
   * Whether it is not older than what is kept, for those that only look: nothing counts as refused. Throws error 11 if
   * that cannot be told before the horizon is read.
   */
  isKept(id: string): boolean;
  /** Whether what an instance remembers under this id is certainly still stored. */
  isCurrent(id: string): boolean;
  /** Whether it may have been removed. No request for it can be accepted any more, by any instance. */
  isEnded(id: string): boolean;
}

export class Horizon implements Keeping {
  readonly #options: HorizonOptions;
  readonly #documents: Documents<HorizonRecord>;
  readonly #graceMs: number;
  /** When the newest reading was begun. */
  #reading: Moment | undefined;
  #underWay: Promise<boolean> | undefined;
  /** Ascending in both fields. All but the first are younger than the grace. */
  readonly #seen: Sighting[] = [];
  /** The newest time of an id that a request brought, or that was assigned here; 0: none came. */
  #newestMs = 0;
  #refusedCount = 0;

  /** Throws a RangeError if `retainMs` is too short. */
  constructor(options: HorizonOptions) {
    const { context, kv, retainMs, graceMs = GRACE_MS } = options;
    if (!(retainMs >= RETAIN_GRACES_MIN * graceMs))
      throw new RangeError(`at least ${describe(RETAIN_GRACES_MIN * graceMs)} must be kept, not ${describe(retainMs)}`);
    this.#options = options;
    this.#graceMs = graceMs;
    this.#documents = new Documents({ kv, context, name: 'horizon of what is kept', schema: HorizonRecord });
  }

  get graceMs(): number {
    return this.#graceMs;
  }

  /** The newest horizon that this instance knows, unix ms; 0: none. */
  get known(): number {
    return this.#seen.at(-1)?.horizon ?? 0;
  }

  /** The newest horizon that has been stored for the grace, unix ms; 0: none. What is below may be removed. */
  get ended(): number {
    const oldEnoughMs = this.#nowMs() - this.#graceMs;
    while ((this.#seen[1]?.sinceMs ?? Number.POSITIVE_INFINITY) <= oldEnoughMs) this.#seen.shift();
    const [oldest] = this.#seen;
    return oldest !== undefined && oldest.sinceMs <= oldEnoughMs ? oldest.horizon : 0;
  }

  /** Requests that were refused because of it. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Whether the newest reading is young enough to rely on. */
  get fresh(): boolean {
    const { clock } = this.#options.context;
    return this.#reading !== undefined && passedMs(clock, this.#reading) <= this.#graceMs / 2;
  }

  require(id: string): void {
    const timeMs = this.#options.timeOf(id);
    if (timeMs === undefined)
      throw this.#refuse(
        RpcError.of(
          'malformed-request',
          'body.request_id: must be a UUIDv7 in lower case, or a snowflake of /generate',
        ),
      );
    const aheadMs = timeMs - this.#options.context.clock.wallMs();
    if (aheadMs > FUTURE_MS_MAX) {
      const text = `request_id ${id} is of ${formatTimestamp(timeMs)}, more than ${describe(FUTURE_MS_MAX)} ahead of the clock here`;
      throw this.#refuse(RpcError.of('precondition-failed', text));
    }
    this.#newestMs = Math.max(this.#newestMs, timeMs);
    this.requireKept(id);
  }

  requireKept(id: string): void {
    const timeMs = this.#options.timeOf(id);
    if (timeMs === undefined) return;
    if (timeMs < this.known) {
      const kept = describe(this.#options.retainMs);
      throw this.#refuse(
        RpcError.of(
          'precondition-failed',
          `request_id ${id} is of ${formatTimestamp(timeMs)}, older than what is kept (${kept}): nothing was done now, ` +
            'and whether it was carried out earlier is no longer known; ask with a new id only if it was not',
        ),
      );
    }
    if (this.fresh) return;
    void this.read();
    throw this.#refuse(RpcError.of('temporarily-unavailable', 'how long requests are kept must be read again first'));
  }

  isKept(id: string): boolean {
    const timeMs = this.#options.timeOf(id);
    if (timeMs === undefined) return true;
    if (timeMs < this.known) return false;
    if (this.fresh) return true;
    void this.read();
    throw RpcError.of('temporarily-unavailable', `it cannot be told now whether ${id} is kept`);
  }

  isCurrent(id: string): boolean {
    const timeMs = this.#options.timeOf(id);
    this.#newestMs = Math.max(this.#newestMs, timeMs ?? 0);
    if (this.fresh) return (timeMs ?? Number.POSITIVE_INFINITY) >= this.known;
    void this.read();
    return false;
  }

  isEnded(id: string): boolean {
    return (this.#options.timeOf(id) ?? Number.POSITIVE_INFINITY) < this.ended;
  }

  /** Reads it now and again until the node stops. */
  start(): void {
    void this.#keepReading();
  }

  /** Resolves to whether it was read. */
  read(): Promise<boolean> {
    this.#underWay ??= this.#readNow().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** Raises it if it is time to, by the clock and by the requests. It is read in any case. */
  async raise(): Promise<void> {
    const { context } = this.#options;
    if (this.#newestMs === 0) {
      await this.read();
      return;
    }
    const asked = momentOf(context.clock);
    const result = await this.#documents.update(HORIZON_KEY, (record) => {
      const next = this.#next(record);
      return next === undefined ? undefined : { begun: {}, ...record, horizon: next };
    });
    if (result.kind === 'ok') this.#note(asked, result.stored.content.horizon);
    else context.log.debug('the horizon of what is kept could not be raised', { reason: result.error.message });
  }

  /**
   * Takes a pass of removals, so that no other instance need make it. Resolves to the horizon below which to remove;
   * undefined: there is nothing to do.
   */
  async takePass(name: string): Promise<number | undefined> {
    const { ended } = this;
    let own = false;
    const result = await this.#documents.update(HORIZON_KEY, (record) => {
      if (record === undefined) throw RpcError.of('abort', 'the horizon of what is kept is gone from the store');
      if ((record.begun[name] ?? 0) >= ended) return undefined;
      own = true;
      return { ...record, begun: { ...record.begun, [name]: ended } };
    });
    return result.kind === 'ok' && own ? ended : undefined;
  }

  /** Undefined: it stays, or it was never seen before. */
  #next(record: HorizonRecord | undefined): number | undefined {
    const { context, retainMs } = this.#options;
    // Only if the clock and the ids of requests agree: a clock that is ahead ends nothing by itself.
    const wantedMs = Math.max(0, Math.floor(Math.min(context.clock.wallMs(), this.#newestMs) - retainMs));
    if (record === undefined) return wantedMs;
    const newest = this.#seen.at(-1);
    if (newest?.horizon !== record.horizon) return undefined;
    const reachedMs = Math.floor(record.horizon + SPEED_MAX * (this.#nowMs() - newest.sinceMs));
    const next = Math.min(wantedMs, reachedMs);
    return next - record.horizon >= Math.min(retainMs / STEPS, STEP_MS_MAX) ? next : undefined;
  }

  async #keepReading(): Promise<void> {
    const { context } = this.#options;
    do await this.read();
    while (await context.sleep(this.#graceMs / READINGS));
  }

  async #readNow(): Promise<boolean> {
    const asked = momentOf(this.#options.context.clock);
    const read = await this.#documents.read(HORIZON_KEY);
    if (read.kind !== 'ok') return false;
    // Without a document nothing has ever been removed.
    this.#note(asked, read.stored.content?.horizon ?? 0);
    return true;
  }

  #note(asked: Moment, horizon: number): void {
    if (asked.monotonicMs >= (this.#reading?.monotonicMs ?? Number.NEGATIVE_INFINITY)) this.#reading = asked;
    if (horizon > this.known) this.#seen.push({ horizon, sinceMs: this.#nowMs() });
  }

  #refuse(error: RpcError): RpcError {
    this.#refusedCount++;
    return error;
  }

  #nowMs(): number {
    return this.#options.context.clock.monotonicMs();
  }
}

/** A duration in the largest unit that fits it: `30 d`, `90 min`. */
function describe(durationMs: number): string {
  for (const [unitMs, unit] of [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'min'],
  ] as const)
    if (durationMs >= unitMs && durationMs % unitMs === 0) return `${durationMs / unitMs} ${unit}`;
  return `${durationMs / 1000} s`;
}
