/** `snowstorm check`, the real program: histories in every format, what is told of them, and what is refused. */

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { History } from '../../src/history/history.ts';
import { operationLine } from '../../src/host/records/run-lines.ts';
import { readCorpus } from '../support/checker-corpus.ts';
import { ednHistory, textHistory } from '../support/edn.ts';
import { snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const store = join(folder, 'store');

function corpusCase(workload: string, name: string) {
  const found = readCorpus(workload).find((one) => one.name === name);
  if (found === undefined) throw new Error(`the corpus of ${workload} has no ${name}`);
  return found;
}

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const jsonLines = (history: History) => [...history].map((operation) => `${operationLine(operation)}\n`).join('');

describe('a history', () => {
  const { history, result } = corpusCase('broadcast', 'forget');
  const files = [
    write('forget.jsonl', jsonLines(history)),
    write('forget.edn', ednHistory(history)),
    write('records.edn', ednHistory(history, true)),
    write('vector.edn', `[${ednHistory(history)}]`),
    write('without-extension', ednHistory(history)),
  ];

  it('is judged in every format, with the result of the real checker as JSON', async () => {
    const { status, stdout } = await snowstorm(['check', ...files, '-w', 'broadcast', '--json']);
    expect(status).toBe(1);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(files.length);
    for (const line of lines) {
      const { beyond: _, ...ours } = JSON.parse(line) as Record<string, unknown>;
      expect(ours).toEqual(result);
    }
    expect(existsSync(store)).toBe(false);
  });

  it('is told as a block, with the verdict last and a report', async () => {
    const args = ['check', files[0] as string, '-w', 'broadcast', '--store', store];
    const { status, stdout } = await snowstorm(args);
    expect(status).toBe(1);
    expect(stdout).toContain('lost-count        20');
    expect(stdout).toMatch(/\nThe run is INVALID\. 20 elements were lost, for instance 5\.\n$/);
    const report = /^Report: (.*)$/m.exec(stdout)?.[1] as string;
    expect(readFileSync(report, 'utf8')).toContain('What Jepsen does not see');
    // The links lead to runs, and this was none.
    expect(readdirSync(store)).toEqual(['broadcast']);
  });

  it('has its table judged as well, without times', async () => {
    const file = write('history.txt', textHistory(history));
    const { status, stdout } = await snowstorm(['check', file, '-w', 'broadcast', '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ lost: result.lost, 'stale-count': 0 });
  });

  it('of a counter needs more than the table', async () => {
    const file = write('counter.txt', textHistory(corpusCase('g-counter', 'lose').history));
    const { status, stderr } = await snowstorm(['check', file, '-w', 'g-counter', '--json']);
    expect(status).toBe(254);
    expect(stderr).toContain('it does not tell which reads are final');
  });

  it('in a folder of Maelstrom tells its workload', async () => {
    const run = join(folder, 'maelstrom', 'store', 'broadcast', '20260101T000000.000+0000');
    mkdirSync(run, { recursive: true });
    writeFileSync(join(run, 'history.edn'), ednHistory(history));
    const latest = join(folder, 'maelstrom', 'store', 'latest');
    symlinkSync(run, latest);
    const { status, stdout } = await snowstorm(['check', latest, '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ 'lost-count': 20 });
  });
});

describe('several histories', () => {
  const good = write('good.jsonl', jsonLines(corpusCase('g-set', 'good').history));
  const empty = write('nearly-empty.jsonl', jsonLines(corpusCase('g-set', 'nearly-empty').history));
  const broken = write('broken.edn', '{:type :invoke, :process 0, :f :read,\n  :value [1 2}\n');

  it('have the worst status, unknown before valid', async () => {
    const { status } = await snowstorm(['check', good, empty, '-w', 'g-set', '--json']);
    expect(status).toBe(2);
  });

  it('are all judged though one is malformed, which is named with its place', async () => {
    const junit = join(folder, 'junit.xml');
    const { status, stdout, stderr } = await snowstorm([
      ...['check', good, broken, empty, '-w', 'g-set', '--json', '--junit', junit],
    ]);
    expect(status).toBe(254);
    const flaw = `${broken}: line 2, column 14: } closes nothing`;
    expect(stderr).toBe(`snowstorm: ${flaw}\n`);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)['valid?']),
    ).toEqual([true, undefined, 'unknown']);
    const document = readFileSync(junit, 'utf8');
    expect(document).toContain('tests="3" failures="0" errors="2"');
    expect(document).toContain(`message="${flaw}"`);
  });
});

describe('what only rules beyond Jepsen find', () => {
  const file = write('duplicate.jsonl', jsonLines(corpusCase('broadcast', 'duplicate').history));

  it('is a warning', async () => {
    const { status, stdout } = await snowstorm(['check', file, '-w', 'broadcast', '--store', 'none']);
    expect(status).toBe(0);
    expect(stdout).toContain('Warning: A read shows 2 more than once (no-duplicates: 1).\nEverything looks good!');
  });

  it('is invalid under --strict', async () => {
    const { status, stdout } = await snowstorm(['check', file, '-w', 'broadcast', '--strict', '--store', 'none']);
    expect(status).toBe(1);
    expect(stdout).not.toContain('Warning');
    expect(stdout).toMatch(/INVALID\. A read shows 2 more than once \(no-duplicates: 1\)\.\n$/);
  });
});

describe('a run of ours', () => {
  it('is judged again, with its own workload', async () => {
    const runs = join(folder, 'runs');
    const test = ['test', '-w', 'unique-ids', '--rate', '50', '--time-limit', '2', '--seed', '1', '--store', runs];
    expect((await snowstorm(test)).status).toBe(0);
    const { status, stdout } = await snowstorm(['check', join(runs, 'latest'), '--store', runs]);
    expect(status).toBe(0);
    const report = /^Report: (.*)$/m.exec(stdout)?.[1] as string;
    // The messages of the run are in the new record, too.
    expect(readFileSync(report, 'utf8')).toContain('class="space-time"');
  });
});

describe('refused is', () => {
  const file = write('one.jsonl', '{"index":0,"time":0,"type":"invoke","process":0,"f":"read","value":null}\n');

  const emptyFolder = join(folder, 'empty');
  mkdirSync(emptyFolder);

  it.each([
    [['-w', 'g-set'], 'HISTORY is missing'],
    [[file], '-w NAME is missing'],
    [[file, '-w', 'g-sets'], '--workload "g-sets": expected one of echo, '],
    [[file, '-w', 'g-set', '--consistency-models', 'serializable'], 'the workload g-set has no transactions'],
    [[join(folder, 'nothing.edn'), '-w', 'g-set'], 'nothing.edn: there is no such file or folder'],
    [[emptyFolder, '-w', 'g-set'], 'there is no history in this folder'],
    [[write('prose', 'Dear reader'), '-w', 'g-set'], 'prose: line 1, column 1: expected a history'],
    [[write('cut.jsonl', '{"index":0,"time":0,"ty'), '-w', 'g-set'], 'line 1, column 24: the JSON ends too early'],
    [
      [write('lone.edn', '\n  {:type :ok, :process 3, :f :read}'), '-w', 'g-set'],
      'line 2, column 3: process 3 completes read without an invocation',
    ],
    [
      [write('type.edn', '{:type :done, :process 3, :f :read}'), '-w', 'g-set'],
      'line 1, column 1: expected an operation',
    ],
    [
      [write('bad.txt', '0\t:invoke\t:read\tnil\n0\t:ok\t:read\t[1 2\n'), '-w', 'g-set'],
      'line 2, column 13: this bracket',
    ],
    [[write('more.txt', '0\t:invoke\t:read\tnil nil\n'), '-w', 'g-set'], 'line 1, column 20: the value is ambiguous'],
  ])('%s', async (args, says) => {
    const { status, stderr } = await snowstorm(['check', ...args, '--store', 'none']);
    expect(stderr).toContain(says);
    expect(status).toBe(254);
  });
});
