/** Nodes that assign ids and read feeds, on one scripted lin-kv. */

import { ASSIGNMENT_LIMITS, Assignments } from '../../src/ids/fleet/assignments.ts';
import { decodeCursor, encodeCursor } from '../../src/ids/fleet/feed-cursor.ts';
import { FeedGroups } from '../../src/ids/fleet/feed-groups.ts';
import { type FeedItem, FeedReader } from '../../src/ids/fleet/feed-reader.ts';
import { type FeedPage, FeedStore } from '../../src/ids/fleet/feed-records.ts';
import { IdGenerator } from '../../src/ids/id-generator.ts';
import type { Keeping } from '../../src/kv/horizon.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { NumberRig } from './number-rig.ts';
import type { RigNode } from './store-rig.ts';

export const SERVICE = 'payment';

export interface Answer {
  readonly ids: readonly string[];
  readonly keys: readonly string[];
  readonly cursor: string;
}

export interface FeedRigOptions {
  readonly feedPage?: number;
  readonly waitingMax?: number;
  readonly retention?: Pick<Keeping, 'isCurrent' | 'isKept'>;
}

export class FeedNode {
  readonly life: RigNode;
  readonly assignments: Assignments;
  readonly reader: FeedReader;
  readonly groups: FeedGroups;
  readonly store: FeedStore;

  constructor(life: RigNode, source: IdGenerator, { feedPage = 4, waitingMax = 10, retention }: FeedRigOptions) {
    const { context } = life;
    const kv = new LinKvStore(context);
    this.life = life;
    this.assignments = new Assignments(context, kv, source, { ...ASSIGNMENT_LIMITS, feedPage }, retention);
    this.store = new FeedStore(context, kv);
    this.reader = new FeedReader({ context, store: this.store, assignments: this.assignments, waitingMax });
    this.groups = new FeedGroups(context, kv);
  }

  assign(key: string, service = SERVICE): Promise<string> {
    return this.assignments.assign(service, key);
  }

  async read({ after, limit = 1000, waitMs = 0 }: { after?: string; limit?: number; waitMs?: number } = {}) {
    const from = after === undefined ? undefined : decodeCursor(SERVICE, after, 'after');
    const { items, place } = await this.reader.read({ service: SERVICE, from, limit, waitMs });
    return answerOf(items, encodeCursor(SERVICE, place));
  }
}

function answerOf(items: readonly FeedItem[], cursor: string): Answer {
  return { ids: items.map(({ id }) => id), keys: items.map(({ key }) => key), cursor };
}

export class FeedRig {
  readonly rig = new NumberRig();
  readonly #options: FeedRigOptions;

  constructor(options: FeedRigOptions = {}) {
    this.#options = options;
  }

  /** Another node, with an empty memory. */
  async open(nodeId = `n${this.rig.lifeCount}`): Promise<FeedNode> {
    const node = this.rig.lifeCount;
    const life = this.rig.begin(nodeId);
    const { clock, randomUint32: random } = life.context;
    return new FeedNode(life, await IdGenerator.start({ node, clock, random }), this.#options);
  }

  run<Result>(work: Promise<Result>): Promise<Result> {
    return this.rig.run(work);
  }

  /** Assigns keys one after the other. */
  async assignAll(node: FeedNode, keys: readonly string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const key of keys) ids.push(await this.run(node.assign(key)));
    return ids;
  }

  /** Everything, in answers of at most `limit`. */
  async readAll(node: FeedNode, limit = 1000, after?: string): Promise<Answer> {
    const ids: string[] = [];
    const keys: string[] = [];
    for (let cursor = after; ; ) {
      const answer = await this.run(node.read({ ...(cursor !== undefined && { after: cursor }), limit }));
      ids.push(...answer.ids);
      keys.push(...answer.keys);
      cursor = answer.cursor;
      if (answer.ids.length === 0) return { ids, keys, cursor };
    }
  }

  page(number: number, service = SERVICE): (FeedPage & { readonly ver: number }) | undefined {
    const { value } = this.rig.look('lin-kv', { type: 'read', key: `feed-page/${service}/${number}` });
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** How often the store was asked to read these keys. */
  readCount(prefix: string): number {
    return this.rig.requests('read').filter(({ key }) => String(key).startsWith(prefix)).length;
  }
}
