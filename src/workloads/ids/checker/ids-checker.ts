/**
 * The promises of the id service, over all its operations: `generate` and `assign` hand ids out, and `status` explains
 * them. Clients also ask for the status of things that are no ids. Only `ok` counts. An operation that ended in `info`
 * is undecided, and shows in no id.
 *
 * The rules, by their names in the result: `unique` no id and no slot is handed out twice (I1) · `ascending` the ids
 * that one client gets from one node number ascend (I3) · `status-is-right` a status says what the id itself says (I5)
 * · `one-to-one` one (service, key), one id (I6) · `assignment-is-right` the assignment in a status is true (I7) ·
 * `as-asked` answers have the requested number of ids, of the requested kind (I8) · `refuses-what-is-no-id` with error
 * 12 (I9) · `feed-in-order` all readers of a feed see one order, which never changes · `feed-complete` every
 * acknowledged assignment is in its feed, before the end of it that is told later · `feed-true` and nothing else is ·
 * `feed-cursor` what follows a cursor is always the same · `group-moves-forward` a group is where a commit has put it,
 * and never moves back.
 */

import type { Checker, TestFacts } from '../../../checkers/checker.ts';
import { Findings, proofsOf } from '../../../checkers/findings.ts';
import { indexPairs } from '../../../checkers/pairs.ts';
import { asSentence, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { isRecord } from '../../../protocol/message.ts';
import { formatTimestamp } from '../../../protocol/timestamp.ts';
import { type Delivered, FeedRules } from './feed-rules.ts';
import { AssignmentRules } from './id-assignments.ts';
import { type Handout, OrderRule, readId, SlotRule } from './id-slots.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A completed operation, with indices into the history. */
interface Answer {
  readonly process: number;
  readonly invocation: number;
  readonly operation: number;
  readonly asked: Fields;
  readonly answered: Fields;
}

/** One of the answers that an operation got from a feed. */
interface FeedPart {
  readonly after?: string;
  readonly assignments: readonly Delivered[];
  readonly cursor: string;
}

export function idsChecker(): Checker {
  return {
    check(test, history) {
      const totals = countHandouts(history);
      const run = new IdsRun(test, totals.idCount + totals.assignCount);
      for (const pair of indexPairs(history)) run.observe(history, pair.invocation, pair.completion);
      const rules = run.judge(history);
      const broken = Object.values(rules).find(({ count }) => count > 0);
      const error =
        broken?.examples[0]?.problem ?? (totals.acknowledgedCount === 0 ? 'no id was acknowledged' : undefined);
      return {
        'valid?': broken !== undefined ? false : totals.acknowledgedCount === 0 ? 'unknown' : true,
        'attempted-count': totals.attemptedCount,
        'acknowledged-count': totals.acknowledgedCount,
        'id-count': totals.idCount,
        'assigned-count': run.assignedCount,
        'delivered-count': run.deliveredCount,
        ...rules,
        ...(error === undefined ? {} : { error, summary: asSentence(error) }),
        ...withProofs(proofsOf(rules)),
      };
    },
  };
}

/** The operations that ask for ids. */
interface Totals {
  readonly attemptedCount: number;
  readonly acknowledgedCount: number;
  /** How many ids were generated. */
  readonly idCount: number;
  /** The number of answers that assigned an id, or gave one that was assigned before. */
  readonly assignCount: number;
}

function countHandouts(history: History): Totals {
  let [attemptedCount, generatedCount, idCount, assignCount] = [0, 0, 0, 0];
  for (let index = 0; index < history.length; index++) {
    const f = history.functionAt(index);
    if (f !== 'generate' && f !== 'assign') continue;
    const type = history.typeAt(index);
    if (type === 'invoke') attemptedCount++;
    if (type !== 'ok') continue;
    if (f === 'assign') assignCount++;
    else {
      const ids = idsOf(history.valueAt(index));
      idCount += ids.length;
      if (ids.length > 0) generatedCount++;
    }
  }
  return { attemptedCount, acknowledgedCount: generatedCount + assignCount, idCount, assignCount };
}

class IdsRun {
  readonly #slots: SlotRule;
  readonly #order: OrderRule;
  readonly #assignments: AssignmentRules;
  readonly #feeds = new FeedRules();
  readonly #status = new Findings();
  readonly #asAsked = new Findings();
  readonly #refusal = new Findings();

  constructor(test: TestFacts, handoutsMax: number) {
    this.#slots = new SlotRule(handoutsMax);
    this.#order = new OrderRule(test);
    this.#assignments = new AssignmentRules(test.haveOwnNames ? undefined : test.nodes);
  }

  get assignedCount(): number {
    return this.#assignments.pairCount;
  }

  get deliveredCount(): number {
    return this.#feeds.deliveredCount;
  }

  observe(history: History, invocation: number, operation: number): void {
    const type = history.typeAt(operation);
    const f = history.functionAt(operation);
    // What no client knows the end of may be in a feed, or may have moved a group.
    if (f === 'assign') {
      const { service, key } = fieldsOf(history.valueAt(invocation));
      this.#feeds.observeAsked(service, key);
    }
    if (type === 'info' && f !== 'commit') return;
    const answer: Answer = {
      process: history.processAt(operation),
      invocation,
      operation,
      asked: fieldsOf(history.valueAt(invocation)),
      answered: fieldsOf(history.valueAt(operation)),
    };
    if (f === 'commit') this.#observeCommit(type, answer);
    if (type === 'info') return;
    if (type === 'fail') {
      // Other definite errors are possible for every request, at any time.
      if (isCalledMalformed(history.at(operation).error)) this.#observeRefusal(f, answer);
    } else if (f === 'generate') this.#observeGenerate(answer);
    else if (f === 'assign') this.#observeAssign(answer);
    else if (f === 'status') this.#observeStatus(answer);
    else if (f === 'feed' || f === 'consume') this.#observeFeed(answer);
  }

  judge(history: History) {
    this.#assignments.judgeTold();
    for (const handout of generated(history)) this.#assignments.observeGenerated(handout);
    const { handouts } = this.#assignments;
    for (const { id } of handouts) this.#slots.observe(id, readId(id));
    this.#feeds.judge();
    const unique = this.#slots.judge(handoutsOf(history, handouts));
    return {
      unique: unique.report(),
      ascending: this.#order.findings.report(),
      'status-is-right': this.#status.report(),
      'one-to-one': this.#assignments.oneToOne.report(),
      'assignment-is-right': this.#assignments.toldTruly.report(),
      'as-asked': this.#asAsked.report(),
      'refuses-what-is-no-id': this.#refusal.report(),
      'feed-in-order': this.#feeds.inOrder.report(),
      'feed-complete': this.#feeds.complete.report(),
      'feed-true': this.#feeds.true.report(),
      'feed-cursor': this.#feeds.cursor.report(),
      'group-moves-forward': this.#feeds.group.report(),
    };
  }

  #observeGenerate({ process, operation, asked, answered }: Answer): void {
    const ids = idsOf(answered);
    const { count = 1, kind = 'snowflake' } = asked;
    if (ids.length !== count) {
      const facts = { asked, 'answered-count': ids.length, operation };
      this.#asAsked.add('another number of ids was answered than was asked for', facts);
    }
    for (const id of ids) {
      const facts = readId(id);
      if (facts?.kind !== kind) this.#asAsked.add(`an id is no ${kind}`, { asked, id, operation });
      this.#slots.observe(id, facts);
      if (facts !== undefined) this.#order.observe(process, { id, operation }, facts);
    }
  }

  #observeStatus({ invocation, operation, asked, answered }: Answer): void {
    if (asked.bad !== undefined) {
      this.#observeBadStatus(operation, answered);
      return;
    }
    const { id, assignment, ...said } = answered;
    const facts = readId(id);
    if (facts === undefined) {
      this.#status.add('there is a status of what is no id', { id, said, operation });
      return;
    }
    const { kind, timestampMs, node, sequence } = facts;
    const expected: Fields = { kind, timestamp: formatTimestamp(timestampMs), node, sequence };
    if (Object.entries(expected).some(([name, value]) => said[name] !== value))
      this.#status.add('a status is not what the id says', { id, said, expected, operation });
    this.#assignments.observeStatus({ id, operation }, assignment, invocation);
  }

  #observeAssign({ operation, asked, answered }: Answer): void {
    const { id } = answered;
    const { service, key } = asked;
    if (readId(id)?.kind !== 'snowflake') this.#asAsked.add('an id is no snowflake', { asked, id, operation });
    // Its position in time proves nothing: it may have been assigned long ago.
    this.#assignments.observeAssign({ id, service, key, operation });
    this.#feeds.observeAcknowledged({ id, service, key, operation });
  }

  #observeFeed({ invocation, operation, answered }: Answer): void {
    const { service, group, answers } = answered;
    for (const answer of answers as readonly FeedPart[])
      this.#feeds.observeAnswer({ after: undefined, ...answer, service, group, invocation, operation });
  }

  #observeCommit(type: string, answer: Answer): void {
    const { invocation, operation, answered } = answer;
    const { service, group, cursor, now, answers } = answered;
    // The client had no cursor, and asked for one first.
    if (answers !== undefined) this.#observeFeed({ ...answer, answered: { service, answers } });
    // It has none if no reading told one.
    if (typeof cursor !== 'string' || type === 'fail') return;
    this.#feeds.observeCommit({ service, group, cursor, now: now as string | undefined, invocation, operation });
  }

  #observeBadStatus(operation: number, { name, refused, answer }: Fields): void {
    if (refused !== true) this.#refusal.add('what is no id was not refused with error 12', { name, answer, operation });
  }

  /** A well-formed request must not be called malformed. */
  #observeRefusal(f: string, { operation, asked, answered }: Answer): void {
    const { id } = answered;
    if (f === 'generate' || f === 'assign' || f === 'feed' || f === 'consume' || f === 'commit')
      this.#asAsked.add('a request was refused that is well-formed', { f, asked, operation });
    else if (f === 'status' && readId(id) !== undefined) this.#status.add('an id was refused', { id, operation });
  }
}

/** All ids that were handed out, for a second pass. */
function* handoutsOf(history: History, assigned: readonly Handout[]): IterableIterator<Handout> {
  yield* generated(history);
  yield* assigned;
}

function* generated(history: History): IterableIterator<Handout> {
  for (let index = 0; index < history.length; index++) {
    if (history.functionAt(index) !== 'generate' || history.typeAt(index) !== 'ok') continue;
    for (const id of idsOf(history.valueAt(index))) yield { id, operation: index };
  }
}

function idsOf(value: unknown): readonly unknown[] {
  const { ids } = fieldsOf(value);
  return Array.isArray(ids) ? ids : [];
}

function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function isCalledMalformed(error: unknown): boolean {
  return Array.isArray(error) && error[0] === 'malformed-request';
}
