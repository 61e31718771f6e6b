/**
 * What the store holds of an audit:
 *
 *     audit/<chain>/head         how far the chain has come, and where it starts
 *     audit/<chain>/p00000000    its pages, with the lines of entries
 *     audit-latest               the newest chain
 *
 * A chain belongs to one life of one instance. Its name is a UUID of version 7, so chains are listed by age.
 */

import * as z from 'zod';
import { canonicalKey } from '../protocol/exact-json.ts';
import { type ChainHash, Place, Predecessor } from './entry.ts';

export const AUDIT_PREFIX = 'audit/';
export const LATEST_KEY = 'audit-latest';
const PAGE_DIGITS = 8;

export const headKey = (chain: string) => `${AUDIT_PREFIX}${chain}/head`;
export const pageKey = (chain: string, page: number) =>
  `${AUDIT_PREFIX}${chain}/p${String(page).padStart(PAGE_DIGITS, '0')}`;
/** After all keys of a chain, before those of the next. */
export const lastKeyOf = (chain: string) => `${AUDIT_PREFIX}${chain}/~`;

export type AuditKey = { readonly chain: string } & ({ readonly page: number } | { readonly page?: undefined });

/** Undefined: it is none of an audit. `page` is absent for a head. */
export function parseAuditKey(key: string): AuditKey | undefined {
  const [, chain, page] = /^audit\/([\w-]+)\/(?:head|p(\d{8}))$/.exec(key) ?? [];
  if (chain === undefined) return undefined;
  return page === undefined ? { chain } : { chain, page: Number(page) };
}

export const Page = z.object({
  /** Oldest first. */
  lines: z.array(z.string()),
  /** Nothing is appended any more: it is about to be removed. */
  closed: z.literal(true).exactOptional(),
});
export type Page = z.infer<typeof Page>;

export const Head = z.object({
  instance: z.string(),
  after: Predecessor.nullable(),
  /** Where what is kept begins: the first page, and the place before its first entry. */
  start: Place.extend({ page: z.int().min(0) }),
  /** So many entries there were at least, the last of them with this hash; and so many pages. */
  reached: Place.extend({ pages: z.int().min(0) }),
  /** Whether the instance has ended in order: then `reached` is the end. */
  ended: z.boolean(),
  mac: z.string(),
});
export type Head = z.infer<typeof Head>;

export const Latest = z.object({
  chain: z.string(),
  /** Tells hashes with one secret from those with another, or with none. */
  check: z.string(),
  mac: z.string(),
});
export type Latest = z.infer<typeof Latest>;

/** The hash of a fixed text. */
export const checkOf = (hash: ChainHash) => hash('', 'snowstorm: check of the audit key');

/** Signs a head or the name of the newest chain. @param of the key under which it is stored */
export function signed<R extends { readonly mac: string }>(of: string, record: Omit<R, 'mac'>, hash: ChainHash): R {
  return { ...record, mac: hash(of, canonicalKey(record)) } as unknown as R;
}

export function isSigned({ mac, ...record }: { readonly mac: string }, of: string, hash: ChainHash): boolean {
  return hash(of, canonicalKey(record)) === mac;
}
