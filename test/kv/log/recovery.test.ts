/** What is recovered from files that were torn, and which files are refused, with their name and the place. */

import { describe, expect, it } from 'vitest';
import { fileName, recordLine } from '../../../src/kv/log/format.ts';
import { LogEngine, type LogEngineOptions } from '../../../src/kv/log/log-engine.ts';
import type { StoreEngine, Token } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';

const newLife = () => ({ setTimer: (_: number, callback: () => void) => queueMicrotask(callback) });

function newDisk(seed: string | number = 'recovery'): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

const warnings: string[] = [];
const OPTIONS: LogEngineOptions = {
  clock: { monotonicMs: () => 0 },
  onFailure: (error) => {
    throw error;
  },
  warn: (text) => warnings.push(text),
};

function open(folder: Folder, options: Partial<LogEngineOptions> = {}): Promise<LogEngine> {
  return LogEngine.open(folder, { ...OPTIONS, ...options });
}

async function write(engine: StoreEngine, key: string, text: string): Promise<Token> {
  const read = await engine.read(key);
  const result = await engine.replace(key, read.kind === 'found' ? read.token : null, text);
  if (result.kind !== 'ok') throw new Error(`it was ${result.kind}`);
  return result.token;
}

async function textsOf(engine: StoreEngine, keys: readonly string[]): Promise<(string | undefined)[]> {
  const reads = await Promise.all(keys.map((key) => engine.read(key)));
  return reads.map((read) => (read.kind === 'found' ? read.text : undefined));
}

/** A folder with the keys a, b and c, written one after another in one segment, and its lines. */
async function filled() {
  const folder = newDisk().open(newLife());
  const engine = await open(folder);
  for (const key of ['a', 'b', 'c']) await write(engine, key, `text of ${key}`);
  await engine.close();
  const lines = ((await folder.read(fileName('log', 1))) as string).split('\n').map((line) => `${line}\n`);
  return { folder, lines: lines.slice(0, -1) };
}

/** Replaces a file. */
async function overwrite(folder: Folder, name: string, text: string): Promise<void> {
  await folder.remove(name);
  await folder.write(name, text);
}

const LOG = fileName('log', 1);

describe('the tail of the last segment', () => {
  it('is left out from any byte on, told, and never written after', async () => {
    const { lines } = await filled();
    const whole = lines.join('');
    const lastAt = lines.slice(0, -1).join('').length;
    for (let length = lastAt; length < whole.length; length++) {
      for (const rest of ['', '\0'.repeat(whole.length - length), 'x\n']) {
        const { folder } = await filled();
        await overwrite(folder, LOG, whole.slice(0, length) + rest);
        warnings.length = 0;
        const engine = await open(folder);
        expect(await textsOf(engine, ['a', 'b', 'c'])).toEqual(['text of a', 'text of b', undefined]);
        const torn = length + rest.length - lastAt;
        const told = `${LOG}: its last ${torn} bytes are torn and left out, after record 2; nobody was told of them`;
        expect(warnings).toEqual(torn === 0 ? [] : [told]);
        expect(engine.figures()['torn-bytes']).toBe(torn);
        expect(await write(engine, 'c', 'again')).toBe('3');
        expect(await folder.read(LOG)).toBe(whole.slice(0, length) + rest);
        await engine.close();
        const next = await open(folder);
        expect(await textsOf(next, ['a', 'b', 'c'])).toEqual(['text of a', 'text of b', 'again']);
        await next.close();
      }
    }
  });

  it('is left out with the whole records in it that were written together with a bad one', async () => {
    const { folder, lines } = await filled();
    const together = [4, 5, 6].map((sequence) => recordLine({ sequence, base: 3, key: `${sequence}`, text: 't' }));
    await overwrite(folder, LOG, [...lines, together[0], '\0\0\0\n', together[2]].join(''));
    expect(await textsOf(await open(folder), ['c', '4', '5', '6'])).toEqual(['text of c', 't', undefined, undefined]);
  });

  it('is damage if a later record was written when it was on the disk', async () => {
    const { folder, lines } = await filled();
    await overwrite(folder, LOG, [lines[0], lines[1], 'x', lines[2], lines[3]].join(''));
    const at = `${lines[0]}${lines[1]}`.length;
    await expect(open(folder)).rejects.toThrow(
      `${LOG}: record 2 should be at offset ${at}, and is damaged or missing; later ones are there. ` +
        'The disk has lost what was acknowledged: restore the folder from a backup',
    );
  });

  it('is damage if a whole record is gone', async () => {
    const { folder, lines } = await filled();
    await overwrite(folder, LOG, [lines[0], lines[2], lines[3]].join(''));
    await expect(open(folder)).rejects.toThrow(`${LOG}: record 1 should be at offset ${lines[0]?.length}`);
  });
});

describe('a folder is refused', () => {
  it('for any changed byte of a record that a later segment follows', async () => {
    const { folder, lines } = await filled();
    await (await open(folder)).close();
    const whole = lines.join('');
    for (let index = (lines[0] as string).length; index < whole.length; index++) {
      await overwrite(folder, LOG, `${whole.slice(0, index)}~${whole.slice(index + 1)}`);
      await expect(open(folder)).rejects.toThrow(/^log-0+1: record [123] should be at offset [0-9]+, and is damaged/);
    }
    await overwrite(folder, LOG, whole.slice(0, -1));
    await expect(open(folder)).rejects.toThrow(`${LOG}: record 3 should be at offset`);
    await overwrite(folder, LOG, '');
    await expect(open(folder)).rejects.toThrow(`${LOG}: record 1 should be at offset 0`);
    await overwrite(folder, LOG, whole);
    expect(await textsOf(await open(folder), ['a'])).toEqual(['text of a']);
  });

  it('for a segment that is missing', async () => {
    const { folder } = await filled();
    await (await open(folder)).close();
    await folder.remove(LOG);
    await expect(open(folder)).rejects.toThrow(`${LOG}: the segment is missing`);
  });

  it.each([
    ['{"snowstorm":"log","format":2,"number":1,"from":1}', 'it has format 2, and this version of Snowstorm knows only'],
    ['{"snowstorm":"log","format":1,"number":2,"from":1}', 'its first line is damaged, or that of another file'],
    ['{"snowstorm":"log","format":1,"number":1,"from":0}', 'its first line is damaged, or that of another file'],
    ['{"snowstorm":"log","format":1,"number":1,"from":2}', 'it begins with record 2, and record 1 comes next'],
    ['{"snowstorm":"snapshot","format":1,"number":1,"from":1}', 'its first line is not that of a log'],
    ['{"snowstorm":"log","form', 'its first line is damaged'],
    ['null', 'its first line is not that of a log'],
  ])('for the first line %s', async (line, problem) => {
    const { folder, lines } = await filled();
    await overwrite(folder, LOG, [`${line}\n`, ...lines.slice(1)].join(''));
    await expect(open(folder)).rejects.toThrow(`${LOG}: ${problem}`);
  });

  it('and can be opened once it is repaired: the lock is free', async () => {
    const { folder, lines } = await filled();
    await overwrite(folder, LOG, 'nonsense');
    await expect(open(folder)).rejects.toThrow('damaged');
    await overwrite(folder, LOG, lines.join(''));
    expect(await textsOf(await open(folder), ['a'])).toEqual(['text of a']);
  });
});

describe('a snapshot', () => {
  const SMALL = { snapshotBytesMin: 100, snapshotFactor: 0 };

  /** A folder with one snapshot, the names of it and of its segment, and its text. */
  async function withSnapshot() {
    const folder = newDisk().open(newLife());
    const engine = await open(folder, SMALL);
    for (const key of ['a', 'b', 'c']) await write(engine, key, `text of ${key}`);
    for (let turn = 0; turn < 100 && engine.figures().snapshots === 0; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    await engine.close();
    const names = (await folder.names()).sort();
    const [log, snapshot] = [names.find((name) => name.startsWith('log')), names.find((name) => name.startsWith('s'))];
    const text = (await folder.read(snapshot as string)) as string;
    return { folder, log: log as string, snapshot: snapshot as string, text };
  }

  it('that is damaged in any byte, or cut anywhere, is refused if there is no older one', async () => {
    const { folder, snapshot, text } = await withSnapshot();
    for (let index = 0; index < text.length; index++) {
      await overwrite(folder, snapshot, `${text.slice(0, index)}~${text.slice(index + 1)}`);
      await expect(open(folder)).rejects.toThrow(
        new RegExp(`^${snapshot}: .*(damaged|is not that of|has format|cut short)`),
      );
      await overwrite(folder, snapshot, text.slice(0, index));
      await expect(open(folder)).rejects.toThrow(new RegExp(`^${snapshot}: .*(damaged|cut short)`));
    }
    await overwrite(folder, snapshot, text);
    expect(await textsOf(await open(folder), ['a', 'b', 'c'])).toEqual(['text of a', 'text of b', 'text of c']);
  });

  it('that is damaged is not needed if all segments are there', async () => {
    const { folder, lines } = await filled();
    const engine = await open(folder);
    await write(engine, 'd', 'text of d');
    await engine.close();
    await folder.write(fileName('snapshot', 2), 'damaged\n');
    expect(lines).toHaveLength(4);
    expect(await textsOf(await open(folder), ['a', 'd'])).toEqual(['text of a', 'text of d']);
  });

  it('of a newer format is refused, even if all segments are there', async () => {
    const { folder } = await filled();
    await folder.write(fileName('snapshot', 1), '{"snowstorm":"snapshot","format":2,"number":1,"from":1}\n');
    await expect(open(folder)).rejects.toThrow('it has format 2, and this version of Snowstorm knows only format 1');
  });

  it('shows that records of the last segment are gone', async () => {
    const { folder, log, snapshot, text } = await withSnapshot();
    const record = recordLine({ sequence: 9, base: 9, key: 'z', text: 'later' });
    const lines = text.trimEnd().split('\n');
    const longer = [...lines.slice(0, -1), record.trimEnd(), `{"end":${lines.length - 1}}`, ''].join('\n');
    await overwrite(folder, snapshot, longer);
    await expect(open(folder)).rejects.toThrow(
      `${log}: it ends with record 3, and the snapshot shows that record 9 was on the disk`,
    );
  });

  it('without its segment is refused', async () => {
    const { folder, log } = await withSnapshot();
    await folder.remove(log);
    await expect(open(folder)).rejects.toThrow(`${log}: the segment is missing`);
  });
});

describe('a start', () => {
  it('removes what earlier lives left under way, and leaves other files alone', async () => {
    const { folder } = await filled();
    for (const name of ['new-7.tmp', 'new-notes.txt', 'notes.txt', 'log-1', 'snapshot-000000000001.bak'])
      await folder.write(name, 'x');
    await (await open(folder)).close();
    expect((await folder.names()).sort()).toEqual([
      fileName('log', 1),
      fileName('log', 2),
      'log-1',
      'new-notes.txt',
      'notes.txt',
      'snapshot-000000000001.bak',
    ]);
  });

  it('may end at any step, and the next one at any step and by a power failure: nothing is lost', async () => {
    const STEPS = 40;
    let starts = 0;
    for (let seed = 0; seed < 2; seed++) {
      for (let first = 1; first <= STEPS; first++) {
        for (let second = 1; second <= STEPS; second++) {
          const disk = newDisk(`${seed} ${first} ${second}`);
          const engine = await open(disk.open(newLife()));
          await write(engine, 'a', 'one');
          for (const steps of [first, second]) if (!(await startUntil(disk, steps))) starts++;
          disk.damage('torn');
          expect(await textsOf(await open(disk.open(newLife())), ['a']), `${seed} ${first} ${second}`).toEqual(['one']);
        }
      }
    }
    expect(starts).toBeGreaterThan(1000);
  });
});

/** Starts an engine in a life that ends at this step; resolves to whether it was open by then. */
async function startUntil(disk: SimulatedDisk, steps: number): Promise<boolean> {
  let left = steps;
  let end = () => {};
  const ended = new Promise<false>((resolve) => {
    end = () => resolve(false);
  });
  const life = {
    setTimer: (_: number, callback: () => void) => queueMicrotask(() => left > 0 && callback()),
    onStep: () => {
      if (--left === 0) end();
    },
  };
  return Promise.race([open(disk.open(life)).then(() => true), ended]);
}
