/** The options of services for a store on etcd. */

import { X509Certificate } from 'node:crypto';
import { type EtcdOptions, GROUP_DEFAULT, GROUP_MAX } from '../host/etcd/engine.ts';
import { readFile } from './option-file.ts';
import { type Option, type ParsedOptions, parseText, parseWhole, UsageError } from './options.ts';
import type { StoreChoice } from './store-option.ts';

/** Not an option: every user of the machine can read the arguments of a process. */
const PASSWORD_VARIABLE = 'SNOWSTORM_ETCD_PASSWORD';

export const ETCD_OPTIONS = {
  'etcd-ca': {
    value: 'FILE',
    text: `Certificates in PEM of the authorities that etcd's members are trusted by. Default: those of Node.`,
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'etcd-cert': {
    value: 'FILE',
    text: 'The certificate in PEM that the members ask of a client.',
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'etcd-key': {
    value: 'FILE',
    text: 'The private key of that certificate, in PEM.',
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
  'etcd-user': {
    value: 'NAME',
    text: `The user for etcd. Its password is in the environment variable ${PASSWORD_VARIABLE}.`,
    absent: undefined,
    parse: parseText('a name'),
  } satisfies Option<string | undefined>,
  'etcd-group': {
    value: 'N',
    text: `How many reads or changes share a request to etcd at most. 1: none. Default: ${GROUP_DEFAULT}.`,
    absent: GROUP_DEFAULT,
    parse: parseWhole(1, GROUP_MAX),
  } satisfies Option<number>,
};

type EtcdValues = ParsedOptions<typeof ETCD_OPTIONS>['values'];

/** Throws a {@link UsageError} for options that do not fit each other, or the store. */
export function etcdSettings(
  values: EtcdValues,
  { isEtcd, usesTls }: Pick<StoreChoice, 'isEtcd' | 'usesTls'>,
): Omit<EtcdOptions, 'endpoints' | 'prefix' | 'warn'> {
  const { 'etcd-ca': ca, 'etcd-cert': cert, 'etcd-key': key, 'etcd-user': user, 'etcd-group': group } = values;
  const given = Object.entries({ 'etcd-ca': ca, 'etcd-cert': cert, 'etcd-key': key, 'etcd-user': user });
  const [name] = given.find(([, value]) => value !== undefined) ?? [];
  if (name !== undefined && !isEtcd) throw new UsageError(`--${name} needs --store etcd=URL`);
  // Without TLS a certificate would be left aside, and the user would believe that it is checked.
  const [file] = given.find(([option, value]) => value !== undefined && option !== 'etcd-user') ?? [];
  if (file !== undefined && !usesTls) throw new UsageError(`--${file} needs https in the URLs of --store`);
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--etcd-cert and --etcd-key need each other');
  const password = process.env[PASSWORD_VARIABLE];
  if (user !== undefined && password === undefined)
    throw new UsageError(`--etcd-user needs a password in the environment variable ${PASSWORD_VARIABLE}`);
  const tls = {
    ...(ca !== undefined && { ca: readCertificates('--etcd-ca', ca) }),
    ...(cert !== undefined && { cert: readFile('--etcd-cert', cert).toString() }),
    ...(key !== undefined && { key: readFile('--etcd-key', key).toString() }),
  };
  return {
    group,
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(user !== undefined && password !== undefined && { user, password }),
  };
}

/** Node would leave a file without one aside, and then trust no authority. */
function readCertificates(option: string, file: string): string {
  const pem = readFile(option, file);
  try {
    new X509Certificate(pem);
  } catch {
    throw new UsageError(`${option} ${file}: there is no certificate in PEM in it`);
  }
  return pem.toString();
}
