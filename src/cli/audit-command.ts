/**
 * `snowstorm audit verify`: whether the audit of services is what they wrote.
 */

import { statSync } from 'node:fs';
import type { ChainHash } from '../audit/entry.ts';
import { type Anchor, type Verified, verifyAudit } from '../audit/verify.ts';
import type { StoreEngine } from '../kv/store.ts';
import { RpcError } from '../protocol/errors.ts';
import { AUDIT_KEY_OPTION, readChainHash } from './audit-options.ts';
import { ENCRYPTION_KEY_OPTION, readKeys, requireFolder } from './encryption-option.ts';
import { ETCD_OPTIONS, etcdSettings } from './etcd-options.ts';
import { readFile } from './option-file.ts';
import {
  describeOptions,
  type Option,
  type ParsedOptions,
  parseOptions,
  parseText,
  switchOption,
  UsageError,
} from './options.ts';
import { storeOption } from './store-option.ts';

const VALID = 0;
const TAMPERED = 1;
const UNKNOWN = 2;
/** As services have it by default, with time for a store that elects a leader. */
const PATIENCE_MS = 5000;

const OPTIONS = {
  store: {
    ...storeOption,
    text: `The store of the services. A folder must be that of a service that has stopped; an etcd may be
in use. Default: ${storeOption.absent.text}.`,
  },
  'encryption-key': {
    ...ENCRYPTION_KEY_OPTION,
    text: 'The keys with which the services encrypt their folder, if they do.',
  },
  ...ETCD_OPTIONS,
  'audit-key': { ...AUDIT_KEY_OPTION, text: 'The secret with which the services sign their audit, if they do.' },
  anchors: {
    value: 'FILE',
    text: `What this command printed earlier. What has been cut off or taken back since then is found, even
if the whole store was set back.`,
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm audit verify [options]

Reads the audit that "snowstorm serve --audit" has written, and prints each of its chains: its name, how many entries it
has, and the hash of the last. Keep that where the services cannot write: it anchors what the audit says today. Then
follows every entry that was changed, removed, reordered, inserted, cut off or forged.

${describeOptions(OPTIONS)}

Exit status: 0 it is what was written, 1 it was tampered with, 2 it cannot be verified, since the store gives no answer
or the audit key is another one, 254 bad arguments, or a store that cannot be had, as with another encryption key, 255
the command itself failed.
`;

type Values = ParsedOptions<typeof OPTIONS>['values'];

/** Runs the command; resolves to the exit status. */
export async function auditCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return VALID;
  }
  const [verb, ...unexpected] = [...words, ...rest];
  if (verb !== 'verify')
    throw new UsageError(
      verb === undefined ? 'audit needs a verb: verify' : `audit has no verb ${JSON.stringify(verb)}; it has verify`,
    );
  if (unexpected.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected[0])}`);
  const hash = readChainHash(values['audit-key']);
  const anchors = readAnchors(values.anchors);
  const store = await openStore(values);
  try {
    return await verify(store, hash, anchors, values.store.text);
  } finally {
    await store.close();
  }
}

async function verify(store: StoreEngine, hash: ChainHash, anchors: readonly Anchor[], name: string): Promise<number> {
  let verified: Verified;
  try {
    verified = await verifyAudit(store, hash, anchors);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    process.stderr.write(`snowstorm audit: --store ${name}: ${error.message}\n`);
    return UNKNOWN;
  }
  const { chains, findings } = verified;
  if (chains.length + findings.length === 0) {
    process.stderr.write(
      `snowstorm audit: --store ${name}: there is no audit. It was never served with --audit, or all of it is gone\n`,
    );
    return UNKNOWN;
  }
  const entries = chains.reduce((sum, { n, removed }) => sum + n - removed, 0);
  const lines = [
    ...chains.map(({ chain, n, hash: last }) => `${chain} ${n} ${last}`),
    ...findings.map(({ kind, chain, text }) => `${kind}: ${chain === undefined ? '' : `chain ${chain}: `}${text}`),
    findings.length === 0
      ? `The audit is what was written: ${count(chains.length, 'chain')}, ${count(entries, 'entry', 'entries')}.`
      : `The audit was tampered with: ${count(findings.length, 'finding')}.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return findings.length === 0 ? VALID : TAMPERED;
}

function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

const ANCHOR = /^([\w-]+) (\d{1,15}) ([\w-]{43})$/;

function readAnchors(file: string | undefined): readonly Anchor[] {
  if (file === undefined) return [];
  const lines = readFile('--anchors', file).toString().split(/\r?\n/);
  const anchors = lines.flatMap((line) => {
    const [, chain, n, hash] = ANCHOR.exec(line) ?? [];
    return chain === undefined || hash === undefined ? [] : [{ chain, n: Number(n), hash }];
  });
  if (anchors.length === 0) throw new UsageError(`--anchors ${file}: it has no line with a chain, a number and a hash`);
  return anchors;
}

async function openStore(values: Values): Promise<StoreEngine> {
  const { store } = values;
  const etcd = etcdSettings(values, store);
  const keys = readKeys(values['encryption-key']);
  requireFolder(keys, store);
  if (store.folder === undefined && !store.isEtcd)
    throw new UsageError(`--store ${store.text}: nothing is kept there; expected a folder, or an etcd`);
  if (store.folder !== undefined && statSync(store.folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`--store ${store.text}: there is no such folder`);
  const say = (text: string) => process.stderr.write(`snowstorm audit: ${text}\n`);
  try {
    const onFailure = (error: Error) => say(`the store failed: ${error.message}`);
    return await store.open({ onFailure, warn: say, patienceMs: PATIENCE_MS, etcd, keys });
  } catch (error) {
    throw new UsageError(`--store ${store.text}: ${(error as Error).message}`);
  }
}
