/** The engine on a disk that does as it is told: what it answers, writes, recovers and refuses. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Documents, NOTHING_STORED } from '../../../src/kv/documents.ts';
import { LogEngine, type LogEngineOptions } from '../../../src/kv/log/log-engine.ts';
import type { StoreReplace, Token } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { worldOf } from '../../support/lossy-engine.ts';
import { describeEngine } from '../store-conformance.ts';

const newLife = () => ({ setTimer: (_: number, callback: () => void) => queueMicrotask(callback) });

function newDisk(seed = 'engine'): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

interface Opened {
  readonly engine: LogEngine;
  readonly failures: Error[];
  readonly warnings: string[];
}

async function open(folder: Folder, options: Partial<LogEngineOptions> = {}): Promise<Opened> {
  const failures: Error[] = [];
  const warnings: string[] = [];
  const engine = await LogEngine.open(folder, {
    clock: { monotonicMs: () => 0 },
    onFailure: (error) => failures.push(error),
    warn: (text) => warnings.push(text),
    ...options,
  });
  return { engine, failures, warnings };
}

function tokenOf(result: StoreReplace): Token {
  if (result.kind !== 'ok') throw new Error(`it was ${result.kind}: ${result.error.message}`);
  return result.token;
}

/** A folder with some operations replaced. */
function altered(folder: Folder, own: Partial<Folder>): Folder {
  return new Proxy(folder, {
    get: (_, operation: keyof Folder) => own[operation] ?? folder[operation].bind(folder),
  });
}

/** Writes `key` = `text` over and over. */
async function write(engine: LogEngine, key: string, texts: readonly string[], from: Token | null = null) {
  let token = from;
  for (const text of texts) token = tokenOf(await engine.replace(key, token, text));
  return token as Token;
}

async function readAll(engine: LogEngine): Promise<Record<string, string>> {
  const listed = await engine.list('', undefined, 1000);
  if (listed.kind !== 'ok') throw listed.error;
  const texts: Record<string, string> = {};
  for (const key of listed.keys) {
    const read = await engine.read(key);
    if (read.kind !== 'found') throw new Error(`${key} is ${read.kind}`);
    texts[key] = read.text;
  }
  return texts;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `text ${index}`);

describe('the engine on a log', () => {
  describeEngine(async () => worldOf((await open(newDisk().open(newLife()))).engine));
});

describe('the engine on a log, with a snapshot after every few writes', () => {
  describeEngine(async () =>
    worldOf((await open(newDisk().open(newLife()), { snapshotBytesMin: 100, snapshotFactor: 0 })).engine),
  );
});

describe('a life on a log', () => {
  it('finds what the life before it was told is stored, with the same tokens', async () => {
    const disk = newDisk();
    const first = await open(disk.open(newLife()));
    const a = await write(first.engine, 'a', numbers(3));
    const b = await write(first.engine, 'b', ['ä 雪 ❄️ \ud800 \x7f\n']);
    await first.engine.remove('b', b);
    const c = await write(first.engine, 'c', ['ä 雪 ❄️ \ud800 \x7f\n']);
    disk.damage('torn');
    const { engine, warnings } = await open(disk.open(newLife()));
    expect(await engine.read('a')).toEqual({ kind: 'found', text: 'text 2', token: a });
    expect(await engine.read('b')).toEqual({ kind: 'absent' });
    expect(await engine.read('c')).toEqual({ kind: 'found', text: 'ä 雪 ❄️ \ud800 \x7f\n', token: c });
    expect(Number(await write(engine, 'b', ['again']))).toBeGreaterThan(Number(c));
    expect(warnings).toEqual([]);
  });

  it('writes all that waits with one append and one sync', async () => {
    const { engine } = await open(newDisk().open(newLife()));
    const before = engine.figures();
    await Promise.all(numbers(100).map((text) => engine.replace(text, null, text)));
    const after = engine.figures();
    expect(after.writes).toBe(100);
    expect((after.groups as number) - (before.groups as number)).toBeLessThanOrEqual(2);
    expect((after.syncs as number) - (before.syncs as number)).toBeLessThanOrEqual(2);
  });

  it('shows a value only when it is on the disk, and refuses because of it only then', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const folder = newDisk().open(newLife());
    let holds = false;
    const sync = async (name: string) => {
      if (holds) await held;
      await folder.sync(name);
    };
    const { engine } = await open(altered(folder, { sync }));
    const old = await write(engine, 'a', ['old']);
    holds = true;
    const replaced = engine.replace('a', old, 'new');
    const created = engine.replace('b', null, 'new');
    const ended: string[] = [];
    const refused = engine.replace('a', old, 'other').finally(() => ended.push('refused'));
    void replaced.finally(() => ended.push('replaced'));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(await engine.read('a')).toEqual({ kind: 'found', text: 'old', token: old });
    expect(await engine.read('b')).toEqual({ kind: 'absent' });
    expect(await engine.list('', undefined, 9)).toMatchObject({ keys: ['a'] });
    expect(ended).toEqual([]);
    release();
    expect(await refused).toMatchObject({ kind: 'refused' });
    const token = tokenOf(await replaced);
    expect(await engine.read('a')).toEqual({ kind: 'found', text: 'new', token });
    expect((await created).kind).toBe('ok');
  });

  it('does not write a value that is too long, and says so; it stores one that is just short enough', async () => {
    const { engine } = await open(newDisk().open(newLife()));
    const length = 16 * 1024 * 1024 - 1;
    expect(await engine.replace('k', null, 'x'.repeat(length + 1))).toMatchObject({
      kind: 'unavailable',
      error: { code: 11, message: '16777217 characters of key and text, and at most 16777216 are stored' },
    });
    const context = {
      clock: { monotonicMs: () => performance.now(), wallMs: () => 0 },
      sleep: async () => true,
      randomUint32: () => 0,
    };
    const schema = z.object({ text: z.string() });
    const documents = new Documents({ kv: engine, context, name: 'book', schema, patienceMs: 0 });
    const book = { text: 'x'.repeat(length) };
    // A refusal would prove nothing: this must not end as something that may have happened.
    expect(await documents.update('long', () => book, NOTHING_STORED)).toMatchObject({ kind: 'definite' });
    expect(await engine.replace('k', null, 'x'.repeat(length))).toMatchObject({ kind: 'ok' });
  });

  it('stops if the disk does not answer: what it was writing is silent, what waits was not begun', async () => {
    const folder = newDisk().open(newLife());
    const timers: { readonly delayMs: number; readonly callback: () => void }[] = [];
    const schedule = (delayMs: number, callback: () => void) => {
      const timer = { delayMs, callback };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    };
    let answer = () => {};
    const hangs = { isOn: false };
    const sync = async (name: string) => {
      if (hangs.isOn) await new Promise<void>((resolve) => (answer = resolve));
      await folder.sync(name);
    };
    const { engine, failures } = await open(altered(folder, { sync }), { scheduler: { schedule } });
    expect((await engine.replace('a', null, 'old')).kind).toBe('ok');
    expect(timers).toEqual([]);
    hangs.isOn = true;
    const writing = engine.replace('b', null, 'new');
    await expect.poll(() => timers.length).toBe(1);
    const waiting = engine.replace('c', null, 'new');
    // Judged by what is not on the disk yet.
    const refused = engine.replace('b', null, 'newer');
    await Promise.resolve();
    expect(timers[0]?.delayMs).toBe(30_000);
    timers[0]?.callback();
    const text = expect.stringMatching('the disk has not answered within 30 s');
    expect(await writing).toMatchObject({ kind: 'silent', error: { message: text } });
    expect([await waiting, await refused]).toMatchObject([{ kind: 'unavailable' }, { kind: 'unavailable' }]);
    expect(failures).toMatchObject([{ message: text }]);
    answer();
    await engine.close();
    expect(await engine.read('a')).toMatchObject({ kind: 'failed' });
    const next = await open(folder);
    expect(await readAll(next.engine)).toEqual({ a: 'old', b: 'new' });
  });

  it('has let go of the folder when any of several closes has ended', async () => {
    const folder = newDisk().open(newLife());
    let isFree = false;
    const lock = async () => ({
      confirm: async () => {},
      release: async () => {
        await new Promise(setImmediate);
        isFree = true;
      },
    });
    const { engine } = await open(altered(folder, { lock }));
    void engine.close();
    await engine.close();
    expect(isFree).toBe(true);
  });

  it('is refused while another one has the folder, and is not after a close', async () => {
    const folder = newDisk().open(newLife());
    const first = await open(folder);
    await expect(open(folder)).rejects.toThrow('lock: is held by');
    await first.engine.close();
    expect(await readAll((await open(folder)).engine)).toEqual({});
  });

  it('ends the calls in progress when it is closed, and keeps their writes', async () => {
    const disk = newDisk();
    const { engine } = await open(disk.open(newLife()));
    const writes = numbers(20).map((text) => engine.replace(text, null, text));
    await Promise.resolve();
    await engine.close();
    const stored = (await Promise.all(writes)).filter(({ kind }) => kind === 'ok').length;
    disk.damage('torn');
    expect(Object.keys(await readAll((await open(disk.open(newLife()))).engine))).toHaveLength(stored);
  });
});

describe('snapshots', () => {
  const SMALL = { snapshotBytesMin: 500, snapshotFactor: 0 };

  it('keep the folder small, and all values', async () => {
    const disk = newDisk();
    const folder = disk.open(newLife());
    const { engine } = await open(folder, SMALL);
    await write(engine, 'a', numbers(100));
    const b = await write(engine, 'b', numbers(100));
    await engine.remove('b', b);
    const c = await write(engine, 'c', ['one']);
    await engine.close();
    const names = await folder.names();
    expect(names.length).toBeLessThan(6);
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(engine.figures().snapshots).toBeGreaterThan(5);
    expect(engine.figures()['log-bytes']).toBeLessThan(1500);
    disk.damage('torn');
    const next = await open(disk.open(newLife()), SMALL);
    expect(await readAll(next.engine)).toEqual({ a: 'text 99', c: 'one' });
    expect(await next.engine.read('c')).toMatchObject({ token: c });
  });

  it('do not hold up calls, and miss nothing that is written, removed or created meanwhile', async () => {
    const disk = newDisk();
    const folder = disk.open(newLife());
    let [releases, holds]: [(() => void)[], boolean] = [[], true];
    const append = async (name: string, text: string) => {
      if (holds && name.includes('.tmp') && text.includes('"old')) await new Promise<void>((go) => releases.push(go));
      await folder.append(name, text);
    };
    const { engine } = await open(altered(folder, { append }), { snapshotBytesMin: 400_000, snapshotFactor: 0 });
    const keys = Array.from({ length: 6 }, (_, index) => `key ${index}`);
    for (const key of keys) await write(engine, key, [`old ${'x'.repeat(70_000)}`]);
    await engine.replace('last', null, 'small');
    for (let round = 0; round < 10; round++) {
      for (const key of keys) {
        const read = await engine.read(key);
        if (read.kind === 'found' && round % 2 === 0) await engine.remove(key, read.token);
        else await engine.replace(key, read.kind === 'found' ? read.token : null, `${round}`);
      }
      expect(releases.length).toBe(1);
      releases.splice(0)[0]?.();
      await new Promise((resolve) => setImmediate(resolve));
      if (engine.figures().snapshots === 1) break;
      if (releases.length === 0) break;
    }
    holds = false;
    releases = [];
    const expected = await readAll(engine);
    await engine.close();
    disk.damage('unsynced');
    expect(await readAll((await open(disk.open(newLife()))).engine)).toEqual(expected);
  });

  it('that cannot be written are told, and tried again when the log has grown', async () => {
    const folder = newDisk().open(newLife());
    let full = true;
    const append = async (name: string, text: string) => {
      if (full && text.includes('"snapshot"')) throw new Error('the disk is full');
      await folder.append(name, text);
    };
    const { engine, failures, warnings } = await open(altered(folder, { append }), SMALL);
    const token = await write(engine, 'a', numbers(20));
    expect(warnings[0]).toBe('no snapshot was written: the disk is full');
    expect(warnings.length).toBeLessThan(4);
    full = false;
    await write(engine, 'a', numbers(20), token);
    expect(engine.figures()).toMatchObject({ snapshots: expect.toSatisfy((count) => count > 0) });
    expect(failures).toEqual([]);
  });

  it('are written when everything is to be renewed, and nothing of older values is left in any file', async () => {
    const folder = newDisk().open(newLife());
    const { engine } = await open(folder);
    const contents = async () => Promise.all((await folder.names()).map((name) => folder.read(name)));
    await write(engine, 'kept', ['secret', 'open']);
    const gone = await write(engine, 'gone', ['secret']);
    await engine.remove('gone', gone);
    expect((await contents()).join()).toMatch(/secret/);
    const writing = write(engine, 'meanwhile', numbers(3));
    await Promise.all([engine.renew(), engine.renew()]);
    await writing;
    expect((await contents()).join()).not.toMatch(/secret|gone/);
    expect(await readAll(engine)).toEqual({ kept: 'open', meanwhile: 'text 2' });
    await engine.close();
    await expect(engine.renew()).rejects.toThrow('closed');
  });

  it('are also written when many lives have left many segments', async () => {
    const disk = newDisk();
    for (let life = 0; life < 40; life++) {
      const { engine } = await open(disk.open(newLife()));
      await write(engine, `${life}`, ['text']);
      await engine.close();
    }
    const folder = disk.open(newLife());
    expect((await folder.names()).length).toBeLessThan(40);
    expect(Object.keys(await readAll((await open(folder)).engine))).toHaveLength(40);
  });
});

describe('after an append or a sync has failed', () => {
  it.each(['append', 'sync'] as const)('the engine stops for good and says so (%s)', async (operation) => {
    const disk = newDisk();
    const folder = disk.open(newLife());
    let failing = false;
    const own: Partial<Folder> = {
      [operation]: async (name: string, text: string) => {
        if (failing) throw new Error('log-1: the disk failed');
        await folder[operation](name, text);
      },
    };
    const { engine, failures } = await open(altered(folder, own));
    const token = await write(engine, 'a', ['one']);
    failing = true;
    const begun = engine.replace('a', token, 'two');
    const behind = engine.replace('a', token, 'three');
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    const late = engine.replace('b', null, 'four');
    expect(await begun).toMatchObject({
      kind: 'silent',
      error: { code: 13, message: expect.stringMatching(/failed/) },
    });
    expect(await behind).toMatchObject({ kind: 'unavailable' });
    expect(['silent', 'unavailable']).toContain((await late).kind);
    failing = false;
    expect(await engine.read('a')).toMatchObject({
      kind: 'failed',
      error: { code: 11, message: 'the store has stopped: log-1: the disk failed' },
    });
    expect(await engine.list('', undefined, 1)).toMatchObject({ kind: 'failed' });
    expect(await engine.replace('a', token, 'two')).toMatchObject({ kind: 'unavailable' });
    expect(await engine.remove('a', token)).toMatchObject({ kind: 'unavailable' });
    expect(failures.map(({ message }) => message)).toEqual(['log-1: the disk failed']);
    await engine.close();
    const { a } = await readAll((await open(folder)).engine);
    expect(['one', 'two']).toContain(a);
  });

  it('the engine stops when the lock is lost, before it tells or shows anything', async () => {
    const folder = newDisk().open(newLife());
    let lost = false;
    const lock = async (name: string) => ({
      ...(await folder.lock(name)),
      confirm: async () => {
        if (lost) throw new Error('the lock was taken');
      },
    });
    const { engine, failures } = await open(altered(folder, { lock }));
    const token = await write(engine, 'a', ['one']);
    const replaced = engine.replace('a', token, 'two');
    await Promise.resolve();
    await Promise.resolve();
    lost = true;
    expect((await replaced).kind).not.toBe('ok');
    expect(await engine.read('a')).toMatchObject({ kind: 'failed' });
    expect(failures.map(({ message }) => message)).toEqual(['the lock was taken']);
  });
});
