/**
 * Members that nobody was told of: the document `members` lists them. An instance registers before its first index
 * entry, under a name that no other life ever has. It shows that it is alive by a number that it raises, its beat. Each
 * instance reads the list about once a second, however many members there are, and looks at the indices of those whose
 * beat has stood still.
 *
 * A member without a beat for the time of a lease, whose indices are all empty, is removed by anybody: first each of
 * its indices is closed, by a compare-and-set from the empty version, then it leaves the list. Why nothing is
 * forgotten: an index of a name that is not in the list is closed, and a closed index takes no entry. So no clock
 * matters. An instance that was only paused finds its index closed, and registers under another name.
 *
 * The lease is measured by the observer's own clock, from the end of one reading to the beginning of another, as node
 * numbers are (`ids/fleet/node-numbers.ts`). Time in which the store gave no answer does not count.
 */

import * as z from 'zod';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { Documents, readOrThrow, type Stored } from './documents.ts';
import { type Held, type MemberIndex, type Members, type Sign, TICK_MS } from './members.ts';
import type { LinearizableStore } from './store.ts';
import { Sweep } from './sweep.ts';
import { type StoreTimings, storeTimings } from './timings.ts';

const MEMBERS_KEY = 'members';
/** So many ticks, at least, are within a lease. */
const TICKS_PER_LEASE = 6;
/** A member raises its beat so many times within a lease, and is quiet when it stood still for half of it. */
const BEATS_PER_LEASE = 4;
/** More than any fleet. If so many instances died and none was removed, no other can register. */
const MEMBERS_MAX = 1000;
/** Members whose indices are looked at in one tick. */
const SWEPT_AT_ONCE = 16;

const Member = z.object({
  id: z.string(),
  beat: z.int().min(0),
  /** The kinds of indices that it may have. Who does not know one of them cannot remove it. */
  indices: z.array(z.string()),
});
type Member = z.infer<typeof Member>;

const MemberList = z.object({ members: z.array(Member) });
type MemberList = z.infer<typeof MemberList>;

interface Sighting {
  readonly beat: number;
  /** Since when this beat has been seen: the end of the first reading. */
  readonly sinceMs: number;
  /** When its indices were last looked at, and how it seemed then. */
  readonly swept?: { readonly atMs: number; readonly sign: Sign };
}

export interface RegisteredOptions {
  /** Default: by the patience of the store. Only simulations set it. */
  readonly leaseMs?: number | undefined;
}

export class RegisteredMembers implements Members {
  readonly exclusive = true;
  readonly #context: Pick<NodeContext, 'nodeId' | 'clock' | 'randomUint32' | 'log'>;
  readonly #list: Documents<MemberList>;
  readonly #timings: StoreTimings;
  readonly #leaseMs: number;
  readonly #tickMs: number;
  readonly #indices = new Map<string, MemberIndex>();
  readonly #sweep: Sweep;
  /** The name under which this instance is listed. */
  #self: string | undefined;
  /** The name that it tries to register. It stays until that succeeds, so that a lost reply leaves only one. */
  #candidate: string | undefined;
  #joining: Promise<string> | undefined;
  #beatMs = 0;
  #sightings: ReadonlyMap<string, Sighting> = new Map();
  /** Whether the last reading of the list failed. */
  #wasAway = false;
  #removedCount = 0;

  constructor(context: NodeContext, kv: LinearizableStore, { leaseMs }: RegisteredOptions = {}) {
    this.#context = context;
    this.#timings = storeTimings(kv.patienceMs);
    this.#leaseMs = leaseMs ?? this.#timings.leaseMs;
    this.#tickMs = Math.min(TICK_MS, this.#leaseMs / TICKS_PER_LEASE);
    this.#list = new Documents({
      kv,
      context,
      name: 'list of members',
      schema: MemberList,
      patienceMs: this.#timings.indexMs,
    });
    this.#sweep = new Sweep({ context, intervalMs: this.#tickMs, tick: () => this.#tick() });
    context.report('members', () => ({
      joined: this.#self === undefined ? 0 : 1,
      others: this.#sightings.size,
      removed: this.#removedCount,
    }));
  }

  async ids(): Promise<readonly string[]> {
    const { content } = await readOrThrow(this.#list, MEMBERS_KEY);
    return (content?.members ?? []).map(({ id }) => id);
  }

  async join(lost?: string): Promise<string> {
    if (lost !== undefined) this.#leave(lost);
    if (this.#self !== undefined) return this.#self;
    this.#joining ??= this.#register().finally(() => {
      this.#joining = undefined;
    });
    return this.#joining;
  }

  attend(index: MemberIndex): void {
    this.#indices.set(index.name, index);
  }

  start(): void {
    if (this.#indices.size > 0) this.#sweep.start();
  }

  async #register(): Promise<string> {
    const { nodeId, clock, randomUint32 } = this.#context;
    this.#candidate ??= `${nodeId}.${[randomUint32(), randomUint32()].map((word) => word.toString(36)).join('')}`;
    const id = this.#candidate;
    const beganMs = clock.monotonicMs();
    const result = await this.#list.update(MEMBERS_KEY, (content) => {
      const members = content?.members ?? [];
      if (members.some((member) => member.id === id)) return undefined;
      if (members.length >= MEMBERS_MAX)
        throw RpcError.of('temporarily-unavailable', `there are ${members.length} members, and no more fit`);
      return { members: [...members, { id, beat: 0, indices: [...this.#indices.keys()] }] };
    });
    // If it is listed nevertheless, it is an idle member.
    if (result.kind !== 'ok')
      throw RpcError.of('temporarily-unavailable', `this instance could not register: ${result.error.message}`);
    this.#candidate = undefined;
    this.#self = id;
    this.#beatMs = beganMs;
    return id;
  }

  #leave(lost: string): void {
    if (this.#self !== lost) return;
    this.#self = undefined;
    this.#context.log.warn(`${lost} is no longer a member: it gave no sign of life for too long`);
  }

  async #tick(): Promise<boolean> {
    const { clock } = this.#context;
    const own = await Promise.all([...this.#indices.values()].map((index) => index.sweepOwn()));
    const self = this.#self;
    const beganMs = clock.monotonicMs();
    const read = await this.#list.read(MEMBERS_KEY);
    const wasAway = this.#wasAway;
    this.#wasAway = read.kind !== 'ok';
    if (read.kind !== 'ok') return true;
    const endMs = clock.monotonicMs();
    const members = read.stored.content?.members ?? [];
    // The others could not raise their beats either.
    if (wasAway || endMs - beganMs > this.#timings.requestMs) this.#sightings = new Map();
    if (self !== undefined) await this.#beat(self, read.stored, beganMs);
    const others = members.filter(({ id }) => id !== this.#self);
    this.#sightings = new Map(others.map((member) => [member.id, this.#sightingOf(member, endMs)]));
    const doubtful = others
      .map((member) => ({ member, sign: this.#signOf(member, beganMs) }))
      .filter(({ member, sign }) => sign !== 'alive' && this.#isDue(member, sign, beganMs))
      .slice(0, SWEPT_AT_ONCE);
    await Promise.all(doubtful.map(({ member, sign }) => this.#sweepMember(member, sign, beganMs)));
    return doubtful.length > 0 || own.includes(true);
  }

  #sightingOf({ id, beat }: Member, endMs: number): Sighting {
    const before = this.#sightings.get(id);
    return before?.beat === beat ? before : { beat, sinceMs: endMs };
  }

  #signOf({ id }: Member, nowMs: number): Sign {
    const stillMs = nowMs - (this.#sightings.get(id)?.sinceMs ?? nowMs);
    if (stillMs >= this.#leaseMs) return 'lapsed';
    return stillMs >= this.#leaseMs / 2 ? 'quiet' : 'alive';
  }

  #isDue({ id }: Member, sign: Sign, nowMs: number): boolean {
    const swept = this.#sightings.get(id)?.swept;
    return swept === undefined || swept.sign !== sign || nowMs - swept.atMs >= 2 * this.#tickMs;
  }

  /** Raises the beat when it is time. */
  async #beat(self: string, stored: Stored<MemberList>, nowMs: number): Promise<void> {
    const own = ownOf(stored.content, self);
    if (own === undefined) return this.#leave(self);
    if (nowMs - this.#beatMs < this.#leaseMs / BEATS_PER_LEASE) return;
    const next = own.beat + 1;
    const result = await this.#list.update(
      MEMBERS_KEY,
      (content) => {
        const { beat } = ownOf(content, self) ?? {};
        if (beat === undefined) throw RpcError.of('precondition-failed', `${self} is no longer listed`);
        if (beat >= next) return undefined;
        const members = (content as MemberList).members.map((member) =>
          member.id === self ? { ...member, beat: next } : member,
        );
        return { members };
      },
      stored,
    );
    if (result.kind === 'ok') this.#beatMs = nowMs;
  }

  /** Finishes what a member left. Removes it when nothing is left and its lease has run out. */
  async #sweepMember({ id, indices }: Member, sign: Sign, nowMs: number): Promise<void> {
    const sighting = this.#sightings.get(id) as Sighting;
    this.#sightings = new Map(this.#sightings).set(id, { ...sighting, swept: { atMs: nowMs, sign } });
    const known = indices.flatMap((name) => this.#indices.get(name) ?? []);
    const held = await Promise.all(known.map((index): Promise<Held> => index.sweep(id, sign)));
    if (sign !== 'lapsed' || known.length < indices.length || held.some((what) => what !== 'nothing')) return;
    for (const index of known) if (!(await index.close(id))) return;
    const result = await this.#list.update(MEMBERS_KEY, (content) => {
      const members = content?.members ?? [];
      const left = members.filter((member) => member.id !== id);
      return left.length === members.length && content !== undefined ? undefined : { members: left };
    });
    if (result.kind === 'ok') this.#removedCount++;
  }
}

function ownOf(content: MemberList | undefined, self: string): Member | undefined {
  return content?.members.find(({ id }) => id === self);
}
