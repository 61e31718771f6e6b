/** A journal on the simulated disk: what is found after kills and power failures at any step, and what is refused. */

import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { JournalError, segmentName } from '../../src/journal/recovery.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';

const NAME = 'notes';

function newDisk(seed: string | number = 'journal'): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

/** A life that ends before the step with this number takes effect. */
class Life {
  #stepsLeft: number;

  constructor(steps = Number.POSITIVE_INFINITY) {
    this.#stepsLeft = steps;
  }

  setTimer(_delayMs: number, callback: () => void): void {
    if (this.#stepsLeft-- > 0) queueMicrotask(callback);
  }
}

async function recordsOf(folder: Folder): Promise<readonly string[]> {
  return (await Journal.open(folder, NAME)).records;
}

/** A folder with records a, b and c, a group each, and the lines of its segment. */
async function filled(): Promise<{ folder: Folder; lines: string[] }> {
  const folder = newDisk().open(new Life());
  const { journal } = await Journal.open(folder, NAME);
  for (const record of ['a', 'b', 'c']) await journal.append(record);
  const text = (await folder.read(segmentName(NAME, 1))) as string;
  return { folder, lines: text.split(/(?<=\n)/) };
}

async function overwrite(folder: Folder, name: string, text: string): Promise<void> {
  await folder.remove(name);
  await folder.write(name, text);
}

/** Lets everything happen that is under way, or until the life has ended. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Appends and replaces at random until the life ends. The records after each step, and how many steps were told. */
async function live(journal: Journal, start: readonly string[], random: SeededRandom, label: string) {
  const states: (readonly string[])[] = [start];
  let told = 0;
  for (let step = 1; step <= 30; step++) {
    const before = states.at(-1) as readonly string[];
    const record = `${label}-${step} ä\n`;
    const replaces = random.integer(8) === 0;
    states.push(replaces ? [...before.slice(-2), record] : [...before, record]);
    const done = replaces ? journal.replace(states.at(-1) as readonly string[]) : journal.append(record);
    done.then(() => {
      expect(told).toBe(step - 1);
      told = step;
    });
    if (random.integer(3) === 0) await settle();
  }
  await settle();
  return { states, told };
}

describe('a journal', () => {
  it('keeps its records in order over lives, in any text', async () => {
    const disk = newDisk();
    const texts = ['', 'line\nfeed', '{"ä":"😀\u2028"}', 'x'.repeat(100_000), '7 7 "8"'];
    for (const [index, text] of texts.entries()) {
      const { journal, records } = await Journal.open(disk.open(new Life()), NAME);
      expect(records).toEqual(texts.slice(0, index));
      await journal.append(text);
    }
    const folder = disk.open(new Life());
    expect(await recordsOf(folder)).toEqual(texts);
    expect((await Journal.open(folder, NAME)).journal.length).toBe(texts.join('').length);
  });

  it('is beside others in its folder', async () => {
    const folder = newDisk().open(new Life());
    await folder.write('notes', 'a file of another');
    await folder.write('notes-7', 'too');
    const one = await Journal.open(folder, NAME);
    const other = await Journal.open(folder, 'notes-too');
    await Promise.all([one.journal.append('one'), other.journal.append('other')]);
    expect(await recordsOf(folder)).toEqual(['one']);
    expect((await Journal.open(folder, 'notes-too')).records).toEqual(['other']);
  });

  it('shows after kills and power failures what was told, in order, and no more than was appended', async () => {
    let [cutShort, replacedUnheard] = [0, 0];
    for (let seed = 0; seed < 400; seed++) {
      const random = new SeededRandom(seed);
      const disk = newDisk(seed);
      let possible: (readonly string[])[] = [[]];
      for (let number = 1; number <= 6; number++) {
        const reader = await Journal.open(disk.open(new Life()), NAME);
        expect(possible).toContainEqual(reader.records);
        const { journal } = await Promise.race([
          Journal.open(disk.open(new Life(random.integer(60))), NAME),
          settle().then(() => ({ journal: undefined })),
        ]);
        possible = [reader.records];
        if (journal !== undefined) {
          const { states, told } = await live(journal, reader.records, random, `${seed}-${number}`);
          possible = states.slice(told);
          if (told < states.length - 1) cutShort++;
          if (possible.some((state, index) => index > 0 && state.length <= 3)) replacedUnheard++;
        }
        if (random.integer(2) === 0) disk.damage(random.integer(2) === 0 ? 'torn' : 'unsynced');
      }
    }
    expect(cutShort).toBeGreaterThan(500);
    expect(replacedUnheard).toBeGreaterThan(100);
  });

  it('keeps one small segment after a replacement, and goes on there', async () => {
    const { folder } = await filled();
    const { journal } = await Journal.open(folder, NAME);
    const appended = journal.append('d');
    await Promise.all([journal.replace(['all']), appended, journal.append('e')]);
    expect(await folder.names()).toEqual([segmentName(NAME, 3)]);
    expect(await recordsOf(folder)).toEqual(['all', 'e']);
    expect(journal.length).toBe(4);
  });

  it('syncs once for all that waits', async () => {
    const steps: string[] = [];
    const life = { setTimer: (_: number, callback: () => void) => queueMicrotask(callback) };
    const disk = newDisk().open({ ...life, onStep: (step) => steps.push(step) });
    const { journal } = await Journal.open(disk, NAME);
    await journal.append('first');
    steps.length = 0;
    await Promise.all(Array.from({ length: 100 }, (_, index) => journal.append(`${index}`)));
    expect(steps.filter((step) => step.startsWith('after sync'))).toHaveLength(2);
  });

  it('fails for good when the disk fails', async () => {
    const { folder } = await filled();
    let isBroken = false;
    const broken = new Proxy(folder, {
      get: (target, name: keyof Folder) =>
        name === 'sync' && isBroken
          ? () => Promise.reject(new Error('the disk failed'))
          : (target[name] as (...args: unknown[]) => unknown).bind(target),
    });
    const { journal } = await Journal.open(broken, NAME);
    await journal.append('d');
    isBroken = true;
    const [first, second] = [journal.append('e'), journal.append('f')];
    await expect(first).rejects.toThrow('the disk failed');
    await expect(second).rejects.toThrow('the disk failed');
    isBroken = false;
    await expect(journal.append('g')).rejects.toThrow('the disk failed');
    await expect(journal.replace([])).rejects.toThrow('the disk failed');
  });

  it('without a folder keeps nothing, and says so at once', async () => {
    const { journal, records } = await Journal.open(undefined, NAME);
    expect(records).toEqual([]);
    await journal.append('a');
    await journal.replace(['b', 'cd']);
    expect(journal.length).toBe(3);
  });
});

describe('a damaged journal', () => {
  it('lacks the last record if that is torn, whatever is left of it', async () => {
    const { lines } = await filled();
    const last = lines.at(-1) as string;
    for (let length = 0; length < last.length; length++) {
      for (const rest of ['', '\0'.repeat(last.length - length), 'x\n']) {
        const { folder } = await filled();
        await overwrite(folder, segmentName(NAME, 1), lines.slice(0, -1).join('') + last.slice(0, length) + rest);
        const { journal, records } = await Journal.open(folder, NAME);
        expect(records).toEqual(['a', 'b']);
        await journal.append('d');
        expect(await recordsOf(folder)).toEqual(['a', 'b', 'd']);
      }
    }
  });

  it('is refused if a record is gone that a later one shows was there', async () => {
    const { folder, lines } = await filled();
    const [header, a, , c] = lines as [string, string, string, string];
    await overwrite(folder, segmentName(NAME, 1), header + a + c);
    await expect(recordsOf(folder)).rejects.toThrow(
      `notes-000000000001: record 2 should be at offset ${(header + a).length}, and is damaged or missing`,
    );
  });

  it('is refused if the end of a segment is gone that a later life had read', async () => {
    const { folder, lines } = await filled();
    await (await Journal.open(folder, NAME)).journal.append('d');
    await overwrite(folder, segmentName(NAME, 1), lines.slice(0, -1).join(''));
    await expect(recordsOf(folder)).rejects.toThrow('record 3 should be at its end');
  });

  it('is refused if a replacement is cut short, a segment is missing, or a header is another', async () => {
    const replaced = async () => {
      const { folder } = await filled();
      const { journal } = await Journal.open(folder, NAME);
      await journal.replace(['x', 'y']);
      const second = segmentName(NAME, 2);
      return { folder, journal, second, text: (await folder.read(second)) as string };
    };
    const cut = await replaced();
    await overwrite(
      cut.folder,
      cut.second,
      cut.text
        .split(/(?<=\n)/)
        .slice(0, 2)
        .join(''),
    );
    await expect(recordsOf(cut.folder)).rejects.toThrow(`${cut.second}: record 5 should be at its end`);

    const gone = await replaced();
    await (await Journal.open(gone.folder, NAME)).journal.append('z');
    await gone.folder.remove(gone.second);
    await expect(recordsOf(gone.folder)).rejects.toThrow('record 1 should be at offset 0');

    for (const [header, error] of [
      ['', 'its first line is damaged'],
      ['00000000 2 {}\n', 'its first line is damaged'],
    ]) {
      const other = await replaced();
      await overwrite(other.folder, other.second, `${header}`);
      await expect(recordsOf(other.folder)).rejects.toThrow(`${other.second}: ${error}`);
    }
    const renamed = await replaced();
    await renamed.folder.link(renamed.second, segmentName(NAME, 9));
    await expect(recordsOf(renamed.folder)).rejects.toThrow('its first line is that of another file');
    await expect(recordsOf(renamed.folder)).rejects.toBeInstanceOf(JournalError);
  });
});
