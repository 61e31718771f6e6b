/** The options of `snowstorm test` for services over HTTP: instances that it starts, or that run already. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { readFile } from './option-file.ts';
import { type Option, type ParsedOptions, parseText, parseWhole, UsageError } from './options.ts';
import { findInPath, requireProgram } from './program-file.ts';
import { type StoreChoice, storeOption } from './store-option.ts';

const INSTANCES_MAX = 16;
const URLS_MAX = 64;

/** The engine of a command line. */
type EngineText =
  /** An etcd that the test starts. */
  | { readonly kind: 'started'; readonly text: string; readonly memberCount: 1 | 3 | 5 }
  /** What `serve --store` takes. */
  | { readonly kind: 'given'; readonly text: string; readonly store: StoreChoice };

/** Where the instances of a test keep what they are told. */
export type EngineChoice =
  | (Extract<EngineText, { readonly kind: 'started' }> & { readonly program: string })
  | Extract<EngineText, { readonly kind: 'given' }>;

/** Services to test, in place of nodes on stdin and stdout. */
export type Deployment = ServedDeployment | ExternalDeployment;

interface AnyDeployment {
  /** The options that say so, a word each. */
  readonly words: readonly string[];
  readonly nodes: readonly string[];
  /** Whether what it keeps may have names of earlier runs, so that those of this run must be new. */
  readonly isUsed: boolean;
}

/** Instances that the test starts. */
export interface ServedDeployment extends AnyDeployment {
  readonly kind: 'served';
  readonly engine: EngineChoice;
  /** In place of this program; it gets the arguments of `serve`. */
  readonly program: string | undefined;
  /** Further arguments for `serve`. */
  readonly args: readonly string[];
}

/** Instances that run already. */
interface ExternalDeployment extends AnyDeployment {
  readonly kind: 'external';
  /** One for each node. */
  readonly urls: readonly string[];
  readonly token: string | undefined;
}

function parseEngine(text: string): EngineText {
  const match = /^etcd:(\d+)$/.exec(text);
  if (match !== null) {
    if (!/^[135]$/.test(match[1] as string)) throw new Error('an etcd has 1, 3 or 5 members, such as etcd:3');
    return { kind: 'started', text, memberCount: Number(match[1]) as 1 | 3 | 5 };
  }
  try {
    return { kind: 'given', text, store: storeOption.parse(text) };
  } catch (error) {
    throw new Error(`${(error as Error).message}. For an etcd that the test starts, write etcd:3`);
  }
}

function parseUrls(text: string): readonly string[] {
  const urls = text.split(',').map((one) => {
    if (!URL.canParse(one)) throw new Error(`expected URLs such as http://10.0.0.1:8080, not ${one}`);
    const { protocol, pathname, search, hash, username, origin } = new URL(one);
    if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`expected http:// or https://, not ${one}`);
    if (username !== '') throw new Error('a user in a URL is not sent; give a token with --token FILE');
    if (pathname !== '/' || search !== '' || hash !== '')
      throw new Error(`expected the address of an instance without a path, such as ${origin}, not ${one}`);
    return origin;
  });
  if (urls.length > URLS_MAX) throw new Error(`expected at most ${URLS_MAX} URLs, not ${urls.length}`);
  const twice = urls.find((url, index) => urls.indexOf(url) < index);
  if (twice !== undefined) throw new Error(`expected each URL once, but ${twice} is given twice`);
  return urls;
}

export const DEPLOYMENT_OPTIONS = {
  serve: {
    value: 'N',
    text: `Tests N instances of our services over HTTP (snowstorm serve), in place of nodes on stdin and
stdout. With --bin FILE they run FILE serve, in place of this program. The words after -- are
options of serve.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, INSTANCES_MAX)(text),
  } satisfies Option<number | undefined>,
  engine: {
    value: 'ENGINE',
    text: `With --serve: where the instances keep what they are told. etcd:3: an etcd of 3 members (or 1,
or 5) that the test starts and can kill, pause, fill up and cut. etcd=URL[,URL…][/PREFIX]: an etcd
that runs already; only its links to the instances are disturbed. DIR: a new folder, for one
instance. memory: nowhere, for one instance. Default: etcd:3.`,
    absent: parseEngine('etcd:3'),
    parse: parseEngine,
  } satisfies Option<EngineText>,
  etcd: {
    value: 'FILE',
    text: 'With --engine etcd:N: the program of etcd, a path or a name in PATH. Default: etcd.',
    absent: undefined,
    parse: parseText('a program'),
  } satisfies Option<string | undefined>,
  url: {
    value: 'URL,...',
    text: `Tests instances that run already, in place of --serve. All names in the test are new to them.
Only faults of single messages can be injected: loss, reordering, delay.`,
    absent: undefined,
    parse: (text: string): readonly string[] | undefined => parseUrls(text),
  } satisfies Option<readonly string[] | undefined>,
  token: {
    value: 'FILE',
    text: 'With --url: every request carries the JSON Web Token in this file.',
    absent: undefined,
    parse: parseText('a file'),
  } satisfies Option<string | undefined>,
};

type DeploymentValues = ParsedOptions<typeof DEPLOYMENT_OPTIONS>['values'];

/**
 * The services to test; undefined if nodes are tested. Throws a {@link UsageError} for options that do not fit.
 *
 * @param bin the value of --bin
 * @param texts of the options that were given
 * @param rest the words after --
 */
export function interpretDeployment(
  values: DeploymentValues,
  bin: string | undefined,
  texts: Readonly<Record<string, string>>,
  rest: readonly string[],
): Deployment | undefined {
  const { serve, url } = values;
  if (serve === undefined && url === undefined) {
    for (const name of ['engine', 'etcd', 'token'] as const)
      if (texts[name] !== undefined)
        throw new UsageError(`--${name} needs ${name === 'token' ? '--url' : '--serve N'}`);
    return undefined;
  }
  const chosen = serve === undefined ? '--url' : '--serve';
  if (serve !== undefined && url !== undefined) throw new UsageError('--serve cannot be combined with --url');
  for (const name of ['nodes', 'node-count', 'latency', 'limits', 'latency-dist', 'replay'])
    if (texts[name] !== undefined) throw new UsageError(`--${name} cannot be combined with ${chosen}`);
  return url === undefined
    ? interpretServed(values, serve as number, bin, texts, rest)
    : interpretExternal(values, url, bin, texts, rest);
}

function interpretExternal(
  { token }: DeploymentValues,
  urls: readonly string[],
  bin: string | undefined,
  texts: Readonly<Record<string, string>>,
  rest: readonly string[],
): Deployment {
  if (bin !== undefined) throw new UsageError('--bin cannot be combined with --url: these instances run already');
  for (const name of ['engine', 'etcd'])
    if (texts[name] !== undefined) throw new UsageError(`--${name} cannot be combined with --url`);
  if (rest.length > 0) throw new UsageError('arguments after -- are for instances that the test starts: --serve N');
  return {
    kind: 'external',
    words: wordsOf(texts),
    isUsed: true,
    nodes: nodeIds(urls.length),
    urls,
    token: token === undefined ? undefined : readToken(token),
  };
}

/** A header of HTTP cannot carry anything else than one word of visible ASCII. */
function readToken(file: string): string {
  const token = readFile('--token', file).toString().trim();
  if (!/^[!-~]+$/.test(token)) throw new UsageError(`--token ${file}: expected one word, such as a JSON Web Token`);
  return token;
}

function interpretServed(
  { engine, etcd }: DeploymentValues,
  count: number,
  bin: string | undefined,
  texts: Readonly<Record<string, string>>,
  rest: readonly string[],
): Deployment {
  if (texts.token !== undefined) throw new UsageError('--token needs --url');
  const owned = rest.find((word) => /^--(?:listen|store|workload|w)(?:=|$)|^-w$/.test(word));
  if (owned !== undefined) throw new UsageError(`${owned} after -- is set by the test itself`);
  if (rest.some((word) => /^--jwt-key(?:=|$)/.test(word)))
    throw new UsageError(
      '--jwt-key after --: the test would be refused; start such instances yourself: --url, --token',
    );
  const served = { kind: 'served' as const, words: wordsOf(texts), nodes: nodeIds(count), args: rest, isUsed: false };
  const program = bin === undefined ? undefined : requireProgram('bin', bin);
  if (engine.kind === 'started')
    return { ...served, program, engine: { ...engine, program: findEtcd(engine.text, etcd) } };
  if (etcd !== undefined) throw new UsageError(`--etcd cannot be combined with --engine ${engine.text}`);
  if (engine.store.isExclusive && count > 1)
    throw new UsageError(`--engine ${engine.text} is for one instance; --serve ${count} needs an etcd, such as etcd:3`);
  if (engine.store.folder !== undefined) requireNew(engine.text, resolve(engine.store.folder));
  return { ...served, isUsed: engine.store.isEtcd, program, engine };
}

function wordsOf(texts: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(DEPLOYMENT_OPTIONS).flatMap((name) => {
    const text = texts[name];
    return text === undefined ? [] : [`--${name}`, text];
  });
}

/** n1 … nN */
function nodeIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `n${index + 1}`);
}

function findEtcd(engine: string, file: string | undefined): string {
  if (file !== undefined) return requireProgram('etcd', file);
  const found = findInPath('etcd');
  if (found === undefined)
    throw new UsageError(
      `--engine ${engine}: there is no program etcd in PATH. Install it (Debian: etcd-server), or name it: --etcd FILE`,
    );
  return found;
}

/** What an earlier run left there would look like lost or doubled operations. */
function requireNew(engine: string, folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new UsageError(`--engine ${engine}: this is not a folder; name a new one`);
  if (readdirSync(folder).length > 0)
    throw new UsageError(`--engine ${engine}: this folder is not empty; name a new one`);
}
