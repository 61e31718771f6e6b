import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineFilter } from '../../../src/host/stdio/line-filter.ts';
import { LineGuard, readGuardedLines } from '../../../src/host/stdio/line-guard.ts';
import { readThrough, splitLines } from '../../../src/host/stdio/line-reader.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';

interface Read {
  readonly lines: string[];
  readonly refused: { readonly reason: string; readonly line: string }[];
}

/** Sends chunks through a filter, as the bed of processes does. */
async function readDirectly(chunks: readonly Buffer[], lineBytesMax?: number): Promise<Read> {
  const refused: Read['refused'] = [];
  const lines: string[] = [];
  const onRefused = (reason: string, line: string) => refused.push({ reason, line });
  const split = (block: Buffer) => splitLines(block, (line) => lines.push(line));
  const input = Readable.from(chunks, { objectMode: false });
  readThrough(input, new LineFilter(onRefused, split, lineBytesMax));
  await new Promise((resolve) => input.once('end', resolve));
  return { lines, refused };
}

/** Both ways of reading, which must give the same. */
async function read(chunks: readonly Buffer[], lineBytesMax?: number): Promise<Read> {
  const guarded = await readGuarded(chunks, lineBytesMax);
  expect(await readDirectly(chunks, lineBytesMax)).toEqual(guarded);
  return guarded;
}

/** Sends chunks through a guard and readline, as the host does. */
async function readGuarded(chunks: readonly Buffer[], lineBytesMax?: number): Promise<Read> {
  const refused: { reason: string; line: string }[] = [];
  const guard = new LineGuard((reason, line) => refused.push({ reason, line }), lineBytesMax);
  const lines: string[] = [];
  const input = readGuardedLines(Readable.from(chunks, { objectMode: false }), guard, (line) => lines.push(line));
  await new Promise((resolve) => input.once('close', resolve));
  return { lines, refused };
}

const readText = (text: string, lineBytesMax?: number) => read([Buffer.from(text)], lineBytesMax);

/** Cuts bytes at any place, also within a character. */
function cut(bytes: Buffer, random: SeededRandom): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + 1 + random.integer(7);
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}

describe('the line guard', () => {
  it('passes whole lines, with both line endings, and the last one without any', async () => {
    expect(await readText('one\ntwo\r\n\nthree')).toEqual({ lines: ['one', 'two', '', 'three'], refused: [] });
  });

  it('passes nothing for empty input', async () => {
    expect(await read([])).toEqual({ lines: [], refused: [] });
  });

  it('joins a line that comes byte by byte', async () => {
    const line = Array.from({ length: 3000 }, (_, index) => index).join(',');
    const bytes = Array.from(Buffer.from(`${line}\n`), (byte) => Buffer.of(byte));
    expect(bytes.length).toBeGreaterThan(10_000);
    expect(await read(bytes)).toEqual({ lines: [line], refused: [] });
    const refused = { reason: 'a line of more than 5000 bytes was refused', line: line.slice(0, 120) };
    expect(await read([...bytes, Buffer.from('end')], 5000)).toEqual({ lines: ['end'], refused: [refused] });
  });

  it('gives the same lines for every split of the input, also within a character', async () => {
    const lines = ['{"echo":"Grüße, 世界 🌍"}', '', '{"a":"\u2028"}', 'x'.repeat(50), 'ß'];
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    for (let seed = 0; seed < 200; seed++) {
      const { lines: got, refused } = await read(cut(bytes, new SeededRandom(seed)), 64);
      expect({ seed, got, refused }).toEqual({
        seed,
        got: lines.map((line) => line.replace('\u2028', '\\u2028')),
        refused: [],
      });
    }
  });

  it.each(['\u2028', '\u2029'])('keeps a line whole that holds U+%s, which readline would split', async (separator) => {
    const value = { echo: `a${separator}b` };
    const { lines } = await readText(`${JSON.stringify(value).replaceAll(/\\u202[89]/g, separator)}\n`);
    expect(lines.map((line) => JSON.parse(line))).toEqual([value]);
  });

  it.each(['\u2028', '\u2029'])(
    'keeps the meaning of U+%s after backslashes, also if that is not JSON',
    async (separator) => {
      const outcomeOf = (text: string): unknown => {
        try {
          return JSON.parse(text);
        } catch {
          return 'not JSON';
        }
      };
      const runs = Array.from({ length: 8 }, (_, length) => '\\'.repeat(length));
      const texts = runs.flatMap((run) => [
        `"a${run}${separator}b"`,
        `"${separator}${run}${separator}${separator}"`,
        `${run}${separator}"a"`,
      ]);
      const { lines } = await readText(texts.join('\n'));
      expect(lines.map(outcomeOf)).toEqual(texts.map(outcomeOf));
      expect(texts.filter((text) => outcomeOf(text) !== 'not JSON')).toHaveLength(8);
    },
  );

  it('keeps a line whole that holds a lone carriage return between its tokens', async () => {
    const { lines } = await readText('{"a":\r1}\n{"b":2}\r\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('does not make a raw carriage return in a string legal', async () => {
    const { lines } = await readText('{"a":"x\ry"}\n');
    expect(lines).toHaveLength(1);
    expect(() => JSON.parse(lines[0] as string)).toThrow(SyntaxError);
  });

  it('shows carriage returns as they are, in any pieces, but for one at the end of a line', async () => {
    const bytes = Buffer.from('{"a":"x\ry"}\n\r10 %\r20 %\r\r\nend\r');
    const lines = ['{"a":"x\ry"}', '\r10 %\r20 %\r', 'end\r'];
    for (let seed = 0; seed < 50; seed++)
      expect(await read(cut(bytes, new SeededRandom(seed)))).toEqual({ lines, refused: [] });
  });

  it('takes no other character for a carriage return', async () => {
    // U+FDD0 stands for it inside of the guard.
    const { lines } = await readText('{"a":"\ufdd0"}\n{"b":"\ufdd0",\r"c":1}\n\ufdd0\n');
    expect(lines.slice(0, 2).map((line) => JSON.parse(line))).toEqual([{ a: '\ufdd0' }, { b: '\ufdd0', c: 1 }]);
    expect(lines[2]).toBe('\\ufdd0');
  });

  it('refuses only the line that is not UTF-8', async () => {
    const broken = Buffer.concat([
      Buffer.from('good\nbad '),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from('\nßgood\n'),
    ]);
    const { lines, refused } = await read([broken]);
    expect(lines).toEqual(['good', 'ßgood']);
    expect(refused).toMatchObject([
      { reason: 'a line is not UTF-8 and was refused', line: expect.stringMatching(/^bad /) },
    ]);
  });

  it.each([
    ['FF FE', Buffer.from('\ufeff{"a":"世界"}\r\n', 'utf16le')],
    ['FE FF', Buffer.from('\ufeff{"a":"世界"}\r\n', 'utf16le').swap16()],
    ['little-endian, without a mark', Buffer.from('{"a":"ä"}\r\n', 'utf16le')],
    ['big-endian, without a mark', Buffer.from('{"a":"ä"}\r\n', 'utf16le').swap16()],
  ])('says of a line that looks like UTF-16 what would be right: %s', async (_, bytes) => {
    const { refused } = await read([bytes]);
    expect(refused.map(({ reason }) => reason)).toEqual([
      'a line is not UTF-8 and was refused; it looks like UTF-16; print UTF-8',
    ]);
  });

  it('says so of the second line of UTF-16 too, which begins with half a line end', async () => {
    const { lines, refused } = await read([Buffer.from('{}\n{"a":"ä"}\n', 'utf16le')]);
    expect(lines[0]).toBe('{\0}\0');
    expect(refused).toMatchObject([
      {
        reason: 'a line is not UTF-8 and was refused; it looks like UTF-16; print UTF-8',
        line: '\0{\0"\0a\0"\0:\0"\0ä\0"\0}\0',
      },
    ]);
  });

  it.each([
    ['Latin-1', [0x7b, 0xe4, 0x7d, 0x0a]],
    ['some zero bytes', [0x00, 0xe4, 0x00, 0x7d, 0x7b, 0x0a]],
    ['a single byte', [0xe4]],
  ])('does not take %s for UTF-16', async (_, bytes) => {
    const { refused } = await read([Buffer.from(bytes)]);
    expect(refused.map(({ reason }) => reason)).toEqual(['a line is not UTF-8 and was refused']);
  });

  it('refuses a last line that ends within a character', async () => {
    const { lines, refused } = await read([Buffer.from('good\n'), Buffer.from('ß').subarray(0, 1)]);
    expect(lines).toEqual(['good']);
    expect(refused).toHaveLength(1);
  });
});

describe('input without a newline', () => {
  it('is shown by its beginning, in whole characters, in any pieces', () => {
    const guard = new LineGuard(() => {});
    expect(guard.held).toBeUndefined();
    const line = Buffer.from(`${'x'.repeat(119)}é and more`);
    for (const byte of line) guard.write(Buffer.of(byte));
    expect(guard.held).toMatchObject({ bytes: line.length, beginning: 'x'.repeat(119) });
    guard.write('\nä');
    expect(guard.held).toMatchObject({ bytes: 2, beginning: 'ä' });
    guard.write('\n');
    expect(guard.held).toBeUndefined();
  });
});

describe('a line', () => {
  it('of exactly the limit passes, one byte more is refused', async () => {
    const text = `${'a'.repeat(64)}\n${'b'.repeat(65)}\n${'c'.repeat(64)}`;
    const { lines, refused } = await readText(text, 64);
    expect(lines).toEqual(['a'.repeat(64), 'c'.repeat(64)]);
    expect(refused).toEqual([{ reason: 'a line of more than 64 bytes was refused', line: 'b'.repeat(65) }]);
  });

  it('is counted in bytes, not in characters', async () => {
    expect((await readText(`${'ß'.repeat(32)}\n${'ß'.repeat(33)}\n`, 64)).lines).toEqual(['ß'.repeat(32)]);
  });

  it.each([1, 3, 64, 65, 1000])(
    'too long is refused once and skipped to its end, in chunks of %d',
    async (chunkBytes) => {
      const bytes = Buffer.from(`before\n${'x'.repeat(1000)}\nafter\n`);
      const chunks: Buffer[] = [];
      for (let start = 0; start < bytes.length; start += chunkBytes)
        chunks.push(bytes.subarray(start, start + chunkBytes));
      const { lines, refused } = await read(chunks, 64);
      expect(lines).toEqual(['before', 'after']);
      expect(refused).toHaveLength(1);
    },
  );

  it('too long without an end is refused', async () => {
    expect(await readText(`ok\n${'x'.repeat(100)}`, 64)).toMatchObject({ lines: ['ok'], refused: [{}] });
  });

  it('that follows a short one in the same chunk is measured by itself', async () => {
    const many = `${'y'.repeat(60)}\n`.repeat(50);
    expect((await readText(many, 64)).lines).toHaveLength(50);
  });
});
