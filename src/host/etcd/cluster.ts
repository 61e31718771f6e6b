/**
 * A request to the cluster: tried with one member, and with the next where that is safe. Safe means: the request only
 * reads, or the failure proves that nothing was done. What a failed try of a write has left unknown stays unknown;
 * nothing here repeats it.
 */

import { classifyFailure, describeFailure, type Failure, type FailureRow } from './failures.ts';
import { type Attempt, type EtcdTls, Gateway } from './gateway.ts';
import { type Member, Members } from './members.ts';

export interface ClusterOptions {
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls;
  readonly user: string | undefined;
  readonly password: string;
  /** For one try. All tries of a call take at most twice as long, and once more if it has to wait for a token. */
  readonly timeoutMs: number;
  readonly warn: (text: string) => void;
  /** What a failed try proves. Only tests have another. */
  readonly classify?: (failure: Failure) => FailureRow;
}

export interface Request {
  readonly path: string;
  readonly body: object;
  /** Whether it may be sent again although an earlier copy may have been carried out. */
  readonly idempotent: boolean;
}

/** `notDone`: it is proven that the request had no effect and never will have one. */
export type CallResult =
  | { readonly kind: 'ok'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly notDone: boolean; readonly failure: Failure; readonly text: string };

export interface ClusterCounts {
  requestsSent: number;
  failovers: number;
  timeouts: number;
  logins: number;
}

/** A token that is not known to a member may keep a request waiting instead of being refused. */
const TOKEN_TIMEOUTS_MAX = 3;
const MONOTONIC_MS = () => performance.now();

type Token =
  | { readonly kind: 'ok'; readonly token: string | undefined }
  | { readonly kind: 'failed'; readonly failure: Failure };

export class Cluster {
  readonly counts: ClusterCounts = { requestsSent: 0, failovers: 0, timeouts: 0, logins: 0 };
  readonly gateways: readonly Gateway[];
  readonly #options: ClusterOptions;
  readonly #members: Members;
  readonly #classify: (failure: Failure) => FailureRow;
  #token: Promise<Token> | undefined;
  /** Tries in a row with this token that were not answered in time. */
  #tokenTimeouts = 0;

  constructor(options: ClusterOptions) {
    const { endpoints, tls, timeoutMs, warn, classify = classifyFailure } = options;
    this.#options = options;
    this.#classify = classify;
    this.gateways = endpoints.map((url) => new Gateway(url, tls, timeoutMs));
    this.#members = new Members(this.gateways, warn, MONOTONIC_MS);
  }

  /** Never rejects, and ends within its time (`timeoutMs`). */
  call(request: Request): Promise<CallResult> {
    return this.#call(request, () => this.#login());
  }

  close(): void {
    this.#members.close();
  }

  async #call({ path, body, idempotent }: Request, login: () => Promise<Token>): Promise<CallResult> {
    const { timeoutMs } = this.#options;
    const endMs = MONOTONIC_MS() + 2 * timeoutMs;
    const text = JSON.stringify(body);
    const tried = new Set<Member>();
    let member = this.#members.pick(tried) as Member;
    for (let isRenewed = false; ; ) {
      const token = login();
      const known = await token;
      if (known.kind === 'failed') return this.#fail(known.failure, true);
      const startedMs = MONOTONIC_MS();
      if (startedMs >= endMs) return this.#fail({ kind: 'not-sent', reason: 'the token came too late' }, true);
      const result = await this.#try(member, path, text, known.token, Math.min(timeoutMs, endMs - startedMs));
      if (result.kind === 'ok') {
        this.#members.succeeded(member);
        return result;
      }
      const { failure } = result;
      const { provesNotDone, remedy } = this.#classify(failure);
      if (remedy === 'member') this.#members.failed(member, startedMs, describeFailure(failure));
      const renews = remedy === 'token' && known.token !== undefined && !isRenewed;
      if (remedy === 'token') this.#forget(token);
      tried.add(member);
      const next = renews ? member : this.#members.pick(tried);
      const isSafe = provesNotDone || idempotent;
      if (!isSafe || !(renews || remedy === 'member') || next === undefined || MONOTONIC_MS() >= endMs)
        return this.#fail(failure, provesNotDone);
      if (renews) isRenewed = true;
      else this.counts.failovers++;
      member = next;
    }
  }

  async #try(
    member: Member,
    path: string,
    text: string,
    token: string | undefined,
    timeoutMs: number,
  ): Promise<Attempt> {
    this.counts.requestsSent++;
    const result = await member.gateway.post(path, text, token, timeoutMs);
    const isTimeout = result.kind === 'failed' && result.failure.kind === 'timeout';
    if (isTimeout) this.counts.timeouts++;
    if (token === undefined) return result;
    this.#tokenTimeouts = isTimeout ? this.#tokenTimeouts + 1 : 0;
    if (this.#tokenTimeouts >= TOKEN_TIMEOUTS_MAX) this.#forget(this.#token);
    return result;
  }

  #fail(failure: Failure, notDone: boolean): CallResult {
    return { kind: 'failed', notDone, failure, text: describeFailure(failure) };
  }

  /** The token in use; callers that find none share one request for it. */
  #login(): Promise<Token> {
    this.#token ??= this.#options.user === undefined ? NO_TOKEN : this.#authenticate(this.#options.user);
    return this.#token;
  }

  async #authenticate(name: string): Promise<Token> {
    this.counts.logins++;
    const body = { name, password: this.#options.password };
    const request = { path: '/v3/auth/authenticate', body, idempotent: true };
    const result = await this.#call(request, () => NO_TOKEN);
    const token = result.kind === 'ok' ? (result.body as { readonly token?: unknown }).token : undefined;
    if (typeof token === 'string') return { kind: 'ok', token };
    const reason = result.kind === 'ok' ? 'the answer holds no token' : result.text;
    const code = result.kind === 'failed' && 'code' in result.failure ? { code: String(result.failure.code) } : {};
    // The next call asks anew.
    this.#token = undefined;
    return { kind: 'failed', failure: { kind: 'not-sent', reason: `user ${name} has no token: ${reason}`, ...code } };
  }

  /** Lets the next call ask for a new token, unless one is asked for already. */
  #forget(token: Promise<Token> | undefined): void {
    if (this.#token !== token) return;
    this.#token = undefined;
    this.#tokenTimeouts = 0;
  }
}

const NO_TOKEN: Promise<Token> = Promise.resolve({ kind: 'ok', token: undefined });
