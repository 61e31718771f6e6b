/** Where an etcd store is, as a command line says it: `etcd=URL[,URL…][/prefix]`. */

/** The key prefix of a store that names none. */
const PREFIX = 'snowstorm';
const PREFIX_LENGTH_MAX = 200;
/** Where etcd listens for clients, unless it is told otherwise. */
const PORT = 2379;

const FORM = 'etcd=URL[,URL…][/prefix], such as etcd=http://10.0.0.1:2379,http://10.0.0.2:2379/shop';
const MEMBER = /^(?<scheme>https?):\/\/(?<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:[\]]+)(?::(?<port>\d+))?(?<path>\/.*)?$/;

export interface EtcdAddress {
  /** URLs without a path: `http://10.0.0.1:2379`. All are http, or all are https. */
  readonly endpoints: readonly string[];
  /** With a slash at its end: `shop/`. */
  readonly prefix: string;
}

/** Throws an Error that says what is wrong with the text. */
export function parseEtcdStore(text: string): EtcdAddress {
  const list = /^etcd=(.+)$/s.exec(text)?.[1];
  if (list === undefined) throw new Error(`"${text}" is not ${FORM}`);
  const members = list.split(',').map(parseMember);
  const endpoints = members.map(({ url }) => url);
  const early = members.slice(0, -1).find(({ path }) => path !== '');
  if (early !== undefined)
    throw new Error(
      `the prefix "${early.path}" must be behind the last URL, not behind ${early.url}; expected: ${FORM}`,
    );
  const twice = endpoints.find((url, index) => endpoints.indexOf(url) < index);
  if (twice !== undefined) throw new Error(`${twice} is there twice; name each member of the cluster once`);
  if (new Set(members.map(({ scheme }) => scheme)).size > 1)
    throw new Error('some URLs are http and some https; the members of a cluster are all one or the other');
  return { endpoints, prefix: `${parsePrefix(members.at(-1)?.path ?? '')}/` };
}

interface Member {
  readonly url: string;
  readonly scheme: string;
  readonly path: string;
}

function parseMember(text: string): Member {
  if (text.includes('@'))
    throw new Error(
      'an etcd URL holds no user and no password: the command line is seen by all. ' +
        'Use --etcd-user and the variable SNOWSTORM_ETCD_PASSWORD',
    );
  if (/[?#]/.test(text)) throw new Error(`the etcd URL "${text}" may have no "?" and no "#"; expected: ${FORM}`);
  const { scheme, host, port = String(PORT), path = '' } = MEMBER.exec(text)?.groups ?? {};
  if (scheme === undefined) throw new Error(`"${text}" is not an http or https URL of etcd; expected: ${FORM}`);
  const url = `${scheme}://${host}:${Number(port)}`;
  if (!URL.canParse(url) || Number(port) < 1) throw new Error(`"${text}" is not a URL: check the host and the port`);
  return { url, scheme, path };
}

function parsePrefix(path: string): string {
  const prefix = path.replace(/^\/|\/$/g, '');
  if (prefix === '') return PREFIX;
  if (!/^[\w.~-]+(?:\/[\w.~-]+)*$/.test(prefix) || prefix.length > PREFIX_LENGTH_MAX)
    throw new Error(
      `the key prefix "${prefix}" must be names of letters, digits, ".", "_", "~", "-", with single slashes between ` +
        `them, ${PREFIX_LENGTH_MAX} characters at most`,
    );
  return prefix;
}
