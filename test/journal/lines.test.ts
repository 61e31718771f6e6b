import { expect, it } from 'vitest';
import { type Line, readLines } from '../../src/journal/lines.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';

it.each(['', 'a', '\n', 'a\n', 'one\ntwo\n', 'one\n\nthree\nrest', '\0\0\n\0', 'a long line\nb\n'])(
  'the lines of %j are the same whatever the length of the parts',
  async (text) => {
    const disk = new SimulatedDisk({ random: new SeededRandom('lines') });
    const folder = disk.open({ setTimer: (_, callback) => queueMicrotask(callback) });
    await folder.append('file', text);
    const expected: Line[] = [];
    for (let offset = 0; offset < text.length; ) {
      const end = text.indexOf('\n', offset);
      const line = text.slice(offset, end < 0 ? text.length : end);
      expected.push({ text: line, offset, whole: end >= 0 });
      offset += line.length + 1;
    }
    for (let partLength = 1; partLength <= text.length + 1; partLength++) {
      const lines: Line[] = [];
      for await (const some of readLines(folder, 'file', partLength)) lines.push(...some);
      expect(lines).toEqual(expected);
    }
  },
);
