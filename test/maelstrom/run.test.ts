/** `maelstrom/run`, with a `java` that tells what it is given: which Maelstrom is begun, and how. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const RUN = fileURLToPath(new URL('../../maelstrom/run', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../maelstrom/src', import.meta.url));

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maelstrom-run-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

program('bin/java', `for argument in "$@"; do echo "$argument"; done; echo "$SNOWSTORM_WORKLOAD" > ${folder}/told`);
program('node', ':');
program('chaos', ':');
program('release/lib/maelstrom.jar', ':');
const JAR = join(folder, 'release/lib/maelstrom.jar');

function program(path: string, script: string): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** What is told on stdout, by line. The environment knows of no Maelstrom but what a test says. */
function run(environment: Readonly<Record<string, string>>, ...options: readonly string[]) {
  const { MAELSTROM_HOME: _home, MAELSTROM_CLASSPATH: _classpath, JAVA_OPTS: _options, ...rest } = process.env;
  const env = { ...rest, ...environment, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync(RUN, options, { cwd: folder, env, encoding: 'utf8' });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

const RELEASE = { MAELSTROM_HOME: 'release' };
const DEFAULTS = '--node-count 3 --concurrency 4n --time-limit 30 --rate 100 --availability';

describe('maelstrom/run', () => {
  it('runs a workload with defaults, which what it is given comes after', () => {
    const { status, lines } = run(RELEASE, 'saga', '--rate', '5', '--bin', 'node');
    expect(status).toBe(0);
    expect(lines.slice(0, 3)).toEqual(['-Djava.awt.headless=true', '-cp', `${JAR}:${SOURCES}`]);
    const node = join(folder, 'node');
    const expected = `clojure.main -m snowstorm.main test -w saga --bin ${node} ${DEFAULTS} 0.9 --rate 5 --bin ${node}`;
    expect(lines.slice(3).join(' ')).toBe(expected);
  });

  it.each([
    ['ids', 'total'],
    ['unique-ids', 'total'],
    ['voucher', '0.9'],
    ['broadcast', 'total'],
    ['kafka', '0.9'],
    ['lin-kv', '0.5'],
  ])('demands of %s the availability %s', (workload, availability) => {
    expect(run(RELEASE, workload, '--bin', 'node').lines.join(' ')).toContain(`${DEFAULTS} ${availability} --bin`);
  });

  it('tells our node, through its environment, which workload it serves', () => {
    run(RELEASE, 'txn-list-append', '--bin', 'chaos', '--', './node');
    expect(readFileSync(join(folder, 'told'), 'utf8')).toBe('txn-list-append\n');
  });

  it('demands of txn-rw-register what a totally available node can promise, unless more is asked for', () => {
    const { lines } = run(RELEASE, 'txn-rw-register', '--consistency-models', 'serializable', '--bin', 'node');
    const models = lines.flatMap((line, at) => (line === '--consistency-models' ? [lines[at + 1]] : []));
    expect(models).toEqual(['causal-cerone', 'serializable']);
    expect(run(RELEASE, 'txn-list-append', '--bin', 'node').lines).not.toContain('--consistency-models');
  });

  it('knows that chaos breaks what no history tells, and where the node is that it is given', () => {
    const { lines } = run(RELEASE, 'voucher', '--bin', 'chaos', '--', '--kill', 'a b', '--', './node', 'x/y');
    const chaos = join(folder, 'chaos');
    // Many clients, because each that loses an answer waits 5 s for it.
    expect(lines.join(' ')).toContain('--node-count 3 --concurrency 20n --time-limit 30');
    expect(lines.slice(lines.indexOf('--unseen-faults'))).toEqual([
      '--unseen-faults',
      '--bin',
      chaos,
      '--',
      '--kill',
      'a b',
      '--',
      join(folder, 'node'),
      'x/y',
    ]);
  });

  it('takes a Maelstrom that is not a release', () => {
    const { lines } = run(
      { MAELSTROM_CLASSPATH: 'bin:release/lib/maelstrom.jar', JAVA_OPTS: '-Xmx2g -Xss4m' },
      'ids',
      '--bin=node',
    );
    const expected = [
      '-Djava.awt.headless=true',
      '-Xmx2g',
      '-Xss4m',
      '-cp',
      `${join(folder, 'bin')}:${JAR}:${SOURCES}`,
    ];
    expect(lines.slice(0, 5)).toEqual(expected);
    expect(lines.at(-1)).toBe(`--bin=${join(folder, 'node')}`);
  });

  it('says what to get when there is no Maelstrom, and what is wrong with one that is none', () => {
    const nothing = run({}, 'ids', '--bin', 'node');
    expect(nothing.status).toBe(69);
    for (const word of ['JDK', 'gnuplot', '0.2.4', 'MAELSTROM_HOME']) expect(nothing.stderr).toContain(word);
    const wrong = run({ MAELSTROM_HOME: folder }, 'ids', '--bin', 'node');
    expect([wrong.status, wrong.stderr]).toEqual([
      69,
      expect.stringContaining(`There is no ${folder}/lib/maelstrom.jar`),
    ]);
  });

  it('says that a node is not there', () => {
    const { status, stderr } = run(RELEASE, 'ids', '--bin', 'nothing');
    expect([status, stderr]).toEqual([254, 'maelstrom/run: There is no nothing to be tested.\n']);
  });

  it('tells how it is used', () => {
    expect(run({}).lines[0]).toContain('maelstrom/run WORKLOAD');
    expect(run({}, '--rate', '5').status).toBe(254);
  });
});
