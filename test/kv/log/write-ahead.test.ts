/** Writes that go to the disk in front of the next one. */

import { describe, expect, it } from 'vitest';
import { fileName, parseRecord } from '../../../src/kv/log/format.ts';
import { LogEngine } from '../../../src/kv/log/log-engine.ts';
import type { StoreReplace, Token, WriteAhead } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { replacing } from '../../support/lossy-engine.ts';

const newFolder = () =>
  new SimulatedDisk({ random: new SeededRandom('ahead') }).open({
    setTimer: (_, callback) => queueMicrotask(callback),
  });

function open(folder: Folder, failures: Error[] = []): Promise<LogEngine> {
  return LogEngine.open(folder, { clock: { monotonicMs: () => 0 }, onFailure: (error) => failures.push(error) });
}

/** Keys of the records in the first segment, in their order. */
async function written(folder: Folder): Promise<(string | undefined)[]> {
  const text = await folder.readPart(fileName('log', 1), 0, 100_000);
  return text
    .split('\n')
    .slice(1, -1)
    .map((line) => parseRecord(line)?.key);
}

function begin(engine: LogEngine, key: string, from: Token | null, makeText: () => string): WriteAhead {
  const write = engine.writeAhead(key, from, makeText);
  if (write === undefined) throw new Error(`${key} was not begun`);
  return write;
}

const tokenOf = (result: StoreReplace) => (result.kind === 'ok' ? result.token : undefined);
const syncsOf = (engine: LogEngine) => engine.figures().syncs as number;
const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('a write ahead', () => {
  it('waits for the next write, reaches the disk in front of it, and has the text that is made then', async () => {
    const folder = newFolder();
    const engine = await open(folder);
    let text = 'early';
    const ahead = begin(engine, 'page', null, () => text);
    await turns();
    expect(await engine.read('page')).toEqual({ kind: 'absent' });
    const before = syncsOf(engine);
    text = 'late';
    const [other] = await Promise.all([engine.replace('a', null, 'one'), engine.replace('b', null, 'two')]);
    expect(other.kind).toBe('ok');
    expect(await ahead.ended).toEqual({ kind: 'ok', token: ahead.token });
    expect(await engine.read('page')).toEqual({ kind: 'found', text: 'late', token: ahead.token });
    expect(syncsOf(engine) - before).toBe(1);
    expect(await written(folder)).toEqual(['page', 'a', 'b']);
  });

  it('goes alone when it is told to', async () => {
    const engine = await open(newFolder());
    const ahead = begin(engine, 'page', null, () => 'alone');
    ahead.flush();
    expect((await ahead.ended).kind).toBe('ok');
    expect(await engine.read('page')).toMatchObject({ kind: 'found', text: 'alone' });
  });

  it('is in the first of several groups if what follows is too long for one', async () => {
    const engine = await open(newFolder());
    const ahead = begin(engine, 'page', null, () => 'ahead');
    const before = engine.figures().groups as number;
    const text = 'x'.repeat(3 * 1024 * 1024);
    const results = await Promise.all(['a', 'b', 'c'].map((key) => engine.replace(key, null, text)));
    expect(results.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok']);
    expect((await ahead.ended).kind).toBe('ok');
    expect((engine.figures().groups as number) - before).toBe(3);
  });

  it('can be continued before it is on the disk, and by one only', async () => {
    const folder = newFolder();
    const engine = await open(folder);
    const first = begin(engine, 'page', null, () => 'one');
    const second = begin(engine, 'page', first.token, () => 'two');
    expect(engine.writeAhead('page', first.token, () => 'three')).toBeUndefined();
    expect(engine.writeAhead('page', null, () => 'three')).toBeUndefined();
    second.flush();
    expect(tokenOf(await second.ended)).toBe(second.token);
    expect(await engine.read('page')).toMatchObject({ text: 'two' });
    expect(await written(folder)).toEqual(['page', 'page']);
  });

  it('that nothing follows does not hold up who is refused because of it', async () => {
    const engine = await open(newFolder());
    const ahead = begin(engine, 'page', null, () => 'first');
    expect((await engine.replace('page', null, 'late')).kind).toBe('refused');
    expect((await ahead.ended).kind).toBe('ok');
  });

  it('is written by a close, and not begun after it', async () => {
    const folder = newFolder();
    const engine = await open(folder);
    const ahead = begin(engine, 'page', null, () => 'last');
    await engine.close();
    expect((await ahead.ended).kind).toBe('ok');
    expect(engine.writeAhead('page', ahead.token, () => 'late')).toBeUndefined();
    expect(await written(folder)).toEqual(['page']);
  });

  it('ends with the engine: what was being written is silent, what waited was not begun', async () => {
    const failures: Error[] = [];
    let isBroken = false;
    const plain = newFolder();
    const folder = replacing(plain, {
      sync: async (name) => {
        if (isBroken) throw new Error('the disk is broken');
        return plain.sync(name);
      },
    });
    const engine = await open(folder, failures);
    isBroken = true;
    const first = begin(engine, 'page', null, () => 'one');
    first.flush();
    await Promise.resolve();
    await Promise.resolve();
    const second = begin(engine, 'page', first.token, () => 'two');
    expect((await first.ended).kind).toBe('silent');
    expect((await second.ended).kind).toBe('unavailable');
    expect(failures).toHaveLength(1);
    expect(engine.writeAhead('other', null, () => '')).toBeUndefined();
  });

  it.each([
    ['is too long', () => 'x'.repeat(16 * 1024 * 1024), 'characters of key and text, and at most'],
    [
      'cannot be made',
      () => {
        throw new Error('no text');
      },
      'no text',
    ],
  ])('whose text %s stops the engine, since others rely on it', async (_, makeText, problem) => {
    const failures: Error[] = [];
    const engine = await open(newFolder(), failures);
    const ahead = begin(engine, 'page', null, makeText);
    expect((await engine.replace('a', null, 'one')).kind).toBe('silent');
    expect((await ahead.ended).kind).toBe('silent');
    expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining(problem) })]);
  });
});
