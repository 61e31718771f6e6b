/**
 * The rules for the outcomes of transfers in answers. A request that ended in `info` is undecided. Its other answers
 * and its statuses say whether it moved money.
 */

import { Findings } from '../../../checkers/findings.ts';
import { entryOf, isBefore, NEVER } from '../../../checkers/places.ts';
import { type FinalReads, findRestless } from './final.ts';
import type { Account, ObservedRun, Refusal } from './record.ts';
import { type Ending, isTerminal, type Transfer, told } from './transfer.ts';

/** Errors that call a transfer impossible, although it was carried out. */
const CONTRADICTIONS: ReadonlySet<unknown> = new Set(['key-does-not-exist', 'precondition-failed']);

export class OutcomeRules {
  readonly acknowledgedIsKept = new Findings();
  readonly settles = new Findings();
  readonly oneOutcome = new Findings();
  readonly answersAgree = new Findings();
  readonly refusesAnotherBody = new Findings();
  readonly readsAreCurrent: Findings;
  readonly #run: ObservedRun;
  readonly #final: FinalReads;

  constructor(run: ObservedRun, final: FinalReads, readsAreCurrent: Findings) {
    this.#run = run;
    this.#final = final;
    this.readsAreCurrent = readsAreCurrent;
    this.#judgeSettling();
    for (const transfer of run.transfers.values()) {
      this.#judgeKept(transfer);
      this.#judgeStuck(transfer);
      this.#judgeOutcomes(transfer);
      this.#judgeRepeats(transfer);
      this.#judgeStatuses(transfer);
    }
    for (const refusal of run.refusals) this.#judgeRefusal(refusal);
    for (const { requestId: request_id, refused, operation } of run.otherBodies)
      if (refused === false)
        this.refusesAnotherBody.add('a request id was accepted for another transfer', { request_id, operation });
  }

  #judgeSettling(): void {
    const { settling } = this.#final;
    const restless = findRestless(this.#run, this.#final);
    if (restless !== undefined)
      this.settles.add('accounts changed still when everything had settled', { operation: restless.operation });
    if (settling === undefined || settling.unfinished.length === 0) return;
    const { unfinished, operation } = settling;
    this.settles.add('transfers were unfinished still when replays began', { unfinished, operation });
  }

  /** Compared with the final status. */
  #judgeKept(transfer: Transfer): void {
    const { requestId: request_id, firstAsked, failedAlways, acknowledgedAt } = transfer;
    const unasked = transfer.statuses.find(({ state, operation }) => state !== null && operation < firstAsked);
    if (unasked !== undefined) {
      const { state, operation } = unasked;
      this.acknowledgedIsKept.add('a transfer is known that was not requested', { request_id, state, operation });
    }
    const final = this.#final.statusOf(transfer);
    if (final === undefined) return;
    const { state, operation } = final;
    if (state === null && acknowledgedAt !== NEVER) {
      const operations = [acknowledgedAt, operation];
      this.acknowledgedIsKept.add('an acknowledged transfer is not known in the end', { request_id, operations });
    }
    if (state === 'committed' && failedAlways && firstAsked !== NEVER)
      this.acknowledgedIsKept.add('a transfer was committed that had only been refused', { request_id, operation });
    if (!isTerminal(state)) return;
    const other = transfer.endings.find(({ by, outcome }) => by === 'transfer' && outcome !== state);
    if (other === undefined) return;
    const operations = [other.operation, operation];
    this.acknowledgedIsKept.add(`a transfer was answered ${other.outcome} and is ${state} in the end`, {
      request_id,
      operations,
    });
  }

  #judgeStuck(transfer: Transfer): void {
    const stuck = transfer.statuses.find((status) => this.#final.isStuck(transfer, status));
    if (stuck === undefined) return;
    const { requestId: request_id } = transfer;
    const { state, operation } = stuck;
    this.settles.add('a transfer was under way still in the end', { request_id, state, operation });
  }

  #judgeOutcomes(transfer: Transfer): void {
    const different = new Map<string, Ending>();
    for (const ending of transfer.endingsInOrder()) entryOf(different, told(ending), () => ending);
    if (different.size < 2) return;
    const { requestId: request_id } = transfer;
    const endings = [...different.values()];
    const outcomes = new Set(endings.map(({ outcome }) => outcome));
    this.oneOutcome.add(
      outcomes.size > 1 ? 'a transfer was told to have ended in two ways' : 'a transfer was told to have two reasons',
      { request_id, told: endings.map(told), operations: endings.map(({ operation }) => operation) },
    );
  }

  /** Replays and statuses, compared with earlier answers. */
  #judgeRepeats(transfer: Transfer): void {
    const first = transfer.firstAnswer();
    if (first === undefined) return;
    for (const ending of transfer.endings) {
      if (ending.by === 'transfer' || !isBefore(first, ending) || told(first) === told(ending)) continue;
      const problem =
        ending.by === 'replay' ? 'a replay was answered otherwise' : 'a status says otherwise than was answered';
      this.answersAgree.add(problem, {
        request_id: transfer.requestId,
        told: [told(first), told(ending)],
        operations: [first.operation, ending.operation],
      });
    }
  }

  #judgeStatuses({ requestId: request_id, statuses, acknowledgedAt, endedAt, existedAt }: Transfer): void {
    for (const { state, invocation, operation } of statuses) {
      if (isTerminal(state)) continue;
      const facts = { request_id, state };
      if (acknowledgedAt < invocation) {
        const operations = [acknowledgedAt, operation];
        this.readsAreCurrent.add('a status does not show what was acknowledged before', { ...facts, operations });
      } else if (endedAt < invocation) {
        const operations = [endedAt, operation];
        this.readsAreCurrent.add('a transfer had ended before and a status does not show it', { ...facts, operations });
      } else if (state === null && existedAt < invocation) {
        const operations = [existedAt, operation];
        this.readsAreCurrent.add('a transfer was known before and a status does not know it', { ...facts, operations });
      }
    }
  }

  #judgeRefusal({ f, asked, error, accounts, wellFormed, operation }: Refusal): void {
    if (f === 'replay' && CONTRADICTIONS.has(error)) {
      this.answersAgree.add('a replay was refused', { asked, refusal: error, operation });
    } else if (f.startsWith('transfer') && error === 'precondition-failed' && wellFormed) {
      // The original has precedence over another body. The client may have opened an account first, and that is refused
      // if it was closed meanwhile.
      const mayBeClosed = accounts.some(
        (name) => (this.#run.accounts.get(name) as Account).maybeClosedSince < operation,
      );
      if (!mayBeClosed) this.refusesAnotherBody.add('a transfer was refused as another one', { asked, operation });
    }
  }
}
