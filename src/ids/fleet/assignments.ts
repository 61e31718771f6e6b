/**
 * Assigned ids: one id for a service and a key, for ever, from every node, for every request.
 *
 * The assignment is the creation of one document, `guid/<service>/<key>`, which can succeed once. An id can also be
 * looked up. For that the intention is written first, to a page that is found by the id, `guid-page/<id without its
 * last bits>`. An id is assigned exactly when its page names a service and key whose document names the id. A failed
 * intention (a crash, another node was faster) has no effect.
 *
 * Requests for one key share one answer. Requests for many keys are gathered. While one page is being written, the next
 * ones wait and then go into one page together, up to 64. Pages never grow beyond that, and an assigned document never
 * changes.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow } from '../../kv/documents.ts';
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
}

export const ASSIGNMENT_LIMITS: AssignmentLimits = { remembered: 10_000, batch: 64 };

interface Request {
  readonly service: string;
  readonly key: string;
  readonly documentKey: string;
  /** When it is too late to begin, by the monotonic clock. */
  readonly endMs: number;
  readonly resolve: (id: string) => void;
  readonly reject: (error: unknown) => void;
}

interface Intention extends Request {
  readonly id: string;
}

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
  readonly #retention: Pick<Keeping, 'isCurrent'> | undefined;

  constructor(
    context: NodeContext,
    kv: LinearizableStore,
    source: Pick<IdSource, 'nextBatchReserved'>,
    { remembered, batch } = ASSIGNMENT_LIMITS,
    retention?: Pick<Keeping, 'isCurrent'>,
  ) {
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

  /** Writes the intentions of a group, page by page. Each assignment is made as soon as its page is written. */
  async #writeIntentions(requests: readonly Request[]): Promise<void> {
    if (requests.length === 0) return;
    const ids = (await this.#source.nextBatchReserved(requests.length, 'snowflake')).toArray();
    const intentions = requests.map((request, index) => ({ ...request, id: ids[index] as string }));
    const pages = groupBy(intentions, ({ id }) => pageKey(id));
    await Promise.all([...pages].map(([key, members]) => this.#writePage(key, members)));
  }

  async #writePage(key: string, intentions: readonly Intention[]): Promise<void> {
    const result = await this.#pages.update(
      key,
      (page) => {
        const known = page?.intentions ?? {};
        if (intentions.every(({ id }) => Object.hasOwn(known, id))) return undefined;
        const added = intentions.map(({ id, service, key: name }) => [id, [service, name]] as const);
        return { intentions: { ...known, ...Object.fromEntries(added) } } as Page;
      },
      NOTHING_STORED,
    );
    for (const intention of intentions) {
      // The page may exist or not: without its assignment it has no effect.
      if (result.kind !== 'ok')
        intention.reject(RpcError.of('temporarily-unavailable', `nothing was assigned, for ${result.error.message}`));
      else void this.#create(intention).then(intention.resolve, intention.reject);
    }
  }

  /** Creates the assignment. If another node was faster, returns that node's. */
  async #create({ id, service, key, documentKey }: Intention): Promise<string> {
    const { nodeId: node, clock } = this.#context;
    const record: AssignmentRecord = { id, service, key, node, created_at: formatTimestamp(clock.wallMs()) };
    const result = await this.#records.update(
      documentKey,
      (content) => {
        if (content !== undefined) return undefined;
        // Again before each try: an id of that time may have been assigned to this key, and have ended.
        if (!this.#isCurrent(id))
          throw RpcError.of('temporarily-unavailable', `nothing was assigned: ${id} is too old`);
        return record;
      },
      NOTHING_STORED,
    );
    if (result.kind !== 'ok') throw result.error;
    return this.#remember(documentKey, result.stored.content.id);
  }

  #remember(documentKey: string, id: string): string {
    this.#remembered.set(documentKey, id);
    return id;
  }

  /** Whether the assignment of this id cannot have ended. */
  #isCurrent(id: string): boolean {
    return this.#retention?.isCurrent(id) ?? true;
  }
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
