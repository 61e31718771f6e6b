/** The part of a message log around a moment, and the lines of files. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readLines } from '../../../src/host/records/file-lines.ts';
import { readMessagesAround } from '../../../src/host/records/message-log.ts';
import { RecordError } from '../../../src/host/records/record-error.ts';
import { RunFolder } from '../../../src/host/records/run-folder.ts';
import { createMessageLine } from '../../../src/host/records/run-lines.ts';
import { ExactNumber, parseExact, stringifyExact } from '../../../src/protocol/exact-json.ts';
import { NEW_YEAR_MS } from '../../support/manual-clock.ts';

/** The size of a read. */
const CHUNK_BYTES = 1 << 20;

const folder = mkdtempSync(join(tmpdir(), 'snowstorm-message-log-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'file');

describe('the lines of a file', () => {
  const linesOf = (content: string | Uint8Array) => {
    writeFileSync(file, content);
    return [...readLines(file)].map(({ text }) => text);
  };

  it.each<[string, string, readonly string[]]>([
    ['an empty file has none', '', []],
    ['the last one needs no end', 'one\ntwo', ['one', 'two']],
    ['an end is not another line', 'one\ntwo\n', ['one', 'two']],
    ['empty ones count', '\n\none\n\n', ['', '', 'one', '']],
    ['a carriage return is a character', 'one\r\ntwo\r', ['one\r', 'two\r']],
    ['what else may separate lines is a character', 'a\u2028b\u0085c\n', ['a\u2028b\u0085c']],
  ])('%s', (_, text, lines) => {
    expect(linesOf(text)).toEqual(lines);
  });

  it.each([-4, -3, -2, -1, 0, 1, 2])('are whole if a chunk ends within a character: %i bytes from its end', (shift) => {
    // Four bytes in UTF-8.
    const lines = ['x'.repeat(CHUNK_BYTES + shift), '❄'.repeat(3), '𝄞'.repeat(CHUNK_BYTES / 4), 'é'];
    const before = 'x'.repeat(CHUNK_BYTES + shift - 1);
    expect(linesOf(lines.join('\n')) as unknown).toEqual(lines);
    expect(linesOf(`${before}\n𝄞\n${before}𝄞`)).toEqual([before, '𝄞', `${before}𝄞`]);
    expect(linesOf(`${before}𝄞\n`)).toEqual([`${before}𝄞`]);
  });

  it('are numbered, and only the last one may lack its newline', () => {
    writeFileSync(file, 'one\ntwo\nthr');
    expect([...readLines(file)]).toEqual([
      { text: 'one', number: 1, whole: true },
      { text: 'two', number: 2, whole: true },
      { text: 'thr', number: 3, whole: false },
    ]);
  });

  it('may be many chunks long', () => {
    const lines = ['short', '0123456789'.repeat(500_000), 'short'];
    expect(linesOf(`${lines.join('\n')}\n`)).toEqual(lines);
  });

  it('are the error of the file system if there is no file', () => {
    expect(() => [...readLines(join(folder, 'missing'))]).toThrow(/ENOENT/);
    expect(() => [...readLines(folder)]).toThrow(/EISDIR/);
  });
});

describe('the messages around a moment', () => {
  const messageLine = createMessageLine();
  const line = (timeNs: number) =>
    messageLine('send', { id: timeNs, src: 'c0', dest: 'n0', body: { type: 'echo' } }, timeNs / 1e6);
  const write = (lines: readonly string[]) => writeFileSync(file, lines.map((text) => `${text}\n`).join(''));
  /** Times of the events before and after a moment, in a log with one at each of `times`. */
  const around = (times: readonly number[], moment: number | undefined, before: number, after: number) => {
    write(times.map(line));
    const { entries, ...rest } = readMessagesAround(file, moment, before, after);
    return { times: entries.map(({ time }) => time), ...rest };
  };
  const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => step * 100);

  it.each<[string, number | undefined, number, number, readonly number[]]>([
    ['events before and after it', 450, 2, 3, [300, 400, 500, 600, 700]],
    ['an event at the moment is before it', 400, 2, 1, [300, 400, 500]],
    ['none before', 450, 0, 2, [500, 600]],
    ['none after', 450, 2, 0, [300, 400]],
    ['none at all', 450, 0, 0, []],
    ['more after it if too few are before', 150, 5, 2, [0, 100, 200, 300, 400, 500, 600]],
    ['all where there are fewer', 450, 100, 100, TEN],
    ['the first events without a moment', undefined, 3, 2, [0, 100, 200, 300, 400]],
    ['the same if no event is before the moment', -1, 3, 2, [0, 100, 200, 300, 400]],
    ['the last ones if no event is after it', 5000, 3, 2, [700, 800, 900]],
    ['the last ones at the end itself', 900, 3, 2, [700, 800, 900]],
  ])('are %s', (_, moment, before, after, times) => {
    expect(around(TEN, moment, before, after)).toEqual({ times, count: 10, endTime: 900, leftOut: 0 });
  });

  it('are the same at every place of a long log', () => {
    const times = Array.from({ length: 500 }, (_, step) => step);
    for (const moment of [0, 1, 7, 15, 16, 17, 18, 100, 333, 497, 498, 499, 700]) {
      const last = Math.min(moment, 499);
      const first = Math.max(0, last - 7);
      const end = Math.min(500, last + 1 + 3 + (8 - (last + 1 - first)));
      expect(around(times, moment, 8, 3).times, `${moment}`).toEqual(times.slice(first, end));
    }
  });

  it('begin before the operations', () => {
    expect(around([-200, -100, 0, 100], -100, 2, 1)).toEqual({
      times: [-200, -100, 0],
      count: 4,
      endTime: 100,
      leftOut: 0,
    });
  });

  it.each([
    ['there is no file', join(folder, 'missing')],
    ['the file is empty', file],
  ])('are none where %s', (_, path) => {
    write([]);
    const nothing = { entries: [], count: 0, endTime: 0, leftOut: 0 };
    expect(readMessagesAround(path, undefined, 3, 3)).toEqual(nothing);
    expect(readMessagesAround(path, 5, 3, 3)).toEqual(nothing);
  });

  it('come with the number of events that the record left out', () => {
    const runFolder = RunFolder.create(folder, 'echo', new Date(NEW_YEAR_MS), 2);
    const message = { id: 7, src: 'c0', dest: 'n0', body: { type: 'echo', echo: '❄' } };
    for (const event of ['send', 'receive', 'drop', 'delay', 'duplicate'] as const)
      runFolder.writeMessage(event, message, 1.5);
    runFolder.finish({});
    expect(readMessagesAround(join(runFolder.folder, 'messages.jsonl'), undefined, 3, 3)).toEqual({
      entries: [
        { time: 1_500_000, event: 'send', ...message },
        { time: 1_500_000, event: 'receive', ...message },
      ],
      count: 2,
      endTime: 1_500_000,
      leftOut: 3,
    });
  });

  it('keep every digit of numbers', () => {
    const body = parseExact('{"type":"generate_ok","id":9007199254740993,"half":1.0}') as Record<string, unknown>;
    write([messageLine('send', { id: 1, src: 'n0', dest: 'c0', body }, 0)]);
    const [entry] = readMessagesAround(file, 0, 1, 1).entries;
    expect(entry?.body.id).toBeInstanceOf(ExactNumber);
    expect(stringifyExact(entry?.body)).toBe('{"type":"generate_ok","id":9007199254740993,"half":1.0}');
  });

  it.each([
    ['is cut short', line(100).slice(0, -9), 'not JSON: '],
    ['has no body', '{"time":100,"event":"send","id":1,"src":"c0","dest":"n0"}', 'expected an event of a message'],
    ['has a number for a node', line(100).replace('"n0"', '0'), 'expected an event of a message'],
    ['is something else', '{"index":0,"time":100}', 'expected an event of a message'],
    ['is empty', '', 'expected an event of a message'],
  ])('are refused with the number of a line that %s', (_, bad, says) => {
    write([line(0), line(50), bad, line(200)]);
    const read = () => readMessagesAround(file, 100, 1, 1);
    expect(read).toThrow(RecordError);
    expect(read).toThrow(`${file}: line 3: ${says}`);
  });

  it.each([
    ['within its time', 10],
    ['within its body', 70],
    ['before its last character', line(300).length - 1],
  ])('lack the last one if that was cut short %s', (_, length) => {
    writeFileSync(file, `${line(0)}\n${line(200)}\n${line(300).slice(0, length)}`);
    const cut: string[] = [];
    const window = readMessagesAround(file, 0, 5, 5, (path) => cut.push(path));
    expect(window).toMatchObject({ entries: [{ time: 0 }, { time: 200 }], count: 2, endTime: 200 });
    expect(cut).toEqual([file]);
  });

  it('have the last one if it only lacks its newline', () => {
    writeFileSync(file, `${line(0)}\n${line(200)}`);
    expect(readMessagesAround(file, 0, 5, 5)).toMatchObject({ entries: [{ time: 0 }, { time: 200 }], count: 2 });
    writeFileSync(file, `${line(0)}\n{"index":0}`);
    expect(() => readMessagesAround(file, 0, 5, 5)).toThrow(`${file}: line 2: expected an event of a message`);
  });

  it('are the only lines that are parsed', () => {
    write([line(0), '{"time":100,garbage', line(200), line(300)]);
    expect(readMessagesAround(file, 250, 1, 1)).toMatchObject({ entries: [{ time: 200 }, { time: 300 }], count: 4 });
  });
});
