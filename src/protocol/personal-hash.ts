/**
 * The port for personal data in places that outlive it, such as logs and audits. The host makes it from a key
 * (`host/personal-hash.ts`), and all instances of a store have the same one (`kv/personal-key.ts`).
 */

/**
 * Stands for the name of a person or an account, or a phone number: the same text always gives the same hash, in
 * letters, digits, `-` and `_`. Only with the key can a guessed name be compared with a hash.
 */
export type PersonalHash = (text: string) => string;
