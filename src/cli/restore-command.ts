/**
 * `snowstorm restore`: puts a backup into an empty store, or only checks it.
 */

import { type IssuedRule, SLACK_MS_DEFAULT } from '../host/backup/issued-bound.ts';
import { checkBackup, type RestoreOptions, restore } from '../host/backup/restore.ts';
import { systemClock } from '../host/system.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../ids/snowflake.ts';
import { STORE_PATIENCE_MS } from '../kv/timings.ts';
import { formatTimestamp } from '../protocol/timestamp.ts';
import { foreseen, keysText, onlyFile } from './backup-command.ts';
import { ENCRYPTION_KEY_OPTION, readKeys } from './encryption-option.ts';
import { ETCD_OPTIONS, etcdSettings } from './etcd-options.ts';
import {
  describeOptions,
  type Option,
  type ParsedOptions,
  parseDurationMs,
  parseOptions,
  switchOption,
  UsageError,
} from './options.ts';
import { storeOption } from './store-option.ts';

const RESTORE_OPTIONS = {
  store: {
    ...storeOption,
    value: 'DIR|etcd=URL,…',
    text: `The store to restore into, which must be empty: the folder DIR of this machine, made if it
is missing, or etcd=URL[,URL…][/PREFIX]. Default: ${storeOption.absent.text}.`,
  },
  'encryption-key': {
    ...ENCRYPTION_KEY_OPTION,
    text: `The keys of the backup and of the folder, as snowstorm serve has them. The folder is written with
the first.`,
  },
  ...ETCD_OPTIONS,
  check: switchOption('Only checks FILE, and touches no store.'),
  resume: switchOption('Goes on with a restore of the same FILE that did not finish.'),
  slack: {
    value: 'TIME',
    text: `How far the clocks of the old service, with its --max-lead, may have been ahead of the clock here. So much
later ids begin. Default: ${SLACK_MS_DEFAULT / 1000}s.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseDurationMs(1)(text),
  } satisfies Option<number | undefined>,
  'issued-until': {
    value: 'TIME',
    text: `A time in UTC, such as 2026-01-31T23:59:59.999Z, that no id of the old service is later than. Then no
clock matters.`,
    absent: undefined,
    parse: parseTime,
  } satisfies Option<number | undefined>,
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm restore [options] FILE
       snowstorm restore --check FILE

Puts a file of snowstorm backup into an empty store. All instances on the old store must have ended. What happened after
the backup is gone, but none of its ids is issued again.

${describeOptions(RESTORE_OPTIONS)}

Exit status: 0 done, 254 bad arguments, a damaged file, or a store that cannot be had, 255 the command itself failed.
`;

type RestoreValues = ParsedOptions<typeof RESTORE_OPTIONS>['values'];

/**
 * Runs the command; resolves to the exit status.
 *
 * @param rules only tests have them
 */
export async function restoreCommand(
  args: readonly string[],
  rules: Pick<RestoreOptions, 'numberText'> = {},
): Promise<number> {
  const { values, words, rest } = parseOptions(RESTORE_OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const file = onlyFile([...words, ...rest]);
  const rule = issuedRule(values);
  const keys = readKeys(values['encryption-key']);
  const backup = await foreseen('', () => checkBackup(file, keys));
  const { header, count, newestBoundMs } = backup;
  const bound = newestBoundMs === undefined ? 'no ids' : `ids reserved up to ${formatTimestamp(newestBoundMs)}`;
  const moment = `${header.position} of a store on ${header.store === 'etcd' ? 'etcd' : 'a folder'}`;
  process.stdout.write(`${file}: whole, ${keysText(count)}, ${moment}, ${formatTimestamp(header.at)}, ${bound}\n`);
  if (values.check) return 0;
  const boundMs = await restoreInto(values, { file, keys, backup, rule, ...rules });
  process.stdout.write(`${values.store.text}: restored, its ids go on behind ${formatTimestamp(boundMs)}\n`);
  return 0;
}

function issuedRule({ slack, 'issued-until': issuedUntilMs }: RestoreValues): IssuedRule {
  if (issuedUntilMs === undefined) return { slackMs: slack ?? SLACK_MS_DEFAULT };
  if (slack !== undefined) throw new UsageError('--slack and --issued-until exclude each other');
  return { issuedUntilMs };
}

async function restoreInto(
  { store, resume, ...values }: RestoreValues,
  what: Pick<RestoreOptions, 'file' | 'keys' | 'backup' | 'rule' | 'numberText'>,
): Promise<number> {
  if (store.readState === undefined) throw new UsageError(`--store ${store.text}: it would end with this command`);
  const etcd = etcdSettings(values, store);
  const warn = (text: string) => process.stderr.write(`snowstorm restore: ${text}\n`);
  return foreseen(`--store ${store.text}: `, async () => {
    const engine = await store.open({
      onFailure: (error) => warn(`the store failed: ${error.message}`),
      warn,
      patienceMs: STORE_PATIENCE_MS,
      etcd,
      keys: what.keys,
    });
    try {
      return await restore({ engine, resume, nowMs: systemClock.wallMs(), ...what });
    } finally {
      await engine.close();
    }
  });
}

/** Unix ms of a time within those of ids. */
function parseTime(text: string): number | undefined {
  const timeMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (timeMs >= EPOCH_MS && timeMs < TIMESTAMP_MS_MAX) return timeMs;
  throw new Error('expected a time in UTC from 2025 to 2094, such as 2026-01-31T23:59:59.999Z');
}
