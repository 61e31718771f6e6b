/**
 * The rules for the feeds of assignments, and for groups of consumers.
 *
 * The answers of all readers are put together to one order: what stands side by side in one answer always does, and
 * what is on both sides of a cursor always is. So an assignment that becomes visible late, behind a cursor, stands
 * between two that were neighbours before. From the order follows how far a cursor has come, and so whether an end was
 * the end, and whether a group moves forward.
 */

import { Findings } from '../../../checkers/findings.ts';
import { entryOf } from '../../../checkers/places.ts';
import { canonicalKey } from '../../../protocol/exact-json.ts';

/** One assignment of an answer. Judged here, so it may be anything. */
export type Delivered = readonly [id: unknown, key: unknown];

/** An answer of the feed. Operations are indices into the history. */
export interface FeedAnswer {
  readonly service: unknown;
  /** Undefined: it was asked for from the beginning, or by the cursor of a group. */
  readonly after: string | undefined;
  readonly group: unknown;
  readonly assignments: readonly Delivered[];
  readonly cursor: string;
  readonly invocation: number;
  readonly operation: number;
}

export interface GroupCommit {
  readonly service: unknown;
  readonly group: unknown;
  readonly cursor: string;
  /** What the answer said; undefined: it was not acknowledged. */
  readonly now: string | undefined;
  readonly invocation: number;
  readonly operation: number;
}

interface Acknowledged {
  readonly id: unknown;
  readonly service: unknown;
  readonly key: unknown;
  readonly operation: number;
}

/** Stands for what is before the first assignment of a feed. No id has this name. */
const START = 'start';

/** Who says that one thing is beside another. */
interface Neighbour {
  readonly name: string;
  readonly operation: number;
}

/** A cursor, and what was seen on both sides of it. */
interface Point {
  before?: Neighbour;
  after?: Neighbour;
  /** An earlier point, with nothing between the two. */
  same?: Point;
}

interface Place {
  readonly id: unknown;
  readonly key: unknown;
  readonly operation: number;
}

/** What is known of the feed of one service. */
class ServiceFeed {
  readonly next = new Map<string, Neighbour>();
  readonly previous = new Map<string, Neighbour>();
  readonly points = new Map<string, Point>();
  readonly start: Point = { before: { name: START, operation: -1 } };
  readonly delivered = new Map<string, Place>();
  readonly byKey = new Map<string, Place>();
  /** Answers that said: there is no more. */
  readonly ends: { readonly point: Point; readonly invocation: number; readonly operation: number }[] = [];
  readonly acknowledged: Acknowledged[] = [];
  readonly ranks = new Map<string, number>([[START, 0]]);

  pointOf(cursor: string | undefined): Point {
    return cursor === undefined ? this.start : entryOf(this.points, cursor, (): Point => ({}));
  }

  /** How many assignments are before a cursor; undefined: nothing tells. */
  rankAt(point: Point | undefined): number | undefined {
    const before = point && beforeOf(point);
    return before && this.ranks.get(before.name);
  }
}

export class FeedRules {
  readonly inOrder = new Findings();
  readonly complete = new Findings();
  readonly true = new Findings();
  readonly cursor = new Findings();
  readonly group = new Findings();
  readonly #feeds = new Map<string, ServiceFeed>();
  readonly #asked = new Set<string>();
  readonly #groupAnswers: FeedAnswer[] = [];
  readonly #commits: GroupCommit[] = [];

  /** The number of assignments that a feed has delivered. */
  get deliveredCount(): number {
    return [...this.#feeds.values()].reduce((sum, { delivered }) => sum + delivered.size, 0);
  }

  /** Takes a request for an assignment, with any outcome. */
  observeAsked(service: unknown, key: unknown): void {
    this.#asked.add(canonicalKey([service, key]));
  }

  observeAcknowledged(assigned: Acknowledged): void {
    this.#feedOf(assigned.service).acknowledged.push(assigned);
  }

  observeCommit(commit: GroupCommit): void {
    this.#commits.push(commit);
  }

  observeAnswer(answer: FeedAnswer): void {
    const { service, after, group, assignments, cursor, invocation, operation } = answer;
    const feed = this.#feedOf(service);
    const names = assignments.map(([id]) => canonicalKey(id));
    if (new Set(names).size < names.length)
      this.inOrder.add('one answer has an assignment twice', { service, operation });
    for (const [index, [id, key]] of assignments.entries()) {
      this.#observeDelivered(feed, service, { id, key, operation });
      const previous = names[index - 1];
      if (previous !== undefined) this.#link(feed, service, previous, names[index] as string, operation, this.inOrder);
    }
    const [first, last] = [names[0], names.at(-1)];
    const end = feed.pointOf(cursor);
    if (last !== undefined) this.#note(end, 'before', { name: last, operation }, service, cursor);
    if (group !== undefined) {
      this.#groupAnswers.push(answer);
      return;
    }
    const point = feed.pointOf(after);
    if (first !== undefined) this.#note(point, 'after', { name: first, operation }, service, after);
    else {
      feed.ends.push({ point, invocation, operation });
      if (end !== point) end.same ??= point;
    }
  }

  /** To be called when everything was taken. */
  judge(): void {
    for (const [name, feed] of this.#feeds) {
      const service = JSON.parse(name) as unknown;
      this.#judgeCursors(feed, service);
      this.#rank(feed, service);
      this.#judgeEnds(feed, service);
      this.#judgeTruth(feed, service);
    }
    this.#judgeGroups();
  }

  #feedOf(service: unknown): ServiceFeed {
    return entryOf(this.#feeds, canonicalKey(service), () => new ServiceFeed());
  }

  #observeDelivered(feed: ServiceFeed, service: unknown, place: Place): void {
    const name = canonicalKey(place.id);
    const known = feed.delivered.get(name);
    if (known !== undefined) {
      if (canonicalKey(known.key) !== canonicalKey(place.key))
        this.true.add('a feed has two keys for one id', {
          service,
          id: place.id,
          keys: [known.key, place.key],
          operations: [known.operation, place.operation],
        });
      return;
    }
    feed.delivered.set(name, place);
    const other = entryOf(feed.byKey, canonicalKey(place.key), () => place);
    if (other !== place)
      this.true.add('a feed has two ids for one key', {
        service,
        key: place.key,
        ids: [other.id, place.id],
        operations: [other.operation, place.operation],
      });
  }

  /** One thing follows another. */
  #link(feed: ServiceFeed, service: unknown, name: string, next: string, operation: number, rule: Findings): void {
    const known = feed.next.get(name);
    const before = feed.previous.get(next);
    if (known !== undefined && known.name !== next)
      rule.add('after one assignment there came two', {
        service,
        after: name,
        came: [known.name, next],
        operations: [known.operation, operation],
      });
    else if (before !== undefined && before.name !== name)
      rule.add('before one assignment there were two', {
        service,
        before: next,
        were: [before.name, name],
        operations: [before.operation, operation],
      });
    else if (known === undefined) {
      feed.next.set(name, { name: next, operation });
      feed.previous.set(next, { name, operation });
    }
  }

  #note(point: Point, side: 'before' | 'after', seen: Neighbour, service: unknown, cursor: string | undefined): void {
    point[side] ??= seen;
    const known = point[side];
    if (known.name === seen.name) return;
    this.cursor.add(`a cursor stands ${side === 'before' ? 'behind' : 'before'} two assignments`, {
      service,
      cursor,
      assignments: [known.name, seen.name],
      operations: [known.operation, seen.operation],
    });
  }

  /** What follows a cursor is what follows the assignment before it. */
  #judgeCursors(feed: ServiceFeed, service: unknown): void {
    for (const point of [feed.start, ...feed.points.values()]) {
      const before = beforeOf(point);
      const { after } = point;
      if (before !== undefined && after !== undefined)
        this.#link(feed, service, before.name, after.name, after.operation, this.cursor);
    }
  }

  #rank(feed: ServiceFeed, service: unknown): void {
    let rank = 0;
    for (let at = feed.next.get(START); at !== undefined; at = feed.next.get(at.name)) {
      if (feed.ranks.has(at.name)) {
        this.inOrder.add('the order of a feed runs in a circle', { service, at: at.name, operation: at.operation });
        return;
      }
      feed.ranks.set(at.name, ++rank);
    }
  }

  /** What was acknowledged before a request is before the end that it was told. */
  #judgeEnds(feed: ServiceFeed, service: unknown): void {
    const { acknowledged, ends, delivered, ranks } = feed;
    const last = ends.at(-1);
    const late: { readonly rank: number; readonly assigned: Acknowledged }[] = [];
    for (const assigned of acknowledged) {
      const name = canonicalKey(assigned.id);
      const facts = { service, id: assigned.id, key: assigned.key };
      if (!delivered.has(name)) {
        if (last !== undefined && assigned.operation < last.invocation)
          this.complete.add('an assignment is not in the feed', {
            ...facts,
            operations: [assigned.operation, last.operation],
          });
        continue;
      }
      const rank = ranks.get(name);
      // The highest so far: all others were due before.
      if (rank !== undefined && rank > (late.at(-1)?.rank ?? 0)) late.push({ rank, assigned });
    }
    for (const { point, invocation, operation } of ends) {
      const rank = feed.rankAt(point);
      if (rank === undefined) continue;
      const missed = late.find((due) => due.rank > rank);
      if (missed === undefined || missed.assigned.operation > invocation) continue;
      const { id, key, operation: acknowledgement } = missed.assigned;
      this.complete.add('a feed ended before an assignment', {
        ...{ service, id, key },
        operations: [acknowledgement, operation],
      });
    }
  }

  #judgeTruth(feed: ServiceFeed, service: unknown): void {
    for (const { id, key, operation } of feed.delivered.values()) {
      if (!this.#asked.has(canonicalKey([service, key])))
        this.true.add('a feed has an assignment that no client asked for', { service, id, key, operation });
    }
    for (const { id, key, operation } of feed.acknowledged) {
      const told = feed.byKey.get(canonicalKey(key));
      if (told === undefined || canonicalKey(told.id) === canonicalKey(id)) continue;
      const operations = [operation, told.operation];
      this.true.add('a feed has another id than was acknowledged', { service, key, ids: [id, told.id], operations });
    }
  }

  #judgeGroups(): void {
    const groups = new Map<string, { commits: GroupCommit[]; answers: FeedAnswer[] }>();
    const ofGroup = ({ service, group }: { readonly service: unknown; readonly group: unknown }) =>
      entryOf(groups, canonicalKey([service, group]), () => ({ commits: [], answers: [] }));
    for (const commit of this.#commits) ofGroup(commit).commits.push(commit);
    for (const answer of this.#groupAnswers) ofGroup(answer).answers.push(answer);
    for (const { commits, answers } of groups.values()) {
      const { service } = (commits[0] ?? answers[0]) as GroupCommit | FeedAnswer;
      this.#judgeGroup(this.#feedOf(service), commits, answers);
    }
  }

  #judgeGroup(feed: ServiceFeed, commits: readonly GroupCommit[], answers: readonly FeedAnswer[]): void {
    const rankOf = (cursor: string) => feed.rankAt(feed.points.get(cursor));
    // In the order of their ends, with the highest so far.
    const steps: { readonly rank: number; readonly operation: number }[] = [];
    for (const { cursor, now, operation } of commits) {
      const rank = now === undefined ? undefined : Math.max(rankOf(cursor) ?? 0, rankOf(now) ?? 0);
      if (rank !== undefined && rank > (steps.at(-1)?.rank ?? 0)) steps.push({ rank, operation });
    }
    const highestBefore = (index: number) => steps.findLast(({ operation }) => operation < index);
    for (const { service, group, cursor, now, invocation, operation } of commits) {
      const rank = now === undefined ? undefined : rankOf(now);
      const before = highestBefore(invocation);
      const asked = rankOf(cursor) ?? 0;
      if (rank !== undefined && rank < Math.max(asked, before?.rank ?? 0))
        this.group.add('a group was said to be where it had moved on from', {
          ...{ service, group, cursor, now },
          operations: [before?.operation, operation],
        });
    }
    const places = new Set([0, ...commits.map(({ cursor }) => rankOf(cursor))]);
    for (const { service, group, assignments, invocation, operation } of answers) {
      const [first] = assignments;
      const rank = first && feed.ranks.get(canonicalKey(first[0]));
      if (rank === undefined) continue;
      const before = highestBefore(invocation);
      const facts = { service, group, id: first?.[0], operations: [before?.operation, operation] };
      if (rank <= (before?.rank ?? 0)) this.group.add('a group has moved back', facts);
      else if (!places.has(rank - 1) && !places.has(undefined))
        this.group.add('a group is where no commit has put it', facts);
    }
  }
}

/** What is before a point, directly or through points that are the same. */
function beforeOf(point: Point): Neighbour | undefined {
  const seen = new Set<Point>();
  for (let at: Point | undefined = point; at !== undefined && !seen.has(at); at = at.same) {
    if (at.before !== undefined) return at.before;
    seen.add(at);
  }
  return undefined;
}
