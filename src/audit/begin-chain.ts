/**
 * How a chain begins. Its first entry names the chain that was the newest until then, and how far that one had come. So
 * the removal of a chain, or of its end before that place, is found by the next. Only then is it named as the newest
 * one. Until it is, nothing else is written to it: a chain that another was faster than holds its first entry only.
 */

import { Documents, type DocumentsOptions, readOrThrow } from '../kv/documents.ts';
import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { ChainWriter, type ChainWriterOptions } from './chain-writer.ts';
import { type ChainHash, originOf, type Place, type Predecessor, readLine } from './entry.ts';
import { checkOf, Head, headKey, LATEST_KEY, Latest, Page, pageKey, signed } from './records.ts';

/** Instances that begin a chain at the same time. */
const TRIES_MAX = 16;

/** The documents of an audit. */
export interface AuditDocuments {
  readonly pages: Documents<Page>;
  readonly heads: Documents<Head>;
  readonly latest: Documents<Latest>;
}

export function auditDocuments(options: Pick<DocumentsOptions<never>, 'kv' | 'context'>): AuditDocuments {
  return {
    pages: new Documents({ ...options, name: 'page of the audit', schema: Page }),
    heads: new Documents({ ...options, name: 'head of the audit', schema: Head }),
    latest: new Documents({ ...options, name: 'newest chain of the audit', schema: Latest }),
  };
}

export interface BeginOptions extends Pick<ChainWriterOptions, 'store'> {
  readonly documents: AuditDocuments;
  readonly hash: ChainHash;
  readonly clock: Clock;
  readonly instance: string;
  /** A UUID of version 7. */
  readonly newChain: () => string;
}

/**
 * Resolves to the newest chain; undefined: there is none. Throws an `RpcError` if the audit of this store is written
 * with another key, or cannot be read.
 */
export async function requireAuditKey({ latest }: AuditDocuments, hash: ChainHash): Promise<Latest | undefined> {
  const { content } = await readOrThrow(latest, LATEST_KEY);
  if (content !== undefined && content.check !== checkOf(hash))
    throw RpcError.of('abort', 'this is not the key with which the audit in this store is written');
  return content;
}

/** Throws an `RpcError` if it cannot begin now. */
export async function beginChain(options: BeginOptions): Promise<ChainWriter> {
  const { store, documents, hash, clock, instance, newChain } = options;
  for (let count = 0; count < TRIES_MAX; count++) {
    const newest = await requireAuditKey(documents, hash);
    const after = newest === undefined ? null : await placeOf(documents, newest.chain, hash);
    const chain = newChain();
    const writer = new ChainWriter({ store, chain, hash, clock, ...documents });
    const { kind, error } = await writer.append([{ instance, after }]);
    if (kind !== 'ok') throw error ?? RpcError.of('temporarily-unavailable', 'the audit could not begin');
    const head: Omit<Head, 'mac'> = {
      instance,
      after,
      start: { page: 0, ...originOf(chain, hash) },
      reached: writer.reached,
      ended: false,
    };
    const created = await documents.heads.update(headKey(chain), (record) =>
      record === undefined ? signed<Head>(headKey(chain), head, hash) : undefined,
    );
    if (created.kind !== 'ok') throw created.error;
    let isLate = false;
    const named = await documents.latest.update(LATEST_KEY, (record) => {
      if (record?.chain === chain) return undefined;
      isLate = record?.chain !== newest?.chain;
      if (isLate) throw RpcError.of('abort', 'another instance was faster');
      return signed<Latest>(LATEST_KEY, { chain, check: checkOf(hash) }, hash);
    });
    if (named.kind === 'ok') return writer;
    if (!isLate) throw named.error;
  }
  throw RpcError.of('temporarily-unavailable', 'too many instances begin their audits at the same time');
}

/** How far another chain has come by now. */
async function placeOf({ heads, pages }: AuditDocuments, chain: string, hash: ChainHash): Promise<Predecessor> {
  const { content: head } = await readOrThrow(heads, headKey(chain));
  let place: Place = originOf(chain, hash);
  if (head !== undefined) place = { n: head.reached.n, hash: head.reached.hash };
  for (let page = Math.max(head?.start.page ?? 0, (head?.reached.pages ?? 1) - 1); ; page++) {
    const { content } = await readOrThrow(pages, pageKey(chain, page));
    const last = readLine(content?.lines.at(-1) ?? '');
    if (last === undefined) return { chain, ...place };
    if (last.n >= place.n) place = { n: last.n, hash: last.hash };
  }
}
