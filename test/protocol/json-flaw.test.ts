import { describe, expect, it } from 'vitest';
import { findJsonFlaw } from '../../src/protocol/json-flaw.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the flaw of a text that is not JSON', () => {
  it.each([
    ['', 0],
    [' ', 1],
    ['x', 0],
    ['{', 1],
    ['[1,]', 3],
    ['[,1]', 1],
    ['{"a":1,}', 7],
    ['{"a",1}', 4],
    ['{1:1}', 1],
    ['{}}', 2],
    ['[1 2]', 3],
    ['[}', 1],
    ['{]', 1],
    ['{"a":}', 5],
    ['tru', 0],
    ['truex', 4],
    ['01', 1],
    ['1.', 1],
    ['-', 0],
    ['"a', 2],
    ['"a\n"', 2],
    ['"\\u12g4"', 1],
    ['"\\', 1],
  ])('of %j is at %d', (text, at) => {
    expect(findJsonFlaw(text)).toBe(at);
  });

  it('is found exactly where the parser finds one, after any change', () => {
    const right = ' {"a": [1, -2.5e+3, "x\\u00e9\\n\\"", true, false, null, {}, [], ""], "b" : {"c":0}}\t';
    const characters = [...'{}[],:"\\0159.-+eEuntrlsfa \t\n\u0000\u00a0'];
    const random = new SeededRandom('flaws');
    let rightCount = 0;
    for (let round = 0; round < 20_000; round++) {
      const text = [...right];
      for (let changes = 1 + random.integer(3); changes > 0; changes--) {
        const character = characters[random.integer(characters.length)] as string;
        text.splice(random.integer(text.length), random.integer(2), ...(random.integer(2) === 0 ? [] : [character]));
      }
      const changed = text.join('');
      const flaw = findJsonFlaw(changed);
      expect(flaw === undefined, changed).toBe(isJson(changed));
      if (flaw === undefined) rightCount++;
    }
    expect(rightCount).toBeGreaterThan(1000);
    expect(rightCount).toBeLessThan(19_000);
  });

  it('is found in a text of many megabytes', () => {
    expect(findJsonFlaw(`["${'\\n'.repeat(2_000_000)}${'x'.repeat(8_000_000)}"`)).toBe(12_000_003);
  });
});
