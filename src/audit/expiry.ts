/**
 * Removes pages whose entries are all older than what is kept, the oldest first. Before a page goes, the head says,
 * signed, that the chain starts after it. Any instance may do it for all chains, and several at a time.
 *
 * The newest page of a chain is closed before it is removed, so that its instance, which may only have been idle, turns
 * to the next page. The head of a chain stays for ever: it is what others have seen of the chain.
 */

import type { StoreEngine } from '../kv/store.ts';
import { Sweep } from '../kv/sweep.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { type AuditDocuments, auditDocuments } from './begin-chain.ts';
import { type ChainHash, type ReadLine, readLine } from './entry.ts';
import { AUDIT_PREFIX, type Head, headKey, isSigned, lastKeyOf, pageKey, parseAuditKey, signed } from './records.ts';

const HOUR_MS = 3_600_000;
/** Passes in the time that is kept; at least one an hour. */
const PASSES = 16;
/** Pages a second. */
const PAGES_A_SECOND = 100;

export interface ExpiryOptions {
  readonly engine: StoreEngine;
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32' | 'log'>;
  readonly hash: ChainHash;
  /** How long entries are kept, ms. */
  readonly retainMs: number;
}

export class AuditExpiry {
  readonly #options: ExpiryOptions;
  readonly #documents: AuditDocuments;
  #removedCount = 0;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    this.#documents = auditDocuments({ kv: options.engine, context: options.context });
  }

  /** Pages. */
  get removedCount(): number {
    return this.#removedCount;
  }

  /** Removes now and again, until the context stops sleeping. */
  start(): void {
    const { context, retainMs } = this.#options;
    const intervalMs = Math.min(HOUR_MS, retainMs / PASSES);
    // Always as if there were something to do: time goes on.
    new Sweep({ context, intervalMs, tick: () => this.pass().then(() => true) }).start();
  }

  /** One pass over all chains. What fails is left for the next one. Never rejects. */
  async pass(): Promise<void> {
    const { engine, context, retainMs } = this.#options;
    const horizonMs = context.clock.wallMs() - retainMs;
    let after: string | undefined;
    for (;;) {
      const list = await engine.list(AUDIT_PREFIX, after, 1);
      const [key] = list.kind === 'ok' ? list.keys : [];
      if (key === undefined) return;
      const chain = parseAuditKey(key)?.chain;
      after = chain === undefined ? key : lastKeyOf(chain);
      if (chain !== undefined) await this.#shorten(chain, horizonMs);
    }
  }

  async #shorten(chain: string, horizonMs: number): Promise<void> {
    const { engine, hash, context } = this.#options;
    const { heads, pages } = this.#documents;
    const read = await heads.read(headKey(chain));
    const head = read.kind === 'ok' ? read.stored.content : undefined;
    // A head that another hand has written is evidence.
    if (head === undefined || !isSigned(head, headKey(chain), hash)) return;
    await this.#removeLeftBehind(chain, head.start.page - 1);
    for (let page = head.start.page; await context.sleep(1000 / PAGES_A_SECOND); page++) {
      const key = pageKey(chain, page);
      const closed = await pages.update(key, (content) => {
        const last = readLine(content?.lines.at(-1) ?? '');
        if (content === undefined || last === undefined || last.at >= horizonMs)
          throw RpcError.of('abort', 'it is not old enough, or not there');
        return content.closed ? undefined : { ...content, closed: true };
      });
      if (closed.kind !== 'ok') return;
      const { content, token } = closed.stored;
      const last = readLine(content.lines.at(-1) as string) as ReadLine;
      if (!(await this.#startAfter(chain, page, last)) || token === null) return;
      const removed = await engine.remove(key, token);
      if (removed.kind !== 'ok') return;
      this.#removedCount++;
    }
  }

  /** An instance may have been stopped between the two steps. */
  async #removeLeftBehind(chain: string, page: number): Promise<void> {
    if (page < 0) return;
    const read = await this.#options.engine.read(pageKey(chain, page));
    if (read.kind === 'found') await this.#options.engine.remove(pageKey(chain, page), read.token);
  }

  /** Resolves to whether the head says that the chain starts after this entry, the last of this page. */
  async #startAfter(chain: string, page: number, { n, hash }: ReadLine): Promise<boolean> {
    const key = headKey(chain);
    const moved = await this.#documents.heads.update(key, (head) => {
      if (head === undefined || !isSigned(head, key, this.#options.hash))
        throw RpcError.of('abort', 'the head is not ours');
      if (head.start.page > page) return undefined;
      if (head.start.page < page) throw RpcError.of('abort', 'the page before it is kept');
      const { mac: _, ...rest } = head;
      const reached = rest.reached.n >= n ? rest.reached : { n, hash, pages: page + 1 };
      return signed<Head>(key, { ...rest, start: { page: page + 1, n, hash }, reached }, this.#options.hash);
    });
    return moved.kind === 'ok';
  }
}
