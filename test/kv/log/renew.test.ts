/** Everything written anew while calls go on: no file of before stays, nothing is lost, and failures are told. */

import { describe, expect, it } from 'vitest';
import { LogEngine, type LogEngineOptions } from '../../../src/kv/log/log-engine.ts';
import type { Token } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { replacing } from '../../support/lossy-engine.ts';

const newLife = () => ({ setTimer: (_: number, callback: () => void) => queueMicrotask(callback) });

function newFolder(): Folder {
  return new SimulatedDisk({ random: new SeededRandom('renew') }).open(newLife());
}

function open(folder: Folder, options: Partial<LogEngineOptions> = {}): Promise<LogEngine> {
  const onFailure = () => {};
  return LogEngine.open(folder, { clock: { monotonicMs: () => 0 }, onFailure, warn: () => {}, ...options });
}

async function put(engine: LogEngine, key: string, text: string, from: Token | null = null): Promise<Token> {
  const result = await engine.replace(key, from, text);
  if (result.kind !== 'ok') throw result.error;
  return result.token;
}

describe('a log that is written anew', () => {
  it('has no file of before, and all values with their tokens', async () => {
    const folder = newFolder();
    const engine = await open(folder);
    const a = await put(engine, 'a', 'text');
    const before = await folder.names();
    await engine.renew();
    const after = await folder.names();
    expect(after.filter((name) => before.includes(name))).toEqual([]);
    expect(after.sort()).toEqual(['log-000000000002', 'snapshot-000000000002']);
    await engine.close();
    const next = await open(folder);
    expect(await next.read('a')).toEqual({ kind: 'found', text: 'text', token: a });
  });

  it('is so under load as well, and without any', async () => {
    const folder = newFolder();
    const engine = await open(folder);
    await engine.renew();
    let token: Token | null = null;
    let count = 0;
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        token = await put(engine, 'count', `${++count}`, token);
        if (count % 10 === 0) await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 5; round++) {
      const before = await folder.names();
      const counted = count;
      while (count === counted) await new Promise(setImmediate);
      await engine.renew();
      expect((await folder.names()).filter((name) => before.includes(name))).toEqual([]);
    }
    isOver = true;
    await load;
    await engine.close();
    expect(await (await open(folder)).read('count')).toMatchObject({ text: `${count}` });
  });

  it('is written anew once more if that was asked for while a snapshot was being written', async () => {
    const folder = newFolder();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isHeld = false;
    const append = async (name: string, text: string) => {
      if (text.includes('"snapshot"') && !isHeld) {
        isHeld = true;
        await held;
      }
      await folder.append(name, text);
    };
    const engine = await open(replacing(folder, { append }));
    await put(engine, 'a', 'text');
    const first = engine.renew();
    while (!isHeld) await new Promise(setImmediate);
    const between = await folder.names();
    const others = [engine.renew(), engine.renew()];
    await put(engine, 'b', 'text');
    release();
    await Promise.all([first, ...others]);
    expect((await folder.names()).filter((name) => between.includes(name))).toEqual([]);
    expect(engine.figures().snapshots).toBe(2);
  });

  it('is not, and says why, if no snapshot can be written, if the disk fails, or at its end', async () => {
    const folder = newFolder();
    let problem = 'the disk is full';
    const append = async (name: string, text: string) => {
      if (problem !== '' && text.includes('"snapshot"')) throw new Error(problem);
      await folder.append(name, text);
    };
    const engine = await open(replacing(folder, { append }));
    await put(engine, 'a', 'text');
    await expect(engine.renew()).rejects.toThrow('no snapshot was written: the disk is full');
    problem = '';
    await engine.renew();
    const ended = engine.renew();
    const refused = expect(ended).rejects.toThrow('the store is closed');
    await engine.close();
    await refused;
    await expect(engine.renew()).rejects.toThrow('the store is closed');

    const link = async () => {
      throw new Error('the disk failed');
    };
    const other = newFolder();
    const failing = { link: other.link.bind(other) };
    const broken = await open(replacing(other, { link: (...names) => failing.link(...names) }));
    failing.link = link;
    await expect(broken.renew()).rejects.toThrow('the store has stopped: the disk failed');
  });
});
