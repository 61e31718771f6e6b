/**
 * The reference of the package, `src/library/API.md`: all that its two entries export, with the texts at the
 * declarations, which editors show as well. The compiler reads them, so a signature is that of the code.
 */

import { basename, resolve } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API, type Symbol as Named, type Project } from 'typescript/unstable/sync';

const INTRODUCTION = `# API

<!-- Written from the declarations by \`make docs\`; a test compares them. -->

All that the package exports: [how to use it](README.md). \`snowstorm/zod\` exports what [zod](https://zod.dev) does.
`;

/** By the file of a declaration. A file that is not here is an error, so that no export is left out. */
const GROUPS: readonly (readonly [title: string, files: readonly string[]])[] = [
  ['Nodes', ['own-node', 'run-on-stdio', 'context', 'environment', 'clock']],
  ['RPC', ['rpc', 'message']],
  ['Errors', ['errors']],
  ['Stores', ['kv-client', 'store']],
  ['Documents', ['documents']],
  ['Journal', ['journal', 'folder']],
  ['Testing', ['simulate', 'explore', 'expect-valid', 'fault']],
  ['Workloads', ['own-workload', 'own-option', 'workload-test', 'client', 'random', 'author-workload', 'workload']],
  ['Checkers', ['checkers', 'checker', 'model', 'proof', 'history', 'operation']],
];

const PACKAGES = { 'src/library/node.ts': 'snowstorm', 'src/library/testing.ts': 'snowstorm/testing' };

/** A part of an export: a field, a method, a parameter. */
export interface ApiPart {
  readonly name: string;
  readonly signature: string;
  readonly text: string;
}

/** One export. */
export interface ApiExport extends ApiPart {
  /** `snowstorm` or `snowstorm/testing`. */
  readonly from: string;
  /** The file that declares it, without folder and extension. */
  readonly file: string;
  readonly members: readonly ApiPart[];
  /** Of a function: those that `@param` tells, and those that there are. */
  readonly parameters: readonly { readonly name: string; readonly isTold: boolean }[];
  readonly throws: boolean;
  readonly example: string;
}

/** The shape of the compiler's nodes, as far as it is needed here. */
interface SyntaxNode {
  readonly kind: number;
  readonly end: number;
  readonly name?: SyntaxNode & { readonly text?: string };
  readonly members?: readonly SyntaxNode[];
  readonly modifiers?: readonly SyntaxNode[];
  readonly parameters?: readonly SyntaxNode[];
  readonly body?: SyntaxNode;
  readonly type?: SyntaxNode;
  getStart(): number;
  getSourceFile(): { readonly text: string; readonly fileName: string };
}

/** Asks the compiler. @param config a tsconfig whose files are the entries */
export function readExports(
  config = 'src/library/tsconfig.json',
  entries: Readonly<Record<string, string>> = PACKAGES,
): ApiExport[] {
  const api = new API({ cwd: process.cwd() });
  try {
    const project = api.updateSnapshot({ openProjects: [resolve(config)] }).getProjects()[0] as Project;
    return Object.entries(entries).flatMap(([entry, from]) => {
      const file = project.program.getSourceFile(resolve(entry));
      const module = file && project.checker.getSymbolAtLocation(file);
      if (module === undefined) throw new Error(`${entry} is not in ${config}`);
      return project.checker.getExportsOfModule(module).map((symbol) => describeExport(project, symbol, from));
    });
  } finally {
    api.close();
  }
}

function describeExport(project: Project, symbol: Named, from: string): ApiExport {
  const { checker } = project;
  const isAlias = symbol.declarations[0]?.kind === SyntaxKind.ExportSpecifier;
  const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
  const node = target.declarations[0]?.resolve(project) as unknown as SyntaxNode;
  const tags = target.getJsDocTags(checker);
  const told = tags.filter(({ name }) => name === 'param').map(({ text }) => plainText(text));
  const text = [
    target.getDocumentationComment(checker),
    ...(told.length > 0 ? [''] : []),
    ...told.map(parameterLine),
  ].join('\n');
  const names = (node.parameters ?? []).map(({ name }) => sourceOf(name as SyntaxNode));
  return {
    ...{ name: symbol.name, from, file: basename(node.getSourceFile().fileName, '.ts') },
    text: linked(text.trim()),
    signature: signatureOf(node, checker.typeToString(checker.getTypeOfSymbol(target) as never)),
    members: membersOf(project, node),
    parameters: names.map((name) => ({ name, isTold: told.some((param) => param.startsWith(`${name} `)) })),
    throws: node.body !== undefined && /\bthrow\b/.test(sourceOf(node.body)),
    example: tags
      .filter(({ name }) => name === 'example')
      .map((tag) => plainText(tag.text))
      .join('\n'),
  };
}

function parameterLine(told: string): string {
  return told.replace(/^(\S+) ([\s\S]*)$/, (_, name, text) => `- \`${name}\`: ${oneLine(text)}`);
}

function plainText(text: unknown): string {
  return typeof text === 'string' ? text : ((text ?? []) as { text: string }[]).map((part) => part.text).join('');
}

/** A link in a text of the code is a name here. */
function linked(text: string): string {
  return text.replaceAll(/\{@link ([\w.]+)\}/g, '`$1`');
}

function sourceOf(node: SyntaxNode, end = node.end): string {
  return node.getSourceFile().text.slice(node.getStart(), end).trim();
}

/** The declaration without its body and its members. */
function signatureOf(node: SyntaxNode, type: string): string {
  const bare = (text: string) => text.replace(/^export (?:declare )?/, '').replace(/[\s;]+$/, '');
  if (node.kind === SyntaxKind.VariableDeclaration)
    return `const ${(node.name as SyntaxNode & { text: string }).text}: ${type}`;
  if (node.body !== undefined) return bare(sourceOf(node, node.body.getStart()));
  if (node.members === undefined) return bare(sourceOf(node).replaceAll(/\/\*\*[\s\S]*?\*\/\n\s*/g, ''));
  return bare(sourceOf(node).replace(/\{[\s\S]*$/, ''));
}

const HIDDEN: ReadonlySet<number> = new Set([SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword]);

function membersOf(project: Project, node: SyntaxNode): ApiPart[] {
  return (node.members ?? []).flatMap((member) => {
    const name = member.name === undefined ? '' : sourceOf(member.name);
    if (name.startsWith('#') || name.startsWith('[') || (member.modifiers ?? []).some(({ kind }) => HIDDEN.has(kind)))
      return [];
    if (member.name === undefined && member.kind !== SyntaxKind.Constructor) return [];
    const symbol = member.name && project.checker.getSymbolAtLocation(member.name as never);
    const documentation = symbol?.getDocumentationComment(project.checker) ?? '';
    if (symbol?.getJsDocTags(project.checker).some((tag) => tag.name === 'internal')) return [];
    const told = (symbol?.getJsDocTags(project.checker) ?? []).filter((tag) => tag.name === 'param');
    const text = [documentation, ...told.map((tag) => plainText(tag.text))].join(' ');
    return [{ name: name || 'constructor', signature: memberSignature(member), text: linked(oneLine(text)) }];
  });
}

function memberSignature(member: SyntaxNode): string {
  const text = member.body === undefined ? sourceOf(member) : sourceOf(member, member.body.getStart());
  const value = /^((?:static )?(?:override )?(?:readonly )?\w+)(: [^=]+)? = [\s\S]*$/.exec(text);
  const declared = value === null ? text : `${value[1]}${value[2] ?? ''}`;
  return oneLine(declared.replaceAll(/\/\*\*[\s\S]*?\*\//g, ''))
    .replace(/^readonly |;$/g, '')
    .replace(/;$/, '');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** What has no text of its own, as `export.part`. */
export function findUntold(exports: readonly ApiExport[]): string[] {
  return exports.flatMap(({ name, text, members, parameters, throws }) => [
    ...(text === '' ? [name] : []),
    ...members
      .filter((member) => member.text === '' && member.name !== 'constructor')
      .map((member) => `${name}.${member.name}`),
    ...parameters
      .filter(({ name: own, isTold }) => !isTold && !own.startsWith('{'))
      .map((own) => `${name}(${own.name})`),
    ...(throws && !/\b(?:[Tt]hrow|[Rr]eject)/.test(text) ? [`${name} throws`] : []),
  ]);
}

/** The page. Throws an Error if an export is in no group. */
export function apiReference(exports: readonly ApiExport[]): string {
  const grouped = new Set(GROUPS.flatMap(([, files]) => files));
  const lost = exports.filter(({ file }) => !grouped.has(file)).map(({ name, file }) => `${name} of ${file}.ts`);
  if (lost.length > 0) throw new Error(`test/support/api-reference.ts has no group for ${lost.join(', ')}`);
  const groups = GROUPS.map(([title, files]) => {
    const own = files.flatMap((file) => exports.filter((one) => one.file === file));
    return [`## ${title}\n`, ...own.map(describe)].join('\n');
  });
  return [INTRODUCTION, ...groups].join('\n');
}

function describe({ name, from, signature, text, members, example }: ApiExport): string {
  const parts = members.map((part) => `- \`${part.signature}\`${part.text === '' ? '' : `: ${part.text}`}\n`).join('');
  const lines = [`### ${name}\n`, `\`\`\`ts\n${signature}\n\`\`\`\n`, `From \`${from}\`. ${text}\n`];
  if (parts !== '') lines.push(parts);
  if (example !== '') lines.push(`${example.trim()}\n`);
  return lines.join('\n');
}
