/**
 * Whose turn it is. The engine stays with a member that answers. One that failed is avoided for a while, longer after
 * every failure in a row, and is asked all the same if no other is left.
 */

import type { Gateway } from './gateway.ts';

const AVOID_MS_FIRST = 500;
const AVOID_MS_MAX = 16_000;

export interface Member {
  readonly gateway: Gateway;
}

interface MemberState extends Member {
  failuresInRow: number;
  /** By the monotonic clock. 0: it did not fail, or has answered since. */
  failedAtMs: number;
  avoidUntilMs: number;
}

export class Members {
  readonly #states: readonly MemberState[];
  readonly #warn: (text: string) => void;
  readonly #nowMs: () => number;
  #current = 0;

  constructor(gateways: readonly Gateway[], warn: (text: string) => void, nowMs: () => number) {
    this.#states = gateways.map((gateway) => ({ gateway, failuresInRow: 0, failedAtMs: 0, avoidUntilMs: 0 }));
    this.#warn = warn;
    this.#nowMs = nowMs;
  }

  /** The member to ask next, of those that were not tried yet; undefined if there is none. */
  pick(tried: ReadonlySet<Member>): Member | undefined {
    const nowMs = this.#nowMs();
    const inTurn = [...this.#states.slice(this.#current), ...this.#states.slice(0, this.#current)];
    const left = inTurn.filter((state) => !tried.has(state));
    const usable = left.find(({ avoidUntilMs }) => avoidUntilMs <= nowMs);
    return usable ?? left.sort((one, other) => one.avoidUntilMs - other.avoidUntilMs)[0];
  }

  succeeded(member: Member): void {
    const state = this.#stateOf(member);
    this.#current = this.#states.indexOf(state);
    if (state.failuresInRow > 0) this.#warn(`etcd member ${state.gateway.url} answers again`);
    state.failuresInRow = 0;
    state.avoidUntilMs = 0;
  }

  /** @param startedMs when the failed try began: tries that were under way together count as one failure */
  failed(member: Member, startedMs: number, reason: string): void {
    const state = this.#stateOf(member);
    if (state.failuresInRow > 0 && startedMs < state.failedAtMs) return;
    const avoidMs = Math.min(AVOID_MS_FIRST * 2 ** state.failuresInRow, AVOID_MS_MAX);
    if (state.failuresInRow === 0) this.#warn(`etcd member ${state.gateway.url} failed: ${reason}`);
    state.failuresInRow++;
    state.failedAtMs = this.#nowMs();
    state.avoidUntilMs = state.failedAtMs + avoidMs;
  }

  close(): void {
    for (const { gateway } of this.#states) gateway.close();
  }

  #stateOf(member: Member): MemberState {
    return this.#states.find((state) => state === member) as MemberState;
  }
}
