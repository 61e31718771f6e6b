/**
 * A folder whose files are encrypted: what is written is read again and seen by nobody else, and what was changed,
 * moved or swapped is not taken for what was written. Folders that are wrong in one way each show that this looks.
 */

import { describe, expect, it } from 'vitest';
import { EncryptedFolder, type EncryptedFolderOptions } from '../../../src/host/encryption/encrypted-folder.ts';
import type { KeyRing } from '../../../src/host/encryption/key-ring.ts';
import { writeNewFile } from '../../../src/journal/new-file.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { KEY_A, KEY_B, ringOf } from '../../support/encryption.ts';

const PARTS = ['first line\n', 'second and ', 'third\n', `${'long '.repeat(1000)}\n`, 'last\n'];
const TEXT = PARTS.join('');
type Rules = EncryptedFolderOptions['rules'];

/** A disk, and the encrypted folder on it. */
function newFolder(keys = ringOf(KEY_A), rules: Rules = {}): { disk: Folder; folder: Folder } {
  const life = { setTimer: (_: number, callback: () => void) => queueMicrotask(callback) };
  const disk = new SimulatedDisk({ random: new SeededRandom('encrypted') }).open(life);
  return { disk, folder: reopened(disk, keys, rules) };
}

/** Whether a text has parts of what was written, and between them what stands for lost ones. */
function isLeftOf(text: string): boolean {
  return text.split(/\?+\n?/).every((part) => TEXT.includes(part));
}

/** As the next process sees it. */
function reopened(disk: Folder, keys: KeyRing = ringOf(KEY_A), rules: Rules = {}): Folder {
  return new EncryptedFolder(disk, keys, { rules });
}

async function textOf(folder: Folder, name: string, partLength = 1000): Promise<string> {
  let text = '';
  for (;;) {
    const part = await folder.readPart(name, text.length, partLength);
    if (part === '') return text;
    text += part;
  }
}

/** Files that were written as an engine does, each in several appends, and their lines on the disk. */
async function filled(names: readonly string[] = ['one'], rules: Rules = {}) {
  const { disk, folder } = newFolder(ringOf(KEY_A), rules);
  for (const name of names) {
    await writeNewFile(folder, name, PARTS.slice(0, 2), 'new-');
    for (const part of PARTS.slice(2)) await folder.append(name, part);
    await folder.close(name);
  }
  const rawOf = async (name: string) => (await disk.read(name)) as string;
  const lines = (await rawOf(names[0] as string)).split(/(?<=\n)/);
  const put = async (raw: string, name = names[0] as string) => {
    await disk.remove(name);
    await disk.write(name, raw);
  };
  return { disk, lines, put, rawOf };
}

describe('a file of an encrypted folder', () => {
  it('is what was written, in parts of any length, also for the next process', async () => {
    const { disk } = await filled();
    for (const length of [1, 7, 1000, 100_000]) expect(await textOf(reopened(disk), 'one', length)).toBe(TEXT);
    const folder = reopened(disk);
    expect(await folder.readPart('one', 6, 4)).toBe('line');
    expect(await folder.readPart('one', 0, 5)).toBe('first');
    expect(await folder.readPart('one', TEXT.length - 5, 100)).toBe('last\n');
    expect(await folder.readPart('one', TEXT.length, 1)).toBe('');
    expect(await folder.readPart('one', TEXT.length + 9, 1)).toBe('');
    expect(await folder.read('one')).toBe(TEXT);
    expect(await folder.read('none')).toBeUndefined();
    await expect(folder.readPart('none', 0, 1)).rejects.toThrow('none: cannot read: it is not there');
  });

  it('shows nothing of its text to those without the key, and is another one each time', async () => {
    const { lines, rawOf } = await filled(['one', 'two']);
    expect(lines).toHaveLength(1 + PARTS.length);
    for (const line of [
      ...lines,
      ...lines.map((text) => Buffer.from(text.split(' ')[1] ?? '', 'base64').toString('latin1')),
    ])
      expect(line).not.toMatch(/first|second|third|long|last/);
    const [one, two] = [await rawOf('one'), await rawOf('two')];
    const frames = [...one.split('\n').slice(1), ...two.split('\n').slice(1)].filter((line) => line !== '');
    expect(new Set(frames).size).toBe(2 * PARTS.length);
  });

  it('that is written at once has any text', async () => {
    const { disk, folder } = newFolder();
    await folder.write('note', 'ä 雪 ❄️\n');
    await folder.append('note', 'more');
    await folder.close('note');
    expect(await reopened(disk).read('note')).toBe('ä 雪 ❄️\nmore');
    await folder.remove('note');
    expect(await folder.names()).toEqual([]);
  });

  it('is not appended to by a process that did not begin it', async () => {
    const { disk } = await filled();
    await expect(reopened(disk).append('one', 'x')).rejects.toThrow(
      `one: another process began it, so it cannot be appended to`,
    );
    expect(await textOf(reopened(disk), 'one')).toBe(TEXT);
  });

  it('gets only the name that it was begun for', async () => {
    const { disk, folder } = newFolder();
    const temporary = folder.temporaryName('new-', 'one');
    await folder.append(temporary, 'text');
    await expect(folder.link(temporary, 'two')).rejects.toThrow(`it was encrypted to be one, not two`);
    expect(await folder.link(temporary, 'one')).toBe(true);
    expect(await folder.link(temporary, 'one')).toBe(false);
    await folder.close(temporary);
    expect(await textOf(reopened(disk), 'one')).toBe('text');
  });
});

describe('a file that is not as it was written', () => {
  it('never reads as anything else, whichever byte is changed', async () => {
    const { disk, lines, put } = await filled();
    const raw = lines.join('');
    // The long frame is left out but for its ends.
    const longAt = lines.slice(0, 4).join('').length;
    const isIn = (at: number) => at < longAt + 20 || at > longAt + (lines[4] as string).length - 20;
    for (let at = 0; at < raw.length; at++) {
      const other = at % 4 === 0 ? '\n' : '~';
      if (!isIn(at) || raw[at] === other) continue;
      await put(`${raw.slice(0, at)}${other}${raw.slice(at + 1)}`);
      const text = await textOf(reopened(disk), 'one').catch((error: Error) => error.message);
      if (at < lines.slice(0, 2).join('').length) expect(text, `byte ${at}`).toContain('one: ');
      else {
        expect(text, `byte ${at}`).not.toBe(TEXT);
        expect(isLeftOf(text), `byte ${at}`).toBe(true);
      }
    }
  });

  it('is a beginning of what it was, and what no record looks like, wherever it is cut', async () => {
    const { disk, lines, put } = await filled();
    const raw = lines.join('');
    const firstEnd = lines.slice(0, 2).join('').length;
    for (let length = 0; length < raw.length; length += length < firstEnd + 50 ? 1 : 97) {
      await put(raw.slice(0, length));
      const text = await textOf(reopened(disk), 'one').catch((error: Error) => error.message);
      const [, beginning = ''] = /^([^?]*)\?*$/s.exec(text) ?? [];
      if (length < firstEnd) expect(text, `cut to ${length}`).toContain('one: ');
      else expect(TEXT.startsWith(beginning) && beginning !== '', `cut to ${length}`).toBe(true);
    }
  });

  it.each([
    ['swapped', (lines: string[]) => [...lines.slice(0, 2), lines[3], lines[2], ...lines.slice(4)]],
    ['left out', (lines: string[]) => [...lines.slice(0, 2), ...lines.slice(3)]],
    ['repeated', (lines: string[]) => [...lines.slice(0, 3), ...lines.slice(2)]],
    ['taken back to an earlier place', (lines: string[]) => [...lines.slice(0, 5), ...lines.slice(2)]],
    ['renumbered', (lines: string[]) => [...lines.slice(0, 2), lines[3]?.replace('2', '1'), ...lines.slice(4)]],
  ])('shows where a frame was %s', async (_, change) => {
    const { disk, lines, put } = await filled();
    await put(change(lines).join(''));
    const text = await textOf(reopened(disk), 'one');
    expect(text).toMatch(/^first line\n.*\?/s);
    expect(isLeftOf(text)).toBe(true);
  });

  it('with the first frame of none is refused', async () => {
    const { disk, lines, put } = await filled();
    await put([lines[0], ...lines.slice(2)].join(''));
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow(/its first frame does not open with the key/);
  });

  it('is refused if it is another file of the folder, as a whole or from its header on', async () => {
    const { disk, put, rawOf } = await filled(['one', 'two']);
    const [one, two] = [await rawOf('one'), await rawOf('two')];
    const problem = /^one: its first frame does not open with the key \w{16}: it is damaged, or it is another/;
    await put(two);
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow(problem);
    await put([one.split('\n')[0], ...two.split('\n').slice(1)].join('\n'));
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow(problem);
    await put([...one.split('\n').slice(0, 2), ...two.split('\n').slice(2)].join('\n'));
    expect(await textOf(reopened(disk), 'one')).toMatch(/^first line\n\?/);
  });

  it('is refused if it is of another folder with the same key', async () => {
    const [own, other] = [await filled(['one', 'two']), await filled(['one', 'two'])];
    await own.put(await other.rawOf('two'), 'two');
    const folder = reopened(own.disk);
    expect(await textOf(folder, 'one')).toBe(TEXT);
    await expect(textOf(folder, 'two')).rejects.toThrow('two: it is of another store than the files that were read');
  });

  it('is refused in a format of a later version, and if its header is damaged', async () => {
    const { disk, lines, put } = await filled();
    await put(lines.join('').replace('"format":1', '"format":2'));
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow(
      'one: it is encrypted in format 2, and this version of Snowstorm knows only format 1',
    );
    await put(lines.join('').replace('"format":1', '"farmat":1'));
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow('one: its first line is damaged');
  });
});

describe('without the right key', () => {
  it('a file is refused, with the name of the key that it needs', async () => {
    const { disk } = await filled();
    const [a] = ringOf(KEY_A).names;
    const [b] = ringOf(KEY_B).names;
    await expect(textOf(reopened(disk, ringOf(KEY_B)), 'one')).rejects.toThrow(
      `one: it is encrypted with the key ${a}, and the keys given are others: ${b}`,
    );
    expect(await textOf(reopened(disk, ringOf(KEY_B, KEY_A)), 'one')).toBe(TEXT);
  });

  it('a file that is not encrypted is refused, unless that is allowed', async () => {
    const { disk, put } = await filled();
    await put('forged\n');
    await expect(textOf(reopened(disk), 'one')).rejects.toThrow(/one: it is not encrypted, and the keys given/);
    expect(await textOf(reopened(disk, ringOf(KEY_A, 'plain')), 'one')).toBe('forged\n');
  });

  it('new files are not encrypted where the word for none comes first', async () => {
    const { disk, folder } = newFolder(ringOf('plain', KEY_A));
    await writeNewFile(folder, 'one', PARTS, 'new-');
    await folder.append('one', 'more');
    expect(await disk.read('one')).toBe(`${TEXT}more`);
  });
});

describe('a folder is found to be wrong that', () => {
  it('binds no frame to the name of its file', async () => {
    const rules: Rules = { additionalData: (header) => header };
    const { disk, put, rawOf } = await filled(['one', 'two'], rules);
    await put(await rawOf('two'));
    expect(await textOf(reopened(disk, ringOf(KEY_A), rules), 'one')).toBe(TEXT);
  });

  it('binds no frame to the header of its file', async () => {
    const rules: Rules = { additionalData: (_, name) => name };
    const { disk, lines, put } = await filled(['one'], rules);
    await put(lines.join('').replace(/"store":"\w+"/, `"store":"${'0'.repeat(32)}"`));
    expect(await textOf(reopened(disk, ringOf(KEY_A), rules), 'one')).toBe(TEXT);
  });

  it('binds no frame to its number', async () => {
    const rules: Rules = { nonceOf: () => Buffer.alloc(12) };
    const { disk, lines, put } = await filled(['one'], rules);
    await put([...lines.slice(0, 2), lines[3]?.replace(/^2/, '1'), ...lines.slice(4)].join(''));
    const text = await textOf(reopened(disk, ringOf(KEY_A), rules), 'one');
    expect(text.startsWith(`${PARTS[0]}${PARTS[2]}`)).toBe(true);
  });

  it('takes frames in any order', async () => {
    const rules: Rules = { mayCome: () => true };
    const { disk, lines, put } = await filled(['one'], rules);
    await put([...lines.slice(0, 3), ...lines.slice(2)].join(''));
    const text = await textOf(reopened(disk, ringOf(KEY_A), rules), 'one');
    expect(text).toBe([PARTS[0], PARTS[1], PARTS[1], ...PARTS.slice(2)].join(''));
  });
});
