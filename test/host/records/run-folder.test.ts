import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunFolder } from '../../../src/host/records/run-folder.ts';
import { parseExact, stringifyExact } from '../../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { NEW_YEAR_MS } from '../../support/manual-clock.ts';

const TIME = new Date(NEW_YEAR_MS);
const MESSAGE_EVENTS_MAX = 1000;
const MESSAGE = { id: 0, src: 'c0', dest: 'n0', body: { type: 'echo' } };

describe('the folder of a run', () => {
  let root = '';
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'snowstorm-store-')));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const lines = (runFolder: RunFolder, file: string) =>
    readFileSync(join(runFolder.folder, file), 'utf8').trimEnd().split('\n');

  it('is a different one for each run of the same moment', async () => {
    const runFolders = [
      RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX),
      RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX),
      RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX),
    ];
    expect(runFolders.map(({ folder }) => basename(folder))).toEqual([
      '20260101T000000.000Z',
      '20260101T000000.000Z-2',
      '20260101T000000.000Z-3',
    ]);
    for (const runFolder of runFolders) runFolder.finish({});
    expect(realpathSync(join(root, 'latest'))).toBe(runFolders[2]?.folder);
    expect(realpathSync(join(root, 'echo', 'latest'))).toBe(runFolders[2]?.folder);
    expect(readdirSync(root).sort()).toEqual(['echo', 'latest']);
  });

  it('reports links that could not be set, and leaves no temporary files', () => {
    mkdirSync(join(root, 'latest', 'not empty'), { recursive: true });
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    runFolder.finish({});
    expect(runFolder.warnings).toEqual([expect.stringMatching(`^${root}/latest was not set: E`)]);
    expect(readdirSync(root).sort()).toEqual(['echo', 'latest']);
    expect(realpathSync(join(root, 'echo', 'latest'))).toBe(runFolder.folder);
  });

  it('reports lost files at the end, each once, after all others are written', () => {
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    const story = join(runFolder.folder, 'story.json');
    mkdirSync(story);
    runFolder.addLoss('n0.log', new Error('full'));
    runFolder.addLoss('n0.log', new Error('still full'));
    runFolder.writeFile('story.json', '{}');
    runFolder.writeFile('replay.json', '{}');
    expect(() => runFolder.finish({})).toThrow(
      new RegExp(`^the record is incomplete: n0.log: full; ${story}: EISDIR: [^;]*$`),
    );
    expect(readdirSync(runFolder.folder).sort()).toEqual([
      'history.jsonl',
      'messages.jsonl',
      'replay.json',
      'results.json',
      'story.json',
    ]);
    expect(realpathSync(join(root, 'latest'))).toBe(runFolder.folder);
  });

  it('keeps a bounded number of messages, and reports how many it leaves out', async () => {
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    for (let count = 0; count < MESSAGE_EVENTS_MAX; count++) runFolder.writeMessage('send', MESSAGE, 0.0015);
    expect(runFolder.leftOut).toBeUndefined();
    for (let count = 0; count < 3; count++) runFolder.writeMessage('receive', MESSAGE, 2);
    expect(runFolder.leftOut).toBe('messages.jsonl keeps the first 1000 events; 3 more are left out');
    runFolder.finish({});
    const written = lines(runFolder, 'messages.jsonl');
    expect(written).toHaveLength(MESSAGE_EVENTS_MAX + 1);
    expect(JSON.parse(written[0] as string)).toEqual({ time: 1500, event: 'send', ...MESSAGE });
    expect(JSON.parse(written.at(-1) as string)).toEqual({ truncated: true, kept: MESSAGE_EVENTS_MAX, left_out: 3 });
  });

  it('has every event and operation as its own JSON, also where messages and lists come again', () => {
    const random = new SeededRandom('records');
    const runFolder = RunFolder.create(root, 'echo', TIME, 100_000);
    const list = () => Array.from({ length: random.integer(1500) }, () => random.integer(1e6));
    const bodies = [
      { type: 'echo' },
      { type: 'é', text: '漢'.repeat(90) },
      { type: 'read_ok', value: list(), more: null },
    ];
    const messages: string[] = [];
    const operations: string[] = [];
    let message = { ...MESSAGE, body: bodies[0] as Record<string, unknown> };
    for (let number = 0; number < 3000; number++) {
      if (random.integer(2) === 0) {
        if (random.integer(4) === 0) bodies[2] = { type: 'read_ok', value: list(), more: null };
        message = { ...MESSAGE, id: number, body: random.pick(bodies) };
      }
      const event = random.pick(['send', 'receive', 'drop'] as const);
      runFolder.writeMessage(event, message, number);
      messages.push(stringifyExact({ time: number * 1e6, event, ...message }));
      if (random.integer(4) > 0) continue;
      const value = message.body.value ?? null;
      const operation = { index: number, time: number, type: 'ok', process: 1, f: 'read', value } as const;
      runFolder.writeOperation(operation);
      operations.push(stringifyExact(operation));
    }
    runFolder.finish({});
    expect(lines(runFolder, 'messages.jsonl')).toEqual(messages);
    expect(lines(runFolder, 'history.jsonl')).toEqual(operations);
  });

  it('shortens long messages when there are many of them', async () => {
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    const messages = Array.from({ length: 150_000 }, (_, index) => index);
    const long = { ...MESSAGE, body: { type: 'gossip', messages, note: 'x'.repeat(5000), count: 3, none: null } };
    let length = 0;
    let whole = 0;
    for (; length <= 64 * 1024 * 1024; whole++) {
      runFolder.writeMessage('send', long, 1);
      length += JSON.stringify({ time: 1e6, event: 'send', ...long }).length;
    }
    expect(runFolder.leftOut).toBeUndefined();
    runFolder.writeMessage('receive', long, 2);
    runFolder.writeMessage('send', MESSAGE, 3);
    expect(runFolder.leftOut).toBe('messages.jsonl shortens 1 long message');
    // Whether a line is too long depends on its event as well: it may have 4096 characters.
    const room = 4096 - JSON.stringify({ time: 4e6, event: 'send', ...MESSAGE, body: { text: '' } }).length;
    const edge = { ...MESSAGE, body: { text: 'y'.repeat(room) } };
    for (const event of ['send', 'receive', 'drop'] as const) runFolder.writeMessage(event, edge, 4);
    expect(runFolder.leftOut).toBe('messages.jsonl shortens 2 long messages');
    const many = { ...MESSAGE, body: { list: Array.from({ length: 2049 }, () => 1) } };
    for (const event of ['send', 'receive'] as const) runFolder.writeMessage(event, many, 5);
    expect(runFolder.leftOut).toBe('messages.jsonl shortens 4 long messages');
    runFolder.finish({});
    const all = lines(runFolder, 'messages.jsonl');
    expect(all).toHaveLength(whole + 7);
    const [written, edges, lists] = [all.slice(0, -5), all.slice(-5, -2), all.slice(-2)];
    expect(edges.map((line) => line.includes('"shortened":true'))).toEqual([false, true, false]);
    expect(edges[0]).toHaveLength(4096);
    for (const line of lists) expect(JSON.parse(line).body).toEqual({ list: '[1,1,1,…,1,1,1] (2049 elements)' });
    expect(JSON.parse(written[0] as string).body).toEqual(long.body);
    expect(JSON.parse(written.at(-2) as string)).toEqual({
      time: 2e6,
      event: 'receive',
      ...MESSAGE,
      body: {
        type: 'gossip',
        messages: '[0,1,2,…,149997,149998,149999] (150000 elements)',
        note: `"${'x'.repeat(299)}…`,
        count: 3,
        none: null,
      },
      shortened: true,
    });
    expect(JSON.parse(written.at(-1) as string)).toEqual({ time: 3e6, event: 'send', ...MESSAGE });
  });

  it('has indented results, as JSON.stringify makes them', async () => {
    const results = { 'valid?': true, list: [1, [], {}, { a: null }], text: '"\n', none: undefined, nested: { b: [] } };
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    runFolder.finish(results);
    expect(readFileSync(join(runFolder.folder, 'results.json'), 'utf8')).toBe(`${JSON.stringify(results, null, 2)}\n`);
  });

  it('has results and operations with every digit of big integers', async () => {
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    const value = parseExact('[9007199254740993]');
    runFolder.writeOperation({ index: 0, time: 0, process: 0, type: 'ok', f: 'generate', value });
    runFolder.finish({ range: value });
    expect(lines(runFolder, 'results.json').map((line) => line.trim())).toContain('9007199254740993');
    expect(lines(runFolder, 'history.jsonl')[0]).toContain('"value":[9007199254740993]');
  });

  it('cannot be in a root that is a file', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(() => RunFolder.create(file, 'echo', TIME, MESSAGE_EVENTS_MAX)).toThrow(/ENOTDIR|EEXIST/);
  });

  it('has a log file for each node without a log of its own', () => {
    const runFolder = RunFolder.create(root, 'echo', TIME, MESSAGE_EVENTS_MAX);
    runFolder.writeLog('n0', 'one');
    runFolder.writeLog('n/1', 'é'.repeat(200_000));
    runFolder.writeLog('n0', 'two');
    runFolder.finish({});
    expect(readFileSync(join(runFolder.logFolder, 'n0.log'), 'utf8')).toBe('one\ntwo\n');
    expect(readFileSync(join(runFolder.logFolder, 'n%2F1.log'), 'utf8')).toBe(`${'é'.repeat(200_000)}\n`);
  });
});
