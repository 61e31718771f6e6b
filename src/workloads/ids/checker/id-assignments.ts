/**
 * Two rules for ids that are assigned to a (service, key). The assignment is one to one, at any time and on any node
 * (I6). A status tells it truly, and as soon as it was acknowledged (I7).
 *
 * Completions are taken in the order of the history. Some things are judged only at the end, because a later answer may
 * contradict an earlier one.
 */

import { Findings } from '../../../checkers/findings.ts';
import { canonicalKey } from '../../../protocol/exact-json.ts';
import { isRecord } from '../../../protocol/message.ts';
import type { Handout } from './id-slots.ts';

/** An answer that gave `id` to a service and key. */
interface AssignedId extends Handout {
  readonly service: unknown;
  readonly key: unknown;
}

/** A status that told an assignment. */
interface ToldAssignment extends AssignedId {
  /** The whole of it, as text. */
  readonly text: string;
}

export class AssignmentRules {
  readonly oneToOne = new Findings();
  readonly toldTruly = new Findings();
  /** A set of anything: what a status says may be any JSON value. */
  readonly #nodes: ReadonlySet<unknown> | undefined;
  /** Every id of every (service, key), once each. The first is the one that was acknowledged first. */
  readonly #assigned: AssignedId[] = [];
  readonly #assignedByPair = new Map<string, AssignedId[]>();
  readonly #assignedById = new Map<string, AssignedId[]>();
  /** The assignments in statuses, once each. */
  readonly #toldById = new Map<string, ToldAssignment[]>();
  readonly #toldByPair = new Map<string, ToldAssignment>();

  /** @param nodes all nodes that may have assigned an id; undefined: their names are not known */
  constructor(nodes: readonly string[] | undefined) {
    this.#nodes = nodes && new Set(nodes);
  }

  /** Each id of each (service, key) once, however often it was answered. */
  get handouts(): readonly Handout[] {
    return this.#assigned;
  }

  /** The number of acknowledged (service, key). */
  get pairCount(): number {
    return this.#assignedByPair.size;
  }

  /** Takes an acknowledged assignment. */
  observeAssign(assigned: AssignedId): void {
    const { service, key, id, operation } = assigned;
    const ofPair = listOf(this.#assignedByPair, pairName(assigned));
    const name = idName(id);
    if (ofPair.some((other) => idName(other.id) === name)) return;
    const ofId = listOf(this.#assignedById, name);
    const [otherId] = ofPair;
    const [otherPair] = ofId;
    if (otherId !== undefined) {
      const facts = { service, key, ids: [otherId.id, id], operations: [otherId.operation, operation] };
      this.oneToOne.add('one service and key got two ids', facts);
    }
    if (otherPair !== undefined) {
      const to = [nameOfPair(otherPair), nameOfPair(assigned)];
      this.oneToOne.add('one id was assigned twice', { id, to, operations: [otherPair.operation, operation] });
    }
    ofPair.push(assigned);
    ofId.push(assigned);
    this.#assigned.push(assigned);
  }

  /**
   * Takes the assignment in an acknowledged status of `id`.
   *
   * @param assignment undefined if the status has none
   * @param invocation the index of the invocation: assignments that were acknowledged before it must be in the status
   */
  observeStatus({ id, operation }: Handout, assignment: unknown, invocation: number): void {
    if (assignment === undefined) {
      this.#requireUnknown({ id, operation }, invocation);
      return;
    }
    const problem = this.#problemOf(assignment);
    if (problem !== undefined) this.toldTruly.add(problem, { id, assignment, operation });
    if (!isRecord(assignment)) return;
    const { service, key } = assignment;
    this.#observeTold({ id, operation, service, key, text: canonicalKey(assignment) }, assignment);
  }

  /** Takes an id that was generated. To be called after everything else was taken. */
  observeGenerated({ id, operation }: Handout): void {
    const name = idName(id);
    const assigned = this.#assignedById.get(name)?.[0];
    const told = this.#toldById.get(name)?.[0];
    const problem = 'an id that is assigned was generated, too';
    const facts = (other: AssignedId) => ({ id, to: nameOfPair(other), operations: [operation, other.operation] });
    if (assigned !== undefined) this.oneToOne.add(problem, facts(assigned));
    else if (told !== undefined) this.toldTruly.add(problem, facts(told));
  }

  /** Compares the statuses with every acknowledged assignment, earlier and later ones. */
  judgeTold(): void {
    for (const told of [...this.#toldById.values()].flat()) {
      const name = idName(told.id);
      const pair = pairName(told);
      const contradiction =
        this.#assignedByPair.get(pair)?.find((assigned) => idName(assigned.id) !== name) ??
        this.#assignedById.get(name)?.find((assigned) => pairName(assigned) !== pair);
      if (contradiction === undefined) continue;
      this.toldTruly.add('a status tells another assignment than was acknowledged', {
        id: told.id,
        told: nameOfPair(told),
        acknowledged: { ...nameOfPair(contradiction), id: contradiction.id },
        operations: [told.operation, contradiction.operation],
      });
    }
  }

  #requireUnknown({ id, operation }: Handout, invocation: number): void {
    const name = idName(id);
    // An earlier answer must stay true as well.
    const known = this.#assignedById.get(name)?.[0] ?? this.#toldById.get(name)?.[0];
    if (known === undefined || known.operation > invocation) return;
    const facts = { id, to: nameOfPair(known), operations: [known.operation, operation] };
    this.toldTruly.add('a status does not tell the assignment', facts);
  }

  #problemOf(assignment: unknown): string | undefined {
    if (!isRecord(assignment)) return 'an assignment is no object';
    const { service, key, node, created_at: createdAt } = assignment;
    if (typeof service !== 'string' || typeof key !== 'string') return 'an assignment does not name service and key';
    if (this.#nodes?.has(node) === false) return 'an assignment is by no node of this run';
    if (typeof node !== 'string' || node === '') return 'an assignment does not name its node';
    if (typeof createdAt !== 'string' || !ISO_8601.test(createdAt)) return 'an assignment has no time';
    return undefined;
  }

  #observeTold(told: ToldAssignment, assignment: unknown): void {
    const ofId = listOf(this.#toldById, idName(told.id));
    if (ofId.some(({ text }) => text === told.text)) return;
    const ofPair = this.#toldByPair.get(pairName(told));
    const other = ofId[0] ?? ofPair;
    if (other !== undefined) {
      const operations = [other.operation, told.operation];
      this.toldTruly.add('two statuses tell different assignments', {
        ids: [other.id, told.id],
        assignment,
        operations,
      });
    }
    ofId.push(told);
    if (ofPair === undefined) this.#toldByPair.set(pairName(told), told);
  }
}

const ISO_8601 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Most ids are texts, and this runs for millions of them. No other id has a name like a text. */
function idName(id: unknown): string {
  return typeof id === 'string' ? id : `not a text: ${canonicalKey(id)}`;
}

function pairName({ service, key }: AssignedId): string {
  return canonicalKey([service, key]);
}

function nameOfPair({ service, key }: AssignedId) {
  return { service, key };
}

function listOf<Item>(lists: Map<string, Item[]>, name: string): Item[] {
  let list = lists.get(name);
  if (list === undefined) {
    list = [];
    lists.set(name, list);
  }
  return list;
}
