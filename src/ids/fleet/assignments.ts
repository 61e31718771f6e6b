/**
 * Assigned ids: one id for a service and a key, for ever, from every node, for every request.
 *
 * The assignment is the creation of one document, `guid/<service>/<key>`, which can succeed once. An id can also be
 * looked up. For that the intention is written first, to a page that is found by the id, `guid-page/<id without its
 * last bits>`. An id is assigned exactly when its page names a service and key whose document names the id. A failed
 * intention (a crash, another node was faster) has no effect.
 *
 * Side by side with that page, the intention is appended to the feed of the service (`feed-writer.ts`). From then on
 * any reader of the feed may create the assignment, as this node would. So a failure after that is never called
 * definite.
 *
 * Requests for one key share one answer. Requests for many keys are gathered. While one page is being written, the next
 * ones wait and then go into one page together, up to 64. Pages never grow beyond that, and an assigned document never
 * changes.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow, type Stored } from '../../kv/documents.ts';
import { groupBy } from '../../kv/group-by.ts';
import { type Choice, chooseFirst, GroupQueue } from '../../kv/group-queue.ts';
import type { Keeping } from '../../kv/horizon.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import { storeTimings } from '../../kv/timings.ts';
import type { NodeContext } from '../../node/context.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import { RpcError } from '../../protocol/errors.ts';
import { formatTimestamp } from '../../protocol/timestamp.ts';
import type { IdSource } from '../id-source.ts';
import { FeedStore } from './feed-records.ts';
import { type Appended, FEED_PAGE_ENTRIES, FeedWriter } from './feed-writer.ts';

export const AssignmentRecord = z.object({
  id: z.string(),
  service: z.string(),
  key: z.string(),
  node: z.string().describe('The id of the node that made it.'),
  created_at: z.string().describe('ISO 8601, by the clock of that node.'),
});
export type AssignmentRecord = z.infer<typeof AssignmentRecord>;

/** Service and key of each intended id. */
export const Page = z.object({ intentions: z.record(z.string(), z.tuple([z.string(), z.string()])) });
type Page = z.infer<typeof Page>;

/**
 * The bits of an id that its page leaves out: the random bit and the last six of the sequence. So a page has 64 places.
 */
const PAGE_SHIFT = 7n;

export interface AssignmentLimits {
  /** Assignments kept in memory. Each is proven, and never changes. */
  readonly remembered: number;
  /** Requests that are written together. */
  readonly batch: number;
  /** Entries of a page of a feed (`feed-writer.ts`). */
  readonly feedPage: number;
}

export const ASSIGNMENT_LIMITS: AssignmentLimits = { remembered: 10_000, batch: 64, feedPage: FEED_PAGE_ENTRIES };

type Retained = Pick<Keeping, 'isCurrent' | 'isKept'>;

interface Request {
  readonly service: string;
  readonly key: string;
  readonly documentKey: string;
  /** When it is too late to begin, by the monotonic clock. */
  readonly endMs: number;
  readonly resolve: (id: string) => void;
  readonly reject: (error: unknown) => void;
}

/** An id that is meant for a service and key. */
export interface Intention {
  readonly id: string;
  readonly service: string;
  readonly key: string;
}

/** What became of an intention. `ended`: it may have been assigned, and is older than what is kept. */
export type Fate = 'assigned' | 'lost' | 'undecided' | 'ended';

export class Assignments {
  readonly #context: NodeContext;
  readonly #storeName: string;
  readonly #source: Pick<IdSource, 'nextBatchReserved'>;
  readonly #records: Documents<AssignmentRecord>;
  readonly #pages: Documents<Page>;
  /** By document key. */
  readonly #remembered: BoundedMap<string, string>;
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #batchMax: number;
  /** How long a request waits for its page, ms. */
  readonly #waitMs: number;
  readonly #queue: GroupQueue<Request>;
  readonly #retention: Retained | undefined;
  readonly #feed: FeedWriter;
  readonly #listeners: ((service: string) => void)[] = [];

  constructor(
    context: NodeContext,
    kv: LinearizableStore,
    source: Pick<IdSource, 'nextBatchReserved'>,
    { remembered, batch, feedPage: pageEntries } = ASSIGNMENT_LIMITS,
    retention?: Retained,
  ) {
    const { clock } = context;
    this.#feed = new FeedWriter({ store: new FeedStore(context, kv), clock, pageEntries, retention });
    this.#retention = retention;
    this.#context = context;
    this.#remembered = new BoundedMap(remembered);
    this.#batchMax = batch;
    this.#waitMs = storeTimings(kv.patienceMs).turnMs;
    this.#storeName = kv.name;
    this.#source = source;
    this.#records = new Documents({ kv, context, name: 'assignment', schema: AssignmentRecord });
    this.#pages = new Documents({ kv, context, name: 'page of assignments', schema: Page });
    this.#queue = new GroupQueue({
      choose: (waiting) => this.#choose(waiting),
      serve: (requests) => this.#writeIntentions(requests),
      // No id, no assignment: without an answer, nothing was assigned.
      fail: ({ reject }, error) => reject(error),
    });
  }

  /**
   * The id of this service and key. Rejects with error 11 if nothing was assigned and nothing will be, with 13 if that
   * is unknown, with 12 if a name is not well-formed text.
   */
  assign(service: string, key: string): Promise<string> {
    const documentKey = assignmentKey(service, key);
    const known = this.#remembered.get(documentKey);
    if (known !== undefined && this.#isCurrent(known)) return Promise.resolve(known);
    let answer = this.#underWay.get(documentKey);
    // What another request has asked for may have ended before this one came.
    if (answer !== undefined) return answer.then((id) => (this.#isCurrent(id) ? id : this.assign(service, key)));
    answer = this.#find(service, key, documentKey).finally(() => this.#underWay.delete(documentKey));
    this.#underWay.set(documentKey, answer);
    return answer;
  }

  /** The assignment of a Snowflake; undefined if it has none. Rejects with error 11 if the store gives no answer. */
  async find(id: string): Promise<AssignmentRecord | undefined> {
    const { content: page } = await readOrThrow(this.#pages, pageKey(id));
    const intentions = page?.intentions ?? {};
    if (!Object.hasOwn(intentions, id)) return undefined;
    const { content } = await readOrThrow(this.#records, assignmentKey(...(intentions[id] as [string, string])));
    return content?.id === id ? content : undefined;
  }

  /** Calls back whenever this node has assigned an id of a service, or has seen that another node was faster. */
  listen(listener: (service: string) => void): void {
    this.#listeners.push(listener);
  }

  /** What became of an intention so far. Rejects with error 11 if that cannot be told now. */
  async fateOf({ id, service, key }: Intention): Promise<Fate> {
    const documentKey = assignmentKey(service, key);
    const known = this.#remembered.get(documentKey);
    if (known !== undefined && this.#isCurrent(known)) return known === id ? 'assigned' : 'lost';
    const { content } = await readOrThrow(this.#records, documentKey);
    if (content === undefined) return this.#isKept(id) ? 'undecided' : 'ended';
    this.#remember(documentKey, content.id);
    if (content.id === id) return 'assigned';
    // What has ended will be removed, and then this intention is undecided again.
    if (this.#isCurrent(content.id) || this.#isKept(content.id)) return 'lost';
    throw RpcError.of('temporarily-unavailable', `the assignment of ${content.id} has ended, and is not removed yet`);
  }

  /**
   * Makes the assignment of an intention that is in the feed, as the node should have done that wrote it.
   *
   * @param endMs after it nothing is sent any more, by the monotonic clock
   */
  async decide(intention: Intention, endMs: number): Promise<'assigned' | 'lost'> {
    // The node may not have come so far.
    const page = await this.#writePage(pageKey(intention.id), [intention]);
    if (page.kind !== 'ok') throw page.error;
    return (await this.#create(intention, endMs)) === intention.id ? 'assigned' : 'lost';
  }

  async #find(service: string, key: string, documentKey: string): Promise<string> {
    const { content } = await readOrThrow(this.#records, documentKey);
    if (content !== undefined) return this.#remember(documentKey, content.id);
    return new Promise((resolve, reject) => {
      const endMs = this.#context.clock.monotonicMs() + this.#waitMs;
      this.#queue.push({ service, key, documentKey, endMs, resolve, reject });
    });
  }

  /** The first requests of the queue. Those that waited too long are rejected; nothing was sent for them. */
  #choose(waiting: readonly Request[]): Choice<Request> {
    const nowMs = this.#context.clock.monotonicMs();
    const text = `too many assignments wait for ${this.#storeName}`;
    for (const { endMs, reject } of waiting) if (nowMs >= endMs) reject(RpcError.of('temporarily-unavailable', text));
    return chooseFirst(
      waiting.filter(({ endMs }) => nowMs < endMs),
      this.#batchMax,
    );
  }

  /**
   * Writes the intentions of a group, by id and into the feeds, all at once. Each assignment is made as soon as both
   * are written.
   */
  async #writeIntentions(requests: readonly Request[]): Promise<void> {
    if (requests.length === 0) return;
    const ids = (await this.#source.nextBatchReserved(requests.length, 'snowflake')).toArray();
    const planned = requests.map((request, index) => ({ ...request, id: ids[index] as string }));
    const appends = new Map<string, Promise<Appended>>();
    for (const [service, members] of groupBy(planned, (intention) => intention.service)) {
      const entries = members.map(({ id, key }) => [id, key] as [string, string]);
      appends.set(service, this.#feed.append(service, entries));
    }
    const pages = groupBy(planned, ({ id }) => pageKey(id));
    await Promise.all(
      [...pages].map(async ([key, members]) => {
        const written = this.#writePage(key, members, NOTHING_STORED);
        await Promise.all(
          [...groupBy(members, ({ service }) => service)].map(async ([service, own]) =>
            this.#settle(own, await written, await (appends.get(service) as Promise<Appended>)),
          ),
        );
      }),
    );
  }

  async #writePage(key: string, intentions: readonly Intention[], known?: Stored<Page>): Promise<Appended> {
    const result = await this.#pages.update(
      key,
      (page) => {
        const written = page?.intentions ?? {};
        if (intentions.every(({ id }) => Object.hasOwn(written, id))) return undefined;
        const added = intentions.map(({ id, service, key: name }) => [id, [service, name]] as const);
        return { intentions: { ...written, ...Object.fromEntries(added) } } as Page;
      },
      known,
    );
    return result;
  }

  /** Makes the assignments of intentions that are written, or says why there will be none, or that it is not known. */
  #settle(planned: readonly (Request & Intention)[], page: Appended, feed: Appended): void {
    for (const intention of planned) {
      if (page.kind === 'ok' && feed.kind === 'ok')
        void this.#create(intention, Number.POSITIVE_INFINITY).then(intention.resolve, intention.reject);
      // Without an entry in the feed, a page has no effect. With one, a reader of the feed may make the assignment.
      else if (feed.kind === 'definite')
        intention.reject(RpcError.of('temporarily-unavailable', `nothing was assigned, for ${feed.error.message}`));
      else if (feed.kind === 'indefinite') intention.reject(feed.error);
      else if (page.kind !== 'ok') intention.reject(mayBeAssigned(page));
    }
  }

  /**
   * Creates the assignment. If another node was faster, returns that node's id.
   *
   * @param endMs after it nothing is sent any more, by the monotonic clock
   */
  async #create({ id, service, key }: Intention, endMs: number): Promise<string> {
    const { nodeId: node, clock } = this.#context;
    const record: AssignmentRecord = { id, service, key, node, created_at: formatTimestamp(clock.wallMs()) };
    const documentKey = assignmentKey(service, key);
    const result = await this.#records.update(
      documentKey,
      (content) => {
        if (content !== undefined) return undefined;
        if (clock.monotonicMs() >= endMs) throw RpcError.of('temporarily-unavailable', 'the time for it is over');
        // Again before each try: an id of that time may have been assigned to this key, and have ended.
        if (!this.#isCurrent(id)) throw RpcError.of('temporarily-unavailable', `${id} is too old`);
        return record;
      },
      NOTHING_STORED,
    );
    if (result.kind !== 'ok') throw mayBeAssigned(result);
    const assigned = this.#remember(documentKey, result.stored.content.id);
    for (const listener of this.#listeners) listener(service);
    return assigned;
  }

  #remember(documentKey: string, id: string): string {
    this.#remembered.set(documentKey, id);
    return id;
  }

  /** Throws error 11 if that cannot be told now. */
  #isKept(id: string): boolean {
    return this.#retention?.isKept(id) ?? true;
  }

  /** Whether the assignment of this id cannot have ended. */
  #isCurrent(id: string): boolean {
    return this.#retention?.isCurrent(id) ?? true;
  }
}

/** A reader of the feed may make the assignment later, so it is never certain that there is none. */
function mayBeAssigned({ kind, error }: Exclude<Appended, { readonly kind: 'ok' }>): RpcError {
  if (kind === 'indefinite') return error;
  return RpcError.of('crash', `it is not known whether it is assigned: ${error.message}`);
}

export const PAGE_PREFIX = 'guid-page/';

function pageKey(id: string): string {
  return `${PAGE_PREFIX}${BigInt(id) >> PAGE_SHIFT}`;
}

/** The lowest id that is on the page of this key; undefined if it is the key of no page. */
export function firstIdOfPage(key: string): string | undefined {
  const number = key.slice(PAGE_PREFIX.length);
  return /^\d{1,20}$/.test(number) ? (BigInt(number) << PAGE_SHIFT).toString() : undefined;
}

export function assignmentKey(service: string, key: string): string {
  return `guid/${keyPart('service', service)}/${keyPart('key', key)}`;
}
