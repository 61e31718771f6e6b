/** A change of keys on a simulated disk: what is told holds after a power failure at any moment. */

import { expect, it } from 'vitest';
import { EncryptedFolder } from '../../src/host/encryption/encrypted-folder.ts';
import type { KeyRing } from '../../src/host/encryption/key-ring.ts';
import { followKeys, requireDataKeys } from '../../src/host/key-rotation.ts';
import { LogEngine } from '../../src/kv/log/log-engine.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';
import { KEY_A, KEY_B, ringOf } from '../support/encryption.ts';

const SEEDS = 20;
const [A] = ringOf(KEY_A).names as [string];

const newLife = () => ({ setTimer: (_: number, callback: () => void) => queueMicrotask(callback) });

async function open(folder: Folder, keys: KeyRing): Promise<LogEngine> {
  await requireDataKeys(folder, keys);
  const onFailure = (error: Error) => {
    throw error;
  };
  return LogEngine.open(new EncryptedFolder(folder, keys), { clock: { monotonicMs: () => 0 }, onFailure });
}

it('a key is not needed any more, as is told, also after a power failure at that moment', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const disk = new SimulatedDisk({ random: new SeededRandom(`${seed}`) });
    const first = await open(disk.open(newLife()), ringOf(KEY_A));
    await first.replace('a/ada', null, 'text');
    await first.close();
    const folder = disk.open(newLife());
    const keys = ringOf(KEY_B, KEY_A);
    const second = await open(folder, keys);
    await new Promise<void>((resolve) =>
      followKeys(second, folder, keys, (text) => {
        if (!text.startsWith(`no file needs ${A} any more`)) return;
        disk.damage('torn');
        resolve();
      }),
    );
    const third = await open(disk.open(newLife()), ringOf(KEY_B));
    expect(await third.read('a/ada'), `seed ${seed}`).toMatchObject({ text: 'text' });
  }
});
