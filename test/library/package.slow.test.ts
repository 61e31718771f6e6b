/**
 * The package as it would be published: packed, installed in an empty folder without a network, compiled strictly, and
 * used as a program, simulated and from runners of tests. `SNOWSTORM_TEST_NODES` may name more Node binaries, with
 * colons between them, such as those of 22 and 24.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { documentAt, documents } from '../support/documents.ts';
import { blocksOf, linksOf } from '../support/readme-commands.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FIXTURES = resolve('test/fixtures/library');
const MODULES = resolve('node_modules');
const NODES = [process.execPath, ...(process.env.SNOWSTORM_TEST_NODES ?? '').split(delimiter).filter(Boolean)];
/** Of the size of our own node. */
const SIZE_SHARE_MAX = 1.1;

const root = temporaryFolder();
const app = join(root, 'app');
const installed = join(app, 'node_modules/snowstorm');

function ended(
  program: string,
  args: readonly string[],
  input = '',
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: app, input, encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

/** Packs a package, without running its scripts. */
function pack(folder: string): string {
  const args = ['pack', folder, '--ignore-scripts', '--silent', '--pack-destination', root];
  return join(root, execFileSync('npm', args, { encoding: 'utf8' }).trim());
}

function bundle(entry: string, format: 'esm' | 'cjs', outfile: string, ...more: string[]): void {
  const args = [entry, `--format=${format}`, `--outfile=${outfile}`, '--log-level=error', '--platform=node', ...more];
  execFileSync(join(MODULES, '.bin/esbuild'), args, { cwd: app });
}

/** What the clients of a recorded run of Maelstrom sent to a node. */
function recordedSession(workload: string): { lines: string; replies: string[] } {
  const text = gunzipSync(readFileSync(`test/data/journals/${workload}.json.gz`)).toString();
  const [{ operations }] = JSON.parse(text) as [
    { operations: { exchanges: [{ type: string }, { type: string }][] }[] },
  ];
  const exchanges = operations.flatMap((operation) => operation.exchanges);
  const bodies = [{ type: 'init', node_id: 'n0', node_ids: ['n0'] }, ...exchanges.map(([request]) => request)];
  const lines = bodies.map((body, id) =>
    JSON.stringify({ id, src: 'c1', dest: 'n0', body: { ...body, msg_id: id + 1 } }),
  );
  return { lines: `${lines.join('\n')}\n`, replies: ['init_ok', ...exchanges.map(([, reply]) => reply.type)] };
}

const TSCONFIG = {
  compilerOptions: {
    ...{ target: 'es2022', module: 'nodenext', lib: ['es2023', 'dom'], types: [], noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
  },
  include: ['*.ts', '*.cts', '*.mts'],
};

const TEST_OF_NODE = `
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectValid, fuzz } from 'snowstorm/testing';
import node from './NODE.mjs';
test('NODE', async () => {
  const report = await fuzz({ node, workload: 'broadcast', seeds: 5, faults: ['partition', 'pause'], shrinkMs: 30_000 });
  assert.deepEqual(report.impurities, []);
  expectValid(report);
});
`;

describe('the packed package', () => {
  it('is installed without a network, and has neither sources nor tests in it', () => {
    cpSync(FIXTURES, app, { recursive: true });
    for (const name of ['broadcast', 'kafka']) cpSync(join(FIXTURES, `${name}.ts`), join(app, `${name}-common.cts`));
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    const packed = pack('.');
    const install = ['install', '--offline', '--no-audit', '--no-fund', pack(join(MODULES, 'zod')), packed];
    expect(ended('npm', install)).toMatchObject({ status: 0 });
    const files = execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' }).trim().split('\n');
    const belongs = /^package\/(?:(?:bin|dist|\.github)\/|package\.json$|(?:src|test|maelstrom)\/.*\.md$|README\.md$)/;
    expect(files.filter((file) => !belongs.test(file))).toEqual([]);
    // What explains the sources links to them, too.
    const missing = documents()
      .filter(({ path }) => files.includes(`package/${path}`))
      .flatMap(({ path, text }) => linksOf(text).map(({ file }) => join('package', dirname(path), file)))
      .filter((file) => !file.endsWith('.ts') && !files.some((own) => own === file || own.startsWith(`${file}/`)));
    expect(missing).toEqual([]);
    expect(statSync(packed).size).toBeLessThan(4 * 2 ** 20);
  });

  it('compiles for a strict consumer, as a module and as CommonJS, with the examples of its reference', () => {
    writeFileSync(
      join(app, 'uses.mts'),
      `import { expectValid, explore, fuzz, matchers, replay, run } from 'snowstorm/testing';
import node from './broadcast.js';
const report = await fuzz({ node, workload: 'broadcast', seeds: 1 });
expectValid(report);
export const all = [explore, run, replay, matchers, report.valid satisfies true | false | 'unknown'];
`,
    );
    const examples = blocksOf(documentAt('src/library/API.md').text, 'ts').filter((text) => text.startsWith('import '));
    expect(examples.length).toBeGreaterThan(5);
    for (const [index, text] of examples.entries()) writeFileSync(join(app, `example-${index}.mts`), text);
    expect(ended(join(MODULES, '.bin/tsc'), ['-p', '.']).out).toBe('');
  });

  it('has its three entries, and nothing else can be reached', () => {
    const reach = (name: string) => ended(process.execPath, ['-e', `require(${JSON.stringify(name)})`]);
    for (const name of ['snowstorm', 'snowstorm/testing', 'snowstorm/zod'])
      expect(reach(name)).toMatchObject({ status: 0 });
    for (const name of ['snowstorm/dist/library/node.cjs', 'snowstorm/dist/snowstorm.cjs', 'snowstorm/src/x.ts'])
      expect(reach(name).err).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('makes a node that is no larger than ours when it is bundled', () => {
    bundle('right-broadcast.ts', 'cjs', 'bundled.cjs', '--bundle', '--minify-syntax', '--minify-whitespace');
    const ours = statSync(resolve('dist/maelstrom-node.cjs')).size;
    expect(statSync(join(app, 'bundled.cjs')).size).toBeLessThan(SIZE_SHARE_MAX * ours);
    // Of zod the bundler takes what is used.
    expect(readFileSync(join(app, 'bundled.cjs'), 'utf8')).not.toContain('locales');
  });
});

describe.each(NODES)('with %s, zod from the package', (node) => {
  it.each([
    ['module', 'await import', 'mjs'],
    ['CommonJS', 'require', 'cjs'],
  ])('is all of zod, as %s, and has its languages', (_, load, kind) => {
    const file = `languages.${kind}`;
    writeFileSync(
      join(app, file),
      `const [own, zod] = [${load}('snowstorm/zod'), ${load}('zod')];
const names = (module) => [module, module.z, module.default, module.core, module.locales].map((part) => Object.keys(part).sort().join());
const say = (module) => module.int().safeParse('1').error.issues[0].message;
const english = say(own);
own.config(own.locales.de());
console.log(JSON.stringify({ same: names(own).join('|') === names(zod).join('|'), english, german: say(own), alike: say(zod) }));
`,
    );
    const { out } = ended(node, [file]);
    const german = 'Ungültige Eingabe: erwartet Zahl, erhalten string';
    const english = 'Invalid input: expected number, received string';
    expect(JSON.parse(out)).toEqual({ same: true, english, german, alike: german });
  });

  it('is one of three files that a node loads', () => {
    bundle('right-broadcast.ts', 'esm', 'right.mjs');
    const register = "import { register } from 'node:module'; register('./loaded-files.mjs', import.meta.url);\n";
    writeFileSync(join(app, 'tell-files.mjs'), register);
    writeFileSync(
      join(app, 'loaded-files.mjs'),
      `import { writeSync } from 'node:fs';
export function load(url, context, next) {
  writeSync(2, url + '\\n');
  return next(url, context);
}
`,
    );
    const { err } = ended(node, ['--import', './tell-files.mjs', 'right.mjs']);
    const files = err.split('\n').filter((line) => line.startsWith('file:'));
    expect(files.map((file) => basename(file))).toEqual(['right.mjs', 'node.mjs', 'zod.mjs']);
  });
});

describe.each(NODES)('with %s, a node', (node) => {
  const cli = (...args: string[]) =>
    ended(node, [join(installed, 'bin/snowstorm'), ...args, '--store', join(root, 'store')]);

  it('answers what clients of Maelstrom asked, as a module, as CommonJS and bundled', () => {
    bundle('right-broadcast.ts', 'esm', 'right.mjs');
    bundle('right-broadcast.ts', 'cjs', 'right.cjs');
    bundle('broadcast.ts', 'esm', 'wrong.mjs');
    // An author's own zod is another copy.
    for (const kind of ['mjs', 'cjs']) {
      const text = readFileSync(join(app, `right.${kind}`), 'utf8');
      writeFileSync(join(app, `right-own-zod.${kind}`), text.replace('snowstorm/zod', 'zod'));
    }
    const { lines, replies } = recordedSession('broadcast');
    for (const file of ['right.mjs', 'right.cjs', 'right-own-zod.mjs', 'right-own-zod.cjs', 'bundled.cjs']) {
      const { status, out } = ended(node, [file], lines);
      const types = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).body.type);
      expect({ file, status, types }).toEqual({ file, status: 0, types: replies });
    }
  });

  it('is tested as a process', () => {
    const args = ['--node-count', '3', '--time-limit', '2', '--rate', '20'];
    const program = ['--bin', node, '--', join(app, 'right.mjs')];
    expect(cli('test', '-w', 'broadcast', ...args, ...program)).toMatchObject({
      status: 0,
      out: expect.stringContaining('Everything looks good! The run is valid.'),
    });
  });

  it.each(['right.mjs', 'right.cjs'])('is simulated from %s', (file) => {
    const faults = ['--nemesis', 'partition,pause', '--seeds', '4'];
    expect(cli('fuzz', '-w', 'broadcast', '--node', `./${file}`, ...faults)).toMatchObject({ status: 0 });
  });

  it('is fuzzed to the story, whose replay fails alike', () => {
    const found = cli('fuzz', '-w', 'broadcast', '--node', './wrong.mjs', '--seeds', '5');
    expect(found).toMatchObject({ status: 1, out: expect.stringContaining('The run is INVALID. 1 element was lost') });
    const [, words = ''] = /^Replay: {2}snowstorm (.*)$/m.exec(found.out) ?? [];
    expect(words).toMatch(/--replay .* --node \.\/wrong\.mjs$/);
    expect(cli(...words.split(' '))).toMatchObject({ status: 1 });
  });

  it('is explored to the story, and the printed command repeats that run', () => {
    const found = cli('explore', '-w', 'broadcast', '--node', './wrong.mjs', '--operations', '4', '--seed', '1');
    expect(found).toMatchObject({ status: 1, out: expect.stringMatching(/(pause|cut)@\d+/) });
    const [, words = ''] = /^Replay: {2}snowstorm (.*)$/m.exec(found.out) ?? [];
    expect(words).toMatch(/^explore -w broadcast --node \.\/wrong\.mjs .* --hit (pause|cut)@\d+$/);
    expect(cli(...words.split(' '))).toMatchObject({ status: 1 });
  });

  it('in TypeScript runs where Node or tsx strips types, and else it is said what helps', () => {
    const fuzz = () =>
      cli('fuzz', '-w', 'broadcast', '--node', './right-broadcast.ts', '--seeds', '2', '--nemesis', 'pause');
    const strips = ended(node, ['-p', 'Boolean(process.features.typescript)']).out.trim() === 'true';
    const first = fuzz();
    if (strips) expect(first).toMatchObject({ status: 0 });
    else expect(first).toMatchObject({ status: 254, err: expect.stringContaining('npm install --save-dev tsx') });
    const links = ['tsx', 'esbuild', '@esbuild', 'get-tsconfig', 'resolve-pkg-maps'];
    for (const name of links) symlinkSync(join(MODULES, name), join(app, 'node_modules', name));
    try {
      expect(fuzz()).toMatchObject({ status: 0 });
    } finally {
      for (const name of links) rmSync(join(app, 'node_modules', name));
    }
  });

  it('is tested by node:test, and the story is in the output', () => {
    for (const [name, status] of [
      ['right', 0],
      ['wrong', 1],
    ] as const) {
      writeFileSync(join(app, `${name}.test.mjs`), TEST_OF_NODE.replaceAll('NODE', name));
      const test = ended(node, ['--test', `${name}.test.mjs`]);
      expect(test).toMatchObject({ status });
      if (status === 0) continue;
      expect(test.out).toContain('InvalidRunError');
      expect(test.out).toMatch(/made small in[\s\S]*is cut for[\s\S]*1 element was lost/);
    }
  });
});
