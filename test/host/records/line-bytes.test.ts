import { describe, expect, it } from 'vitest';
import { LineBytes } from '../../../src/host/records/line-bytes.ts';

const TEXTS = ['', 'generate', 'a "quote"', 'back\\slash', 'tab\t', '\u007f', 'é', '漢字', '😀', 'x\ud800', '\u2028'];
const LONG = 'snow'.repeat(100);

function added(add: (line: LineBytes) => void, capacity = 4): string {
  const line = new LineBytes(capacity);
  add(line);
  return line.bytes.toString();
}

describe('a line of bytes', () => {
  it('holds texts as UTF-8, short and long', () => {
    for (const text of [...TEXTS, LONG].filter((text) => Buffer.from(text).toString() === text)) {
      expect(added((line) => line.text(text))).toBe(text);
      expect(added((line) => line.text(text + LONG))).toBe(text + LONG);
    }
  });

  it('holds strings as JSON.stringify writes them', () => {
    for (const text of [...TEXTS, LONG, `${LONG}"`])
      expect(added((line) => line.jsonText(text))).toBe(JSON.stringify(text));
  });

  it('holds every number as JavaScript writes it', () => {
    const powers = Array.from({ length: 22 }, (_, exponent) => 10 ** exponent);
    const edges = [2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 53].flatMap((edge) => [edge - 1, edge, edge + 1]);
    const numbers = [0, ...powers.flatMap((power) => [power - 1, power, power + 1]), ...edges, -1, -0, 0.5, 1e21, 1e-7];
    for (const number of numbers) expect(added((line) => line.number(number))).toBe(String(number));
  });

  it('adds a part of itself again, and grows for it', () => {
    expect(added((line) => line.text('ab').text('é').text('c').again(2, 4).text('-').again(0, 3))).toBe(
      'abécé-ab\ufffd',
    );
    expect(
      added(
        (line) =>
          line
            .text(LONG)
            .again(0, LONG.length)
            .again(0, 2 * LONG.length),
        1,
      ),
    ).toBe(LONG.repeat(4));
  });

  it('grows, keeps what it has, and begins anew', () => {
    const line = new LineBytes(4);
    for (let count = 0; count < 100; count++) line.text('é').jsonText('"').number(7);
    expect(line.bytes.toString()).toBe('é"\\""7'.repeat(100));
    expect(line.length).toBe(700);
    line.clear();
    expect(line.length).toBe(0);
    expect(line.number(12).text(',').bytes.toString()).toBe('12,');
  });
});
