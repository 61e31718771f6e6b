/**
 * The rules for the histories of transfers. First come the steps that can be undone, then the pivot, then the steps
 * that are retried until they succeed. A transfer that does not reach the pivot is undone from its last compensable
 * step down to its first, each step once, whether it was carried out or not.
 */

import { Findings } from '../../../checkers/findings.ts';
import type { ObservedRun } from './record.ts';
import { isTerminal, type Status, type Transfer, type Transition } from './transfer.ts';

interface ToldHistory {
  readonly history: readonly Transition[];
  readonly operation: number;
}

export class HistoryRules {
  readonly compensatesInOrder = new Findings();
  /** Histories that do not fit the outcome. */
  readonly allOrNothing: Findings;

  constructor(run: ObservedRun, allOrNothing: Findings) {
    this.allOrNothing = allOrNothing;
    for (const transfer of run.transfers.values()) this.#judge(transfer);
  }

  #judge(transfer: Transfer): void {
    const { requestId: request_id } = transfer;
    for (const { history, operation } of this.#different(transfer)) {
      const breach = findBreach(history, transfer.legs.length);
      if (breach !== undefined)
        this.compensatesInOrder.add(breach.problem, {
          request_id,
          history: inWords(history),
          ...breach.facts,
          operation,
        });
    }
    const mixed = transfer.statuses.find(isMixed);
    if (mixed !== undefined) {
      const { state, history, operation } = mixed;
      this.allOrNothing.add(
        state === 'committed' ? 'a committed transfer was compensated' : 'an aborted transfer was committing',
        { request_id, history: inWords(history), operation },
      );
    }
  }

  /** All histories in answers, except those that are the beginning of others. */
  #different({ requestId: request_id, statuses }: Transfer): ToldHistory[] {
    let longest: (ToldHistory & { readonly names: readonly string[] }) | undefined;
    const others: ToldHistory[] = [];
    for (const { state, history, operation } of statuses) {
      if (state === null) continue;
      const last = history.at(-1)?.state;
      if (last !== state)
        this.compensatesInOrder.add('a history ends in another state than the one told', {
          request_id,
          state,
          last,
          operation,
        });
      const names = history.map((transition) => nameOf(transition));
      const known = longest?.names ?? [];
      const differing = names.findIndex((name, index) => index < known.length && name !== known[index]);
      if (differing >= 0) {
        const facts = { request_id, at: differing, histories: [known.slice(differing), names.slice(differing)] };
        const operations = [longest?.operation, operation];
        this.compensatesInOrder.add('two histories of one transfer contradict each other', { ...facts, operations });
        others.push({ history, operation });
      } else if (names.length > known.length) {
        longest = { history, operation, names };
      }
    }
    return longest === undefined ? others : [longest, ...others];
  }
}

function isMixed({ state, history }: Status): boolean {
  if (state === 'committed') return history.some((transition) => transition.state === 'compensating');
  return state === 'aborted' && history.some((transition) => transition.state === 'committing');
}

interface Breach {
  readonly problem: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The first mistake in a history, as far as it goes. @param legCount 0 if unknown */
function findBreach(history: readonly Transition[], legCount: number): Breach | undefined {
  let pivoted = false;
  for (const [index, transition] of history.entries()) {
    if (pivoted && transition.state === 'compensating')
      return { problem: 'a transfer was compensated after the pivot', facts: { index } };
    pivoted ||= transition.state === 'committing';
    const problem = findStepProblem(history[index - 1], transition, legCount);
    if (problem !== undefined) return { problem, facts: { index } };
  }
  return undefined;
}

/** What is wrong with a step after right ones. */
function findStepProblem(
  before: Transition | undefined,
  { state, at }: Transition,
  legCount: number,
): string | undefined {
  if (before === undefined) {
    // A transfer that was fenced off before it began has been aborted and nothing else.
    return (state === 'running' || state === 'aborted') && at === 0
      ? undefined
      : 'a history does not begin at the beginning';
  }
  const follows = 'a transfer came into a state that cannot follow';
  if (isTerminal(before.state)) return 'a transfer went on after it had ended';
  switch (state) {
    case 'committing':
      return before.state === 'running' && at === 1 ? undefined : follows;
    case 'committed':
      return before.state === 'committing' && at === 0 ? undefined : follows;
    case 'aborted':
      if (before.state !== 'compensating' || at !== 0) return follows;
      return before.at === 0 ? undefined : 'a transfer was aborted before all of it was compensated';
    case 'compensating':
      if (before.state === 'compensating')
        return at === before.at - 1 ? undefined : 'compensation did not descend step by step';
      // It was running: compensation after the pivot is found before.
      return legCount === 0 || at === legCount - 1 ? undefined : 'compensation did not begin at the last step';
    default:
      return follows;
  }
}

function nameOf({ state, at, node, time }: Transition): string {
  return `${state} at ${at} by ${node}, ${time}`;
}

function inWords(history: readonly Transition[]): string {
  return history.map(({ state, at }) => `${state} at ${at}`).join(', ');
}
