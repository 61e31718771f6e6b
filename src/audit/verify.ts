/**
 * Verifies all chains of a store: each by itself (`chain-check.ts`), what each has seen of the one before it, the name
 * of the newest one, and what an operator has noted earlier.
 *
 * It may run while instances write. A chain that seems wrong is looked at again if its head has moved meanwhile.
 */

import type { StoreEngine } from '../kv/store.ts';
import { RpcError } from '../protocol/errors.ts';
import { ChainCheck, type Finding, type Seen } from './chain-check.ts';
import { type ChainHash, type Place, type Predecessor, readLine } from './entry.ts';
import {
  AUDIT_PREFIX,
  checkOf,
  Head,
  headKey,
  isSigned,
  LATEST_KEY,
  Latest,
  Page,
  pageKey,
  parseAuditKey,
} from './records.ts';

const KEYS_LISTED = 256;
const TRIES_MAX = 3;

/** How far a chain had come when an operator noted it. */
export type Anchor = Predecessor;

export interface VerifiedChain extends Place {
  readonly chain: string;
  readonly instance: string | undefined;
  /** Entries that retention has removed. */
  readonly removed: number;
}

export interface Verified {
  readonly chains: readonly VerifiedChain[];
  readonly findings: readonly Finding[];
}

interface Chain {
  readonly name: string;
  hasHead: boolean;
  readonly pages: number[];
  head: Head | undefined;
  headText: string | undefined;
  after: Predecessor | null;
  readonly seen: Seen[];
}

type ReadStore = Pick<StoreEngine, 'read' | 'list'>;

/** Throws an `RpcError` if it cannot be verified: the store gives no answer, or the key is another one. */
export async function verifyAudit(store: ReadStore, hash: ChainHash, anchors: readonly Anchor[]): Promise<Verified> {
  const findings: Finding[] = [];
  const find = (kind: Finding['kind'], chain: string | undefined, text: string) => findings.push({ kind, chain, text });
  const newest = await readLatest(store, hash, find);
  const chains = await listChains(store, find);
  for (const chain of chains.values()) await readHead(store, chain);
  if (newest === undefined && chains.size > 0) find('removed', undefined, `${LATEST_KEY} is gone`);
  noteSeen(chains, newest, anchors, find);
  const verified: VerifiedChain[] = [];
  for (const chain of chains.values()) {
    const { place, found } = await checkChain(store, chain, hash);
    findings.push(...found);
    const { name, head } = chain;
    verified.push({ chain: name, ...place, instance: head?.instance, removed: head?.start.n ?? 0 });
  }
  const named = namedIn(newest, chains);
  // An instance that was not the first to begin leaves a chain with its first entry alone.
  for (const { chain, n } of verified)
    if (named?.has(chain) === false && n > 1) find('inserted', chain, 'no other chain and no newest one names it');
  return { chains: verified, findings };
}

type Find = (kind: Finding['kind'], chain: string | undefined, text: string) => void;

/** The name of the newest chain; undefined: there is none. */
async function readLatest(store: ReadStore, hash: ChainHash, find: Find): Promise<string | undefined> {
  const text = await readText(store, LATEST_KEY);
  if (text === undefined) return undefined;
  const latest = parse(Latest, text);
  if (latest === undefined || (latest.check === checkOf(hash) && !isSigned(latest, LATEST_KEY, hash))) {
    find('forged', undefined, `${LATEST_KEY} is not as it was written`);
    return latest?.chain;
  }
  if (latest.check !== checkOf(hash))
    throw RpcError.of('abort', 'this is not the key with which the audit in this store is written');
  return latest.chain;
}

async function listChains(store: ReadStore, find: Find): Promise<Map<string, Chain>> {
  const chains = new Map<string, Chain>();
  let after: string | undefined;
  for (;;) {
    const list = await store.list(AUDIT_PREFIX, after, KEYS_LISTED);
    if (list.kind === 'failed') throw list.error;
    for (const key of list.keys) {
      const parsed = parseAuditKey(key);
      if (parsed === undefined) {
        find('inserted', undefined, `${key} is no key of an audit`);
        continue;
      }
      const { chain: name, page } = parsed;
      const chain = chains.get(name) ?? {
        name,
        hasHead: false,
        pages: [],
        head: undefined,
        headText: undefined,
        after: null,
        seen: [],
      };
      chains.set(name, chain);
      if (page === undefined) chain.hasHead = true;
      else chain.pages.push(page);
    }
    after = list.keys.at(-1);
    if (!list.more || after === undefined) return chains;
  }
}

async function readHead(store: ReadStore, chain: Chain): Promise<void> {
  chain.headText = await readText(store, headKey(chain.name));
  chain.head = chain.headText === undefined ? undefined : parse(Head, chain.headText);
  chain.after = chain.head?.after ?? null;
  if (chain.head !== undefined) return;
  const [first] = (await readLines(store, chain.name, 0)) ?? [];
  const entry = readLine(first ?? '')?.entry;
  if (entry !== undefined && 'after' in entry) chain.after = entry.after;
}

/** Gives each chain what others have seen of it. */
function noteSeen(
  chains: ReadonlyMap<string, Chain>,
  newest: string | undefined,
  anchors: readonly Anchor[],
  find: Find,
): void {
  const note = (by: string, { chain: name, n, hash }: Predecessor) => {
    const chain = chains.get(name);
    if (chain !== undefined) chain.seen.push({ n, hash, by });
    else if (n > 0) find('removed', name, `the whole chain is gone; ${by} has seen ${n} entries`);
  };
  for (const { name, after } of chains.values()) if (after !== null) note(`chain ${name}`, after);
  for (const anchor of anchors) note('the file of anchors', anchor);
  if (newest !== undefined && !chains.has(newest))
    find('removed', newest, `the whole chain is gone; ${LATEST_KEY} names it`);
}

async function checkChain(
  store: ReadStore,
  chain: Chain,
  hash: ChainHash,
): Promise<{ readonly place: Place; readonly found: readonly Finding[] }> {
  for (let count = 1; ; count++) {
    const { name, headText } = chain;
    const { place, findings } = await checkOnce(store, chain, hash);
    const found = [...findings];
    const key = headKey(name);
    if (chain.head !== undefined && !isSigned(chain.head, key, hash))
      found.push({ kind: 'forged', chain: name, text: 'its head is not as it was written' });
    // An instance that is killed at its very beginning leaves the first entry without a head.
    if (chain.head === undefined && (chain.hasHead || place.n > 1))
      found.push({ kind: chain.hasHead ? 'forged' : 'removed', chain: name, text: 'it has no head that can be read' });
    if (found.length === 0 || count === TRIES_MAX) return { place, found };
    await readHead(store, chain);
    if (chain.headText === headText) return { place, found };
  }
}

async function checkOnce(store: ReadStore, { name, head, pages, seen }: Chain, hash: ChainHash) {
  const check = new ChainCheck(name, hash, head, seen);
  for (const page of pages) {
    const text = await readText(store, pageKey(name, page));
    if (text !== undefined) check.add(page, parse(Page, text)?.lines);
  }
  return check.end();
}

/** Chains that are named by another, or as the newest; undefined: one of them is gone, so nothing can be said. */
function namedIn(newest: string | undefined, chains: ReadonlyMap<string, Chain>): ReadonlySet<string> | undefined {
  const names = [...chains.values()].flatMap(({ after }) => (after === null ? [] : [after.chain]));
  const named = new Set(newest === undefined ? names : [...names, newest]);
  return [...named].every((name) => chains.has(name)) ? named : undefined;
}

/** Undefined: there is no such key. */
async function readText(store: ReadStore, key: string): Promise<string | undefined> {
  const read = await store.read(key);
  if (read.kind === 'failed') throw read.error;
  return read.kind === 'absent' ? undefined : read.kind === 'found' ? read.text : '';
}

async function readLines(store: ReadStore, chain: string, page: number): Promise<readonly string[] | undefined> {
  const text = await readText(store, pageKey(chain, page));
  return text === undefined ? undefined : parse(Page, text)?.lines;
}

/** A record without the version of its document. Undefined: it is none. */
function parse<T>(schema: { safeParse: (value: unknown) => { data?: T | undefined } }, text: string): T | undefined {
  try {
    const { ver: _, ...record } = JSON.parse(text);
    return schema.safeParse(record).data;
  } catch {
    return undefined;
  }
}
