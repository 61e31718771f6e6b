/**
 * What `snowstorm new` writes: the files of a kind from the templates beside the program, with a package of their own.
 * The templates are TypeScript, and plain JavaScript is made from them.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './options.ts';
import { PACKAGES } from './version.ts';

/** A kind of start. */
export interface Kind {
  /** What `--help` says of it. */
  readonly text: string;
  /** What it is tested by: a workload by its name, or a module in the folder. */
  readonly workload: string;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  'unique-ids': { text: 'a node that makes ids, right until it is killed', workload: 'unique-ids' },
  broadcast: { text: 'a node that gossips, and loses what a cut drops', workload: 'broadcast' },
  counter: { text: 'a node that counts in seq-kv, and loses adds', workload: 'g-counter' },
  kafka: { text: 'a node that keeps logs in lin-kv, and overwrites messages', workload: 'kafka' },
  workload: { text: 'a workload of your own, with a node that is right', workload: './workload.ts' },
};

/** In what language, and for which Node. */
export interface Style {
  readonly plain: boolean;
  /** Whether this Node runs TypeScript by itself; an older one needs tsx. */
  readonly strips: boolean;
}

type Files = Readonly<Record<string, string>>;

/** The texts of the new folder, by their names. @param packed the name of the packed package in it */
export function filesOf(name: string, style: Style, templates: string, packed: string): Files {
  const folder = join(templates, name);
  const from = (file: string) => readFileSync(join(folder, file), 'utf8');
  const sources = readdirSync(folder).filter((file) => file !== 'README.md');
  const readme = `${from('README.md')}\n${describeFolder(name, style, packed)}`;
  const common = (file: string) => readFileSync(join(templates, file), 'utf8');
  return {
    ...Object.fromEntries(
      sources.map((file) => [named(file, style), style.plain ? plainJavaScript(from(file)) : from(file)]),
    ),
    'README.md': style.plain ? plainReadme(readme) : readme,
    'package.json': `${JSON.stringify(packageOf(name, style, packed), undefined, 2)}\n`,
    ...(style.plain ? {} : { 'tsconfig.json': common('tsconfig.json') }),
    '.gitignore': common('gitignore'),
  };
}

function named(file: string, { plain }: Style): string {
  return plain ? file.replace(/\.ts$/, '.js') : file;
}

/** It comes with Snowstorm. */
const ZOD = 'zod';

/** Tells all that `npm install` takes from the registry. */
export function packagesOf({ plain, strips }: Style): readonly string[] {
  return [ZOD, ...(plain ? [] : ['@types/node', ...(strips ? [] : ['tsx']), 'typescript'])];
}

function packageOf(name: string, style: Style, packed: string): object {
  const { plain, strips } = style;
  const workload = named((KINDS[name] as Kind).workload, style);
  const node = named('node.ts', style);
  const program = plain || strips ? `--bin ./${node}` : '--bin tsx';
  const words = plain || strips ? '' : ` -- "$PWD/${node}"`;
  const loader = plain || strips ? '' : '--import tsx ';
  const versionsOf = (names: readonly string[]) => Object.fromEntries(names.map((word) => [word, PACKAGES[word]]));
  const tools = packagesOf(style).filter((name) => name !== ZOD);
  return {
    name: `my-${name}`,
    private: true,
    type: 'module',
    engines: { node: plain || !strips ? '>=20' : '>=22.18' },
    scripts: {
      test: `node ${loader}--test --test-reporter=spec ${named('node.test.ts', style)}`,
      fuzz: `snowstorm fuzz -w ${workload} --node ./${node} --seeds 100`,
      processes: `snowstorm test -w ${workload} ${program} --node-count 3 --rate 20 --time-limit 5${words}`,
      ...(plain ? {} : { types: 'tsc' }),
    },
    dependencies: { snowstorm: `file:${packed}` },
    ...(plain ? {} : { devDependencies: versionsOf(tools) }),
  };
}

function describeFolder(name: string, style: Style, packed: string): string {
  const { workload } = KINDS[name] as Kind;
  const packages = packagesOf(style);
  const maelstrom = workload.startsWith('.')
    ? ''
    : `\nMaelstrom runs the node, too: \`maelstrom test -w ${workload} --bin node.ts\`.\n`;
  const runs = style.plain || style.strips ? maelstrom : '';
  return `## Commands

| command | what it does |
| --- | --- |
| \`npm test\` | simulates ten seeds, as [\`node.test.ts\`](node.test.ts) says; a failure prints its story |
| \`npm run fuzz\` | simulates a hundred seeds on all cores, and draws the report of a failure |
| \`npm run processes\` | tests three real processes of the node |
${style.plain ? '' : '| `npm run types` | checks the types |\n'}${runs}
\`npx snowstorm …\` runs the commands that these print, such as \`snowstorm test --replay …\`.

Snowstorm is \`${packed}\` in this folder, since it is not published; \`npm install ./snowstorm-….tgz\` takes a newer
one. ${packages.length === 1 ? 'zod comes' : `${listed(packages)} come`} from npm's registry; without a network, \`npm install --offline\` takes what npm's
cache has. All that the package exports: [API](node_modules/snowstorm/src/library/API.md).
`;
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/**
 * The same module without types. It knows the few forms that the templates have: annotations of constants and
 * parameters, arguments of types of a Map or Set, and assertions. A test compares it with what a compiler makes.
 */
export function plainJavaScript(text: string): string {
  return text
    .replaceAll(/(?<=^[-+ ]*const \w+): [^=;]+(?= = )/gm, '')
    .replaceAll(/(?<=[(,] ?\w+): (?:string|number|unknown)(?=[,)])/g, '')
    .replaceAll(/(?<=new (?:Map|Set))<[^>(]*>(?=\()/g, '')
    .replaceAll(/(?<=\w|\)) as (?:\{[^}]*\}|\w+)(?=[;,)])/g, '')
    .replaceAll(/(['"]\.\/[\w.]+)\.ts(?=['"])/g, '$1.js');
}

function plainReadme(text: string): string {
  const code = text.replaceAll(/^```(?:ts|diff)\n[\s\S]*?^```$/gm, plainJavaScript);
  return code.replaceAll(/\b((?:node|messages|workload)(?:\.test)?)\.ts\b/g, '$1.js');
}

/** Packs this program's package into a folder for a moment, and hands over the file. Throws a {@link UsageError}. */
export function withPacked<Made>(root: string, use: (file: string) => Made): Made {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-new-'));
  try {
    const args = ['pack', root, '--ignore-scripts', '--silent', '--pack-destination', folder];
    const { error, status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
    if (error !== undefined) throw new UsageError(`new: npm is needed to pack Snowstorm: ${error.message}`);
    const [file] = readdirSync(folder);
    if (status !== 0 || file === undefined) throw new UsageError(`new: npm could not pack ${root}: ${stderr.trim()}`);
    return use(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
