/** A record is read back as it was written. An error in it names the file. */

import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Traffic } from '../../../src/harness/traffic.ts';
import { History } from '../../../src/history/history.ts';
import type { OperationEntry } from '../../../src/history/operation.ts';
import { RecordError } from '../../../src/host/records/record-error.ts';
import { readRecordedRun } from '../../../src/host/records/recorded-run.ts';
import { RunFolder } from '../../../src/host/records/run-folder.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { parseExact, stringifyExact } from '../../../src/protocol/exact-json.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { NEW_YEAR_MS } from '../../support/manual-clock.ts';
import { OPTIONS, sharesNodeNumber } from '../../support/wrong-subjects.ts';

const TIME = new Date(NEW_YEAR_MS);
const RESULTS = {
  time: TIME.toISOString(),
  again: 'snowstorm test -w echo',
  options: { workload: 'echo', program: '/bin/node', args: ['-v'], nodes: ['n0', 'n1'], concurrency: 2, seed: '7' },
  harness: { 'resident-megabytes-max': 100 },
  traffic: [{ src: 'clients', dest: 'n0', sent: 3, received: 2 }],
  stats: { 'valid?': true, count: 1 },
  'valid?': true,
};

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'snowstorm-recorded-run-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const create = () => RunFolder.create(root, 'echo', TIME, 1000);

function finished(results: unknown = RESULTS): RunFolder {
  const runFolder = create();
  runFolder.finish(results);
  return runFolder;
}

describe('a recorded run', () => {
  it('equals what was written', () => {
    const runFolder = create();
    const message = { id: 0, src: 'c0', dest: 'n0', body: { type: 'echo' } };
    runFolder.writeMessage('send', message, 1);
    runFolder.writeLog('n1', 'one');
    runFolder.writeLog('n0', 'two');
    runFolder.finish(RESULTS);
    const { messagesAround, history, ...record } = readRecordedRun(runFolder.folder);
    expect(record).toEqual({
      workload: 'echo',
      program: '/bin/node',
      nodes: ['n0', 'n1'],
      concurrency: 2,
      startedAt: RESULTS.time,
      interrupted: false,
      options: RESULTS.options,
      results: { stats: { 'valid?': true, count: 1 }, 'valid?': true },
      verdict: 'Everything looks good! The run is valid.',
      traffic: RESULTS.traffic,
      again: 'snowstorm test -w echo',
      story: undefined,
      shrunk: undefined,
      files: ['results.json', 'history.jsonl', 'messages.jsonl', 'node-logs/n0.log', 'node-logs/n1.log'],
    });
    expect(history.length).toBe(0);
    expect(messagesAround(undefined, 1, 1).entries).toEqual([{ time: 1_000_000, event: 'send', ...message }]);
  });

  it('may have only results and a history', () => {
    const { options } = RESULTS;
    const runFolder = finished({ options: { ...options, program: null }, 'valid?': 'unknown' });
    rmSync(join(runFolder.folder, 'messages.jsonl'));
    const { messagesAround, ...record } = readRecordedRun(runFolder.folder);
    expect(record).toMatchObject({ program: undefined, startedAt: undefined, traffic: undefined, again: undefined });
    expect(record.files).toEqual(['results.json', 'history.jsonl']);
    expect(messagesAround(5, 1, 1)).toEqual({ entries: [], count: 0, endTime: 0, leftOut: 0 });
  });

  it('has the operations unchanged, with all kinds of values', () => {
    const entries: OperationEntry[] = [
      { time: -5, process: 'nemesis', type: 'info', f: 'start-partition', value: { n0: ['n1'] } },
      { time: 0, process: 0, type: 'invoke', f: 'generate', value: null },
      { time: 1.5, process: 0, type: 'ok', f: 'generate', value: parseExact('[9007199254740993, 1.0, -0.0]') },
      { time: 2, process: 2 ** 31 - 1, type: 'invoke', f: 'echo', value: '❄ "\\\n\u2028\u0000\ud800' },
      { time: 3, process: 2 ** 31 - 1, type: 'fail', f: 'echo', value: '', error: ['not-found', 'text'] },
      { time: 2 ** 53 - 1, process: 7, type: 'info', f: '', value: [[], {}, { __proto__x: 0 }], error: 'net-timeout' },
      { time: 4, process: 8, type: 'invoke', f: 'nothing', value: undefined },
    ];
    const runFolder = create();
    const history = History.of(entries);
    for (const operation of history) runFolder.writeOperation(operation);
    runFolder.finish(RESULTS);
    const read = [...readRecordedRun(runFolder.folder).history];
    expect(read.map((operation) => stringifyExact(operation))).toEqual(
      [...history].map((operation) => stringifyExact(operation)),
    );
    expect(read).toEqual([...history]);
  });

  it('of the simulator equals the run in memory', async () => {
    const runFolder = create();
    const traffic = new Traffic(OPTIONS.nodes);
    const options = { ...OPTIONS, faults: ['partition', 'kill', 'loss'] as const, nemesisIntervalMs: 300 };
    const { history, results } = await new Simulation({
      subject: sharesNodeNumber,
      options,
      settle: createSettle(),
      observer: {
        onOperation: (operation) => runFolder.writeOperation(operation),
        onMessage: (event, message, timeMs) => {
          runFolder.writeMessage(event, message, timeMs);
          traffic.count(event, message);
        },
      },
    }).finish();
    runFolder.finish({
      ...RESULTS,
      options: { ...options, workload: 'unique-ids' },
      traffic: traffic.entries(),
      ...results,
    });
    const record = readRecordedRun(runFolder.folder);
    expect([...record.history]).toEqual([...history]);
    expect(history.length).toBeGreaterThan(500);
    expect(record.traffic).toEqual(traffic.entries());
    expect(record.verdict).toMatch(/^The run is INVALID\. .*more than once/);
    expect(record.results['valid?']).toBe(false);
    // A history in memory is used as it is.
    expect(readRecordedRun(runFolder.folder, { history }).history).toBe(history);
  });

  const CUT = '{"index":0,"time":0,"type":"ok","process":0,"f":"echo","value":"❄"}';
  const CUT_BYTES = Buffer.byteLength(CUT);

  it.each([
    ['within a character', 2 * CUT_BYTES - 2, 1, true],
    ['within the name of the first member', 3, 0, true],
    ['between two lines', CUT_BYTES + 1, 1, false],
    ['before the end of a line', 2 * CUT_BYTES + 1, 2, false],
    ['nowhere', 2 * CUT_BYTES + 2, 2, false],
  ])('has the whole lines of a history that was cut: %s', (_, length, count, said) => {
    const runFolder = finished();
    const path = join(runFolder.folder, 'history.jsonl');
    writeFileSync(path, Buffer.from(`${CUT}\n${CUT}\n`).subarray(0, length));
    const cut: string[] = [];
    const { history } = readRecordedRun(runFolder.folder, { onCutShort: (file) => cut.push(file) });
    expect(history.length).toBe(count);
    expect(cut).toEqual(said ? [path] : []);
  });

  it('has the whole lines of messages that were cut', () => {
    const runFolder = create();
    for (const id of [0, 1]) runFolder.writeMessage('send', { id, src: 'c0', dest: 'n0', body: { type: 'echo' } }, id);
    runFolder.finish(RESULTS);
    const path = join(runFolder.folder, 'messages.jsonl');
    truncateSync(path, statSync(path).size - 2);
    const cut: string[] = [];
    const { messagesAround } = readRecordedRun(runFolder.folder, { onCutShort: (file) => cut.push(file) });
    expect(messagesAround(undefined, 1, 1)).toMatchObject({ entries: [{ id: 0 }], count: 1, endTime: 0 });
    expect(cut).toEqual([path]);
  });

  it('has the shrunk run in its folder, with the story', () => {
    const runFolder = create();
    const nested = runFolder.nested('shrunk');
    nested.finish({ ...RESULTS, again: 'snowstorm test --replay x' });
    const story = { origin: 'Seed 7', lines: [{ atMs: 1, who: 'n0', what: 'starts' }] };
    nested.writeFile('story.json', JSON.stringify(story));
    nested.writeFile('replay.json', '{}');
    nested.writeFile('report.html', '');
    runFolder.finish(RESULTS);
    const { shrunk, files } = readRecordedRun(runFolder.folder);
    expect(shrunk).toMatchObject({ again: 'snowstorm test --replay x', story });
    expect(shrunk?.files).toEqual(['results.json', 'history.jsonl', 'messages.jsonl', 'replay.json']);
    expect(files).toEqual(['results.json', 'history.jsonl', 'messages.jsonl', 'shrunk/report.html']);
  });

  it('has no shrunk run if shrinking was cut short', () => {
    const runFolder = create();
    runFolder.nested('shrunk');
    runFolder.finish(RESULTS);
    expect(readRecordedRun(runFolder.folder).shrunk).toBeUndefined();
  });
});

describe('a broken record', () => {
  const OPERATION = '{"index":0,"time":0,"type":"ok","process":0,"f":"echo","value":null}';

  it.each<[string, (runFolder: RunFolder) => void, string]>([
    ['no results', ({ folder }) => rmSync(join(folder, 'results.json')), '/results.json: there is no such file'],
    [
      'results that are no JSON',
      (runFolder) => runFolder.writeFile('results.json', '{"valid?"'),
      '/results.json: not JSON: ',
    ],
    ['empty results', (runFolder) => runFolder.writeFile('results.json', ''), '/results.json: not JSON: '],
    [
      'results that are a list',
      (runFolder) => runFolder.writeFile('results.json', '[]'),
      '/results.json: expected a JSON object',
    ],
    ['no history', ({ folder }) => rmSync(join(folder, 'history.jsonl')), '/history.jsonl: ENOENT'],
    [
      'a history with a line that is cut short',
      ({ folder }) => appendFileSync(join(folder, 'history.jsonl'), `${OPERATION}\n${OPERATION.slice(0, 30)}\n`),
      '/history.jsonl: line 2: not JSON: ',
    ],
    [
      'a history that ends with something else',
      ({ folder }) => appendFileSync(join(folder, 'history.jsonl'), `${OPERATION}\n"operation"`),
      '/history.jsonl: line 2: expected an operation',
    ],
    [
      'a story that is none',
      (runFolder) => runFolder.writeFile('story.json', '{"lines": {}}'),
      '/story.json: expected {"origin"',
    ],
    [
      'a small run that is none',
      (runFolder) => {
        runFolder.nested('shrunk').finish({ ...RESULTS, options: 5 });
      },
      '/shrunk/results.json: options: expected an object',
    ],
  ])('is refused with the name of the file: %s', (_, damage, says) => {
    const runFolder = finished();
    damage(runFolder);
    const read = () => readRecordedRun(runFolder.folder);
    expect(read).toThrow(RecordError);
    expect(read).toThrow(runFolder.folder + says);
  });

  it.each<[string, object, string]>([
    ['options', { options: null }, 'options: expected an object'],
    ['a workload', { options: { ...RESULTS.options, workload: 3 } }, 'options.workload: expected a text'],
    ['nodes', { options: { ...RESULTS.options, nodes: [] } }, 'options.nodes: expected a list of node ids'],
    ['node ids', { options: { ...RESULTS.options, nodes: [1] } }, 'options.nodes: expected a list of node ids'],
    ['clients', { options: { ...RESULTS.options, concurrency: 0 } }, 'options.concurrency: expected a number'],
    ['a verdict', { 'valid?': 'true' }, 'valid?: expected true, false or "unknown"'],
    ['any verdict', { 'valid?': undefined }, 'valid?: expected true, false or "unknown"'],
  ])('is refused: results without %s', (_, wrong, says) => {
    const runFolder = finished({ ...RESULTS, ...wrong });
    expect(() => readRecordedRun(runFolder.folder)).toThrow(`${runFolder.folder}/results.json: ${says}`);
  });

  it.each([
    ['', 'not JSON'],
    ['[]', 'expected an operation'],
    [OPERATION.replace('"ok"', '"done"'), 'expected an operation'],
    [OPERATION.replace('"echo"', 'null'), 'expected an operation'],
    [OPERATION.replace('"process":0', '"process":-1'), 'expected an operation'],
    [OPERATION.replace('"process":0', '"process":"n0"'), 'expected an operation'],
    // 2^32 - 1 would mean the nemesis in a column of 32 bits.
    [OPERATION.replace('"process":0', '"process":4294967295'), 'expected an operation'],
    [OPERATION.replace('"time":0', '"time":9007199254740993'), 'expected an operation'],
  ])('is refused: a line of the history that is %s', (line, says) => {
    const runFolder = finished();
    const path = join(runFolder.folder, 'history.jsonl');
    writeFileSync(path, `${OPERATION}\n${OPERATION}\n${line}\n${OPERATION}\n`);
    expect(() => readRecordedRun(runFolder.folder)).toThrow(`${path}: line 3: ${says}`);
  });
});
