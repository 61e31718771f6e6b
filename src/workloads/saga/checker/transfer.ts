/** One transfer, with all its attempts: what it was to do, and all answers about it. */

import { byCompletion, type Completed, NEVER } from '../../../checkers/places.ts';

export interface Leg {
  readonly account: string;
  readonly amount: number;
}

/** The body of a transfer, as requested. */
export interface TransferBody {
  readonly legs?: readonly Leg[];
  readonly from?: string;
  readonly to?: string;
  readonly amount?: number;
}

export interface Transition {
  readonly state: string;
  readonly at: number;
  readonly node: string;
  readonly time: string;
}

/** The outcome of a transfer in an answer. */
export interface Ending extends Completed {
  readonly by: 'transfer' | 'replay' | 'status';
  readonly outcome: string;
  readonly reason: string | undefined;
}

/** The progress of a transfer in an answer. */
export interface Status extends Completed {
  /** One of `statuses`, not a `status` alone. */
  readonly ofAll: boolean;
  /** Null: there was no such transfer. */
  readonly state: string | null;
  readonly reason: string | undefined;
  readonly history: readonly Transition[];
}

export class Transfer {
  readonly requestId: string;
  /** The first request; none if there was none, or if it does not say what to move. */
  legs: readonly Leg[] = [];
  /** Where it was first requested. */
  firstAsked = NEVER;
  /** Whether all its attempts ended in definite errors. */
  failedAlways = true;
  /** The first answer with its outcome. It must be kept from then on. */
  acknowledgedAt = NEVER;
  /** The first status that says that it has ended. */
  endedAt = NEVER;
  /** The first answer that says that it has begun. */
  existedAt = NEVER;
  /** Each answer with an outcome. */
  readonly endings: Ending[] = [];
  readonly statuses: Status[] = [];

  constructor(requestId: string) {
    this.requestId = requestId;
  }

  ask(body: TransferBody, invocation: number): void {
    if (this.firstAsked === NEVER) this.legs = legsOf(body) ?? [];
    this.firstAsked = Math.min(this.firstAsked, invocation);
  }

  addAnswer(answer: Ending): void {
    this.endings.push(answer);
    this.acknowledge(answer.operation);
  }

  acknowledge(operation: number): void {
    this.failedAlways = false;
    this.acknowledgedAt = Math.min(this.acknowledgedAt, operation);
    this.existedAt = Math.min(this.existedAt, operation);
  }

  addStatus(status: Status): void {
    this.statuses.push(status);
    const { state, reason, invocation, operation } = status;
    if (state !== null) this.existedAt = Math.min(this.existedAt, operation);
    if (!isTerminal(state)) return;
    this.endedAt = Math.min(this.endedAt, operation);
    this.endings.push({ by: 'status', outcome: state, reason, invocation, operation });
  }

  endingsInOrder(): readonly Ending[] {
    return this.endings.toSorted(byCompletion);
  }

  /** The first answer of `transfer`, or else of a replay. */
  firstAnswer(): Ending | undefined {
    const answers = this.endingsInOrder();
    return answers.find(({ by }) => by === 'transfer') ?? answers.find(({ by }) => by === 'replay');
  }
}

export function isTerminal(state: string | null): state is 'committed' | 'aborted' {
  return state === 'committed' || state === 'aborted';
}

/** For a finding. */
export function told({ outcome, reason }: Ending): string {
  return reason === undefined ? outcome : `${outcome}: ${reason}`;
}

/** What a body moves; undefined if it does not say, or says it twice. */
export function legsOf({ legs, from, to, amount }: TransferBody): readonly Leg[] | undefined {
  if (legs !== undefined) return from === undefined && to === undefined && amount === undefined ? legs : undefined;
  if (from === undefined || to === undefined || amount === undefined) return undefined;
  return [
    { account: from, amount: -amount },
    { account: to, amount },
  ];
}

/** Whether a body asks for something that can be done. */
export function isWellFormed(body: TransferBody): boolean {
  const legs = legsOf(body);
  return legs !== undefined && (body.amount ?? 1) > 0 && areEven(legs);
}

function areEven(legs: readonly Leg[]): boolean {
  const accounts = new Set(legs.map(({ account }) => account));
  const sum = legs.reduce((total, { amount }) => total + amount, 0);
  return accounts.size === legs.length && sum === 0 && legs.every(({ amount }) => amount !== 0);
}
