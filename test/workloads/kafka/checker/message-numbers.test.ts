import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../../src/protocol/random.ts';
import { MessageNumbers } from '../../../../src/workloads/kafka/checker/message-numbers.ts';

describe('the numbers of messages', () => {
  it.each([
    ['small integers in order', (index: number) => index],
    ['a range that does not begin at 0', (index: number) => 5000 + index],
    ['integers far apart', (index: number) => index * 1_000_003],
    ['texts', (index: number) => `message ${index}`],
    [
      'all kinds, negative ones as well',
      (index: number) => [index, -index - 1, `${index}`, [index], index + 0.5][index % 5],
    ],
  ])('tell messages apart, and find them again: %s', (_what, messageOf) => {
    const random = new SeededRandom('messages');
    const numbers = new MessageNumbers();
    const known = new Map<string, number>();
    for (let step = 0; step < 5000; step++) {
      const message = messageOf(random.integer(step + 1));
      const name = JSON.stringify(message);
      const expected = known.get(name) ?? known.size;
      known.set(name, expected);
      expect([message, numbers.of(message)]).toEqual([message, expected]);
    }
  });
});
