/**
 * `snowstorm backup`: writes what a store holds into a file, while services go on.
 */

import { resolve } from 'node:path';
import { takeBackup } from '../host/backup/take-backup.ts';
import { findReadable } from '../host/data-folder.ts';
import { systemClock } from '../host/system.ts';
import { formatTimestamp } from '../protocol/timestamp.ts';
import { ENCRYPTION_KEY_OPTION, readKeys } from './encryption-option.ts';
import { ETCD_OPTIONS, etcdSettings } from './etcd-options.ts';
import { describeOptions, parseOptions, switchOption, UsageError } from './options.ts';
import { storeOption } from './store-option.ts';

const { 'etcd-group': group, ...ETCD } = ETCD_OPTIONS;

const BACKUP_OPTIONS = {
  store: {
    ...storeOption,
    value: 'DIR|etcd=URL,…',
    text: `The store, as snowstorm serve has it: the folder DIR of this machine, or
etcd=URL[,URL…][/PREFIX]. Default: ${storeOption.absent.text}.`,
  },
  'encryption-key': {
    ...ENCRYPTION_KEY_OPTION,
    text: `The keys of the folder, as snowstorm serve has them. The backup is encrypted with the first, also that
of an etcd.`,
  },
  ...ETCD,
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm backup [options] FILE

Writes what the store of snowstorm serve holds at one moment into the new file FILE. Services go on meanwhile. All that
was answered before is in it. snowstorm restore puts it back.

${describeOptions(BACKUP_OPTIONS)}

Exit status: 0 written, 254 bad arguments, or a store or file that cannot be had, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function backupCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(BACKUP_OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const file = onlyFile([...words, ...rest]);
  const { store } = values;
  const { readState, folder } = store;
  if (readState === undefined) throw new UsageError(`--store ${store.text}: only its own process can read it`);
  const etcd = etcdSettings({ ...values, 'etcd-group': group.absent }, store);
  const keys = readKeys(values['encryption-key']);
  const warn = (text: string) => process.stderr.write(`snowstorm backup: ${text}\n`);
  const place = `--store ${store.text}: `;
  // Before a file is made.
  if (folder !== undefined) await foreseen(place, () => findReadable(resolve(folder), keys));
  const { header, count } = await foreseen('', () =>
    takeBackup(file, {
      store: store.isEtcd ? 'etcd' : 'folder',
      nowMs: () => systemClock.wallMs(),
      read: () => foreseen(place, () => readState({ etcd, warn, keys })),
      warn,
      keys,
    }),
  );
  process.stdout.write(
    `${file}: ${keysText(count)} of ${store.text}, ${header.position}, ${formatTimestamp(header.at)}\n`,
  );
  return 0;
}

/** What is wrong with a store or a file is told in a sentence. A bug is not. */
export async function foreseen<T>(place: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) throw error;
    throw new UsageError(`${place}${error.message}`);
  }
}

/** The one argument that both commands have. Throws a {@link UsageError}. */
export function onlyFile([file, unexpected]: readonly string[]): string {
  if (file === undefined || file === '') throw new UsageError('FILE is missing: name the file of the backup');
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  return file;
}

export function keysText(count: number): string {
  return count === 1 ? '1 key' : `${count} keys`;
}
