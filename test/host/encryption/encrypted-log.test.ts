/**
 * The engine on a log whose folder is encrypted: it keeps the same promises under kills and power failures, and no
 * nonce is ever used twice. `SEEDS=5000` looks at more seeds.
 */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EncryptedFolder, type EncryptedFolderOptions } from '../../../src/host/encryption/encrypted-folder.ts';
import { fileName } from '../../../src/kv/log/format.ts';
import { LogEngine, type LogEngineOptions } from '../../../src/kv/log/log-engine.ts';
import type { StoreEngine } from '../../../src/kv/store.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { LogWorld, noTotals, type Totals } from '../../kv/log/log-world.ts';
import { describeEngine } from '../../kv/store-conformance.ts';
import { KEY_A, NonceWitness, ringOf } from '../../support/encryption.ts';
import { worldOf } from '../../support/lossy-engine.ts';

const SEEDS = Number(process.env.SEEDS ?? 40);
/** Within so many seeds a mistake with nonces must be found. */
const MISTAKE_SEEDS = 40;
const TIMEOUT_MS = 60_000 + SEEDS * 200;
const LOG = fileName('log', 1);

type Rules = EncryptedFolderOptions['rules'];

const encrypted = (folder: Folder, rules: Rules = {}) => new EncryptedFolder(folder, ringOf(KEY_A), { rules });
const newLife = () => ({ setTimer: (_: number, callback: () => void) => queueMicrotask(callback) });
const newDisk = () => new SimulatedDisk({ random: new SeededRandom('encrypted') });

const warnings: string[] = [];
const OPTIONS: LogEngineOptions = {
  clock: { monotonicMs: () => 0 },
  onFailure: (error) => {
    throw error;
  },
  warn: (text) => warnings.push(text),
};

async function textsOf(engine: StoreEngine, keys: readonly string[]): Promise<(string | undefined)[]> {
  const reads = await Promise.all(keys.map((key) => engine.read(key)));
  return reads.map((read) => (read.kind === 'found' ? read.text : undefined));
}

describe('the engine on an encrypted log', () => {
  describeEngine(async () => worldOf(await LogEngine.open(encrypted(newDisk().open(newLife())), OPTIONS)));
});

describe('the engine on an encrypted log, with a snapshot after every few writes', () => {
  const small = { snapshotBytesMin: 100, snapshotFactor: 0 };
  describeEngine(async () =>
    worldOf(await LogEngine.open(encrypted(newDisk().open(newLife())), { ...OPTIONS, ...small })),
  );
});

/** Runs a seed, and returns what was wrong. */
async function fuzz(seed: number, witness: NonceWitness, rules: Rules = {}, sums?: Totals): Promise<readonly string[]> {
  const world = new LogWorld(`${seed}`, () => ({
    folder: (folder) => encrypted(folder, { ...rules, ...witness.rules }),
  }));
  await world.run();
  for (const [name, total] of Object.entries(world.totals)) if (sums) sums[name as keyof Totals] += total;
  return world.violations;
}

describe('an encrypted log', () => {
  it(`keeps and shows what it must under ${SEEDS} seeds of kills and power failures, with no nonce twice`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const sums = noTotals();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const witness = new NonceWitness();
      expect(await fuzz(seed, witness, {}, sums), `seed ${seed}`).toEqual([]);
      expect(witness.repeated, `seed ${seed}`).toEqual([]);
      expect(witness.count, `seed ${seed}`).toBeGreaterThan(10);
    }
    for (const total of Object.values(sums)) expect(total).toBeGreaterThan(SEEDS / 10);
  });

  it.each<[string, NonNullable<Rules>]>([
    ['its files have the same key in the next life', { newSalt: () => createHash('sha256').update('one').digest() }],
    ['frames are not counted', { nonceOf: () => Buffer.alloc(12) }],
  ])('is found to use nonces twice if %s', async (_, rules) => {
    for (let seed = 1; seed <= MISTAKE_SEEDS; seed++) {
      const witness = new NonceWitness();
      await fuzz(seed, witness, rules);
      if (witness.repeated.length > 0) return;
    }
    expect.fail(`${MISTAKE_SEEDS} seeds find nothing`);
  });
});

/** A folder with the keys a, b and c, written one after another in one segment, and the lines of that on the disk. */
async function filled() {
  const folder = newDisk().open(newLife());
  const engine = await LogEngine.open(encrypted(folder), OPTIONS);
  for (const key of ['a', 'b', 'c']) await engine.replace(key, null, `text of ${key}`);
  await engine.close();
  const raw = (await folder.read(LOG)) as string;
  const overwrite = async (text: string) => {
    await folder.remove(LOG);
    await folder.write(LOG, text);
  };
  return { folder, raw, lines: raw.split(/(?<=\n)/), overwrite };
}

describe('the tail of an encrypted segment', () => {
  it('is left out from any byte on, and told', async () => {
    const { folder, raw, lines, overwrite } = await filled();
    const lastAt = lines.slice(0, -1).join('').length;
    for (let length = lastAt; length < raw.length; length++) {
      for (const rest of ['', '\0'.repeat(raw.length - length), 'x\n']) {
        await overwrite(raw.slice(0, length) + rest);
        warnings.length = 0;
        const engine = await LogEngine.open(encrypted(folder), OPTIONS);
        expect(await textsOf(engine, ['a', 'b', 'c'])).toEqual(['text of a', 'text of b', undefined]);
        const torn = length + rest.length - lastAt;
        const told = `${LOG}: its last ${torn} bytes are torn and left out, after record 2; nobody was told of them`;
        expect(warnings).toEqual(torn === 0 ? [] : [told]);
        await engine.close();
        await folder.remove(fileName('log', 2));
      }
    }
  });

  it.each([
    ['changed', (lines: string[]) => [...lines.slice(0, 3), lines[3]?.replace(/....$/m, 'AAA='), lines[4]]],
    ['missing', (lines: string[]) => [...lines.slice(0, 3), lines[4]]],
    ['swapped with the next', (lines: string[]) => [...lines.slice(0, 3), lines[4], lines[3]]],
    // It takes the next one with it, whose line it begins.
    ['cut', (lines: string[]) => [...lines.slice(0, 2), lines[2]?.slice(0, 9), ...lines.slice(3)]],
  ])('is damage if a frame that a later one follows is %s', async (_, change) => {
    const { folder, lines, overwrite } = await filled();
    await overwrite(change(lines).join(''));
    await expect(LogEngine.open(encrypted(folder), OPTIONS)).rejects.toThrow(
      /^log-0{11}1: record [12] should be at offset \d+, and is damaged or missing; later ones are there/,
    );
  });

  it('is damage in any byte if a later segment follows', async () => {
    const { folder, raw, lines, overwrite } = await filled();
    await (await LogEngine.open(encrypted(folder), OPTIONS)).close();
    for (let at = 0; at < raw.length; at++) {
      await overwrite(`${raw.slice(0, at)}~${raw.slice(at + 1)}`);
      const problem =
        at < lines.slice(0, 2).join('').length
          ? /first|not encrypted|encrypted with|another store/
          : /record [123] should be/;
      await expect(LogEngine.open(encrypted(folder), OPTIONS), `byte ${at}`).rejects.toThrow(problem);
    }
    await overwrite(raw);
    expect(await textsOf(await LogEngine.open(encrypted(folder), OPTIONS), ['a'])).toEqual(['text of a']);
  });
});
