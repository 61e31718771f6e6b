/**
 * The key of the hash that stands for personal data, agreed on by all instances of a store. One document holds it, and
 * it never changes: a name that was hashed yesterday is found by its hash tomorrow.
 *
 * An instance that is given a secret stores only a check of it, the hash of a fixed text. One that is given none uses
 * the secret in the store, which the first instance has made. A reader of the store can then try all phone numbers
 * against a hash. So the secret in the store protects what leaves the store (logs, pages of an audit), and a secret of
 * the operator protects also against readers of the store and of its copies.
 */

import * as z from 'zod';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { Documents, type DocumentsOptions } from './documents.ts';

export const PERSONAL_KEY = 'personal-key';

/** Hashed, it tells keys apart. It is no name and no phone number. */
const CHECKED = 'snowstorm: check of the personal key';

const KeyRecord = z.object({
  check: z.string(),
  /** Absent: the operator has it. */
  secret: z.string().exactOptional(),
});
type KeyRecord = z.infer<typeof KeyRecord>;

export interface PersonalKeyOptions extends Pick<DocumentsOptions<KeyRecord>, 'kv' | 'context'> {
  readonly hashOf: (secret: string) => PersonalHash;
  /** What the operator has; undefined: the store keeps one. */
  readonly secret: string | undefined;
  readonly newSecret: () => string;
}

/** Resolves to the hash of this store. Rejects with a sentence if its key is another one, or cannot be read. */
export async function agreeOnPersonalHash(options: PersonalKeyOptions): Promise<PersonalHash> {
  const { kv, context, hashOf, secret, newSecret } = options;
  const documents = new Documents({ kv, context, name: 'key of personal data', schema: KeyRecord });
  const own = secret ?? newSecret();
  const check = hashOf(own)(CHECKED);
  const result = await documents.update(PERSONAL_KEY, (record) => {
    if (record !== undefined) return undefined;
    return secret === undefined ? { check, secret: own } : { check };
  });
  if (result.kind !== 'ok') throw new Error(result.error.message);
  const agreed = result.stored.content;
  if (secret !== undefined && agreed.check !== check)
    throw new Error('this is not the key with which names in this store were hashed before');
  if (secret !== undefined) return hashOf(secret);
  if (agreed.secret === undefined) throw new Error('the key of personal data is not in this store but in a file');
  const hash = hashOf(agreed.secret);
  if (hash(CHECKED) !== agreed.check) throw new Error('the key of personal data in this store is damaged');
  return hash;
}
