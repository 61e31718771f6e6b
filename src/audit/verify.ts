/**
 * Verifies all chains of a store: each by itself (`chain-check.ts`), what each has seen of the one before it, the name
 * of the newest one, and what an operator has noted earlier.
 *
 * It may run while instances write. What was seen of a chain is read before its pages, so the pages that hold it are
 * there by then: pages that were not listed yet are read up to that place. The name of the newest chain is read after
 * them, since a chain gets its second entry only when it has been named. A chain that seems wrong all the same is
 * looked at again if its head has moved meanwhile.
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
  // Whether the key is the right one comes first.
  await readLatest(store, hash, () => {});
  const chains = await listChains(store, find);
  for (const chain of chains.values()) await readHead(store, chain);
  await noteSeen(store, chains, anchors, find);
  const verified: VerifiedChain[] = [];
  for (const chain of chains.values()) {
    const { place, found } = await checkChain(store, chain, hash);
    findings.push(...found);
    const { name, head } = chain;
    verified.push({ chain: name, ...place, instance: head?.instance, removed: head?.start.n ?? 0 });
  }
  // An instance that was not the first to begin, or was killed in between, leaves a chain with its first entry alone.
  const used = verified.filter(({ n }) => n > 1);
  const newest = await readLatest(store, hash, find);
  if (newest === undefined && used.length > 0) find('removed', undefined, `${LATEST_KEY} is gone`);
  const named = newest === undefined ? undefined : await findNamed(store, chains, newest, find);
  for (const { chain } of used)
    if (named?.has(chain) === false) find('inserted', chain, 'no other chain and no newest one names it');
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
  chain.head = parse(Head, chain.headText ?? '');
  chain.after = chain.head?.after ?? null;
  if (chain.head !== undefined) return;
  const [first] = (await readLines(store, chain.name, 0)) ?? [];
  const entry = readLine(first ?? '')?.entry;
  if (entry !== undefined && 'after' in entry) chain.after = entry.after;
}

/** Gives each chain what others have seen of it. */
async function noteSeen(
  store: ReadStore,
  chains: ReadonlyMap<string, Chain>,
  anchors: readonly Anchor[],
  find: Find,
): Promise<void> {
  const note = async (by: string, { chain: name, n, hash }: Predecessor) => {
    const chain = chains.get(name);
    if (chain !== undefined) chain.seen.push({ n, hash, by });
    else if (n > 0 && (await readHeadOf(store, name)) === undefined)
      find('removed', name, `the whole chain is gone; ${by} has seen ${n} entries`);
  };
  for (const { name, after } of chains.values()) if (after !== null) await note(`chain ${name}`, after);
  for (const anchor of anchors) await note('the file of anchors', anchor);
}

/** The head of a chain that was not listed: it may have begun since. */
async function readHeadOf(store: ReadStore, chain: string): Promise<Head | undefined> {
  const key = headKey(chain);
  return parseAuditKey(key) && parse(Head, (await readText(store, key)) ?? '');
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
  for (let page = Math.max((pages.at(-1) ?? -1) + 1, head?.start.page ?? 0); check.isShort; page++) {
    const text = await readText(store, pageKey(name, page));
    if (text === undefined) break;
    check.add(page, parse(Page, text)?.lines);
  }
  return check.end();
}

/** Chains that are named by another, or as the newest; undefined: one of them is gone, so nothing can be said. */
async function findNamed(
  store: ReadStore,
  chains: ReadonlyMap<string, Chain>,
  newest: string,
  find: Find,
): Promise<ReadonlySet<string> | undefined> {
  const named = new Set([...chains.values()].flatMap(({ after }) => (after === null ? [] : [after.chain])));
  named.add(newest);
  let isComplete = true;
  // Chains that have begun since the listing name each other. A set yields what is added on the way.
  for (const name of named) {
    if (chains.has(name)) continue;
    const head = await readHeadOf(store, name);
    if (head === undefined) isComplete = false;
    else if (head.after !== null) named.add(head.after.chain);
    if (head === undefined && name === newest) find('removed', name, `the whole chain is gone; ${LATEST_KEY} names it`);
  }
  return isComplete ? named : undefined;
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
