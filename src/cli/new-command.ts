/**
 * `snowstorm new`: writes a folder with a node, its test, and a package of its own. It never writes over what is there.
 */

import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { filesOf, KINDS, packagesOf, type Style, withPacked } from './new-folder.ts';
import { nearestName } from './option-guess.ts';
import { describeOptions, parseOptions, switchOption, UsageError } from './options.ts';

const OPTIONS = {
  js: switchOption('plain JavaScript, without types'),
  help: switchOption('prints this text', 'h'),
};

const HELP = `Usage: snowstorm new KIND [FOLDER] [options]

Writes a folder with a node, its test and a package of its own, in TypeScript. Its README
goes on from there. The folder must be empty or new. Default: named like the kind.

Kinds:
${Object.entries(KINDS)
  .map(([name, { text }]) => `  ${name.padEnd(10)}  ${text}`)
  .join('\n')}

Options:
${describeOptions(OPTIONS)}
`;

/** Runs the command; returns the exit status. Throws a {@link UsageError}. */
export function newCommand(args: readonly string[]): number {
  const { values, words, rest } = parseOptions(OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [kind, folder = kind, ...more] = [...words, ...rest];
  if (kind === undefined || folder === undefined) throw new UsageError(`new: no kind was given; ${expectedKinds()}`);
  if (!Object.hasOwn(KINDS, kind)) throw new UsageError(describeUnknownKind(kind));
  if (more.length > 0) throw new UsageError(`new: ${JSON.stringify(more[0])}: expected one kind and one folder`);
  requireEmpty(folder);
  const style = { plain: values.js, strips: Boolean((process.features as { typescript?: unknown }).typescript) };
  const root = join(__dirname, '..');
  const templates = join(__dirname, 'templates');
  if (!existsSync(templates))
    throw new UsageError(`new: ${templates} is missing; use the packed package, or a clone after "make build"`);
  withPacked(root, (packed) => {
    const files = filesOf(kind, style, templates, basename(packed));
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { flag: 'wx', mode: text.startsWith('#!') ? 0o755 : 0o644 });
    copyFileSync(packed, join(folder, basename(packed)), constants.COPYFILE_EXCL);
    tell(kind, folder, Object.keys(files), style);
  });
  return 0;
}

function expectedKinds(): string {
  return `expected one of ${Object.keys(KINDS).join(', ')}`;
}

function describeUnknownKind(kind: string): string {
  const near = nearestName(Object.keys(KINDS), kind);
  const guess = near === undefined ? '' : `; did you mean ${near}?`;
  return `new: there is no kind ${JSON.stringify(kind)}; ${expectedKinds()}${guess}`;
}

function requireEmpty(folder: string): void {
  if (!existsSync(folder)) return;
  const path = resolve(folder);
  if (!statSync(folder).isDirectory()) throw new UsageError(`new: ${path} is a file; expected a folder`);
  const [first] = readdirSync(folder);
  if (first !== undefined)
    throw new UsageError(`new: the folder ${path} is not empty: it has ${first}; expected a new or an empty one`);
}

function tell(kind: string, folder: string, files: readonly string[], style: Style): void {
  const packages = packagesOf(style).join(', ');
  process.stdout.write(`Wrote ${kind} to ${folder}: ${files.join(', ')}, and Snowstorm itself, packed.

  cd ${folder}
  npm install    # takes ${packages} from npm's registry; --offline, from its cache
  npm test

README.md goes on from there.
`);
}
