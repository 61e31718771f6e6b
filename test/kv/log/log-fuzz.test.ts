/**
 * The engine on a log under kills and power failures at random steps, and engines that are wrong in one way each, which
 * the same rules must find. `SEEDS=5000` looks at more seeds than the quick suite does, and `make fuzz` does so.
 */

import { describe, expect, it } from 'vitest';
import { fileName } from '../../../src/kv/log/format.ts';
import type { StoreEngine, Token } from '../../../src/kv/store.ts';
import { crc32c } from '../../../src/protocol/crc32c.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { showingEarly, takingNoLock } from '../../fixtures/mutants/engines/folder.ts';
import { replacing } from '../../support/lossy-engine.ts';
import { LogWorld, type Mistake, noTotals, type Totals } from './log-world.ts';

const SEEDS = Number(process.env.SEEDS ?? 200);
/** Within so many seeds every mistake must be found. */
const MISTAKE_SEEDS = 200;
const TIMEOUT_MS = 60_000 + SEEDS * 100;

function refusingAtTimes(engine: StoreEngine): StoreEngine {
  let count = 0;
  return replacing(engine, {
    replace: async (...change) => {
      if (++count % 8 > 0) return engine.replace(...change);
      return { kind: 'refused', error: RpcError.of('precondition-failed', 'as this test wants it') };
    },
  });
}

/** Every line with the length and the checksum that it should have. */
function withRightChecksums(text: string): string {
  return text.replace(/^[0-9a-z\0]{8} [0-9]+ (.*)$/gm, (_, body: string) => {
    return `${crc32c(body).toString(16).padStart(8, '0')} ${body.length} ${body}`;
  });
}

/** Goes on at the end of the last segment instead of beginning one. */
function appendingAtTheEnd(folder: Folder): Folder {
  const instead = new Map<string, string>();
  const insteadOf = (name: string) => instead.get(name) ?? name;
  let isFirst = true;
  return replacing(folder, {
    link: async (name, newName) => {
      const number = Number(newName.split('-')[1]);
      const last = fileName('log', number - 1);
      const isAtStart = isFirst && newName.startsWith('log-') && (await folder.names()).includes(last);
      if (newName.startsWith('log-')) isFirst = false;
      if (!isAtStart) return folder.link(name, newName);
      instead.set(newName, last);
      return true;
    },
    append: (name, text) => folder.append(insteadOf(name), text),
    sync: (name) => folder.sync(insteadOf(name)),
  });
}

/** Syncs no snapshot, and still removes what it stands for. */
function snapshotUnsynced(folder: Folder): Folder {
  const snapshots = new Set<string>();
  return replacing(folder, {
    append: (name, text) => {
      if (text.includes('"snapshot"')) snapshots.add(name);
      return folder.append(name, text);
    },
    sync: async (name) => (snapshots.has(name) ? undefined : folder.sync(name)),
  });
}

/** Writes ahead only when everything else is on the disk. Its own tokens stand for those that come later. */
function writingLate(engine: StoreEngine): StoreEngine {
  const known = new Map<Token | null, Token | null>([[null, null]]);
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;
  return replacing(engine, {
    writeAhead: (key, from, makeText) => {
      const token = `late ${++count}` as Token;
      const ended = last.then(async () => {
        await engine.replace('other', null, 'first');
        const result = await engine.replace(key, known.get(from) ?? from, makeText());
        if (result.kind === 'ok') known.set(token, result.token);
        return result;
      });
      last = ended;
      return { token, ended, flush: () => {} };
    },
  });
}

interface Named {
  readonly make: () => Mistake;
  /** What the rules say of it. */
  readonly finds: RegExp;
}

const MISTAKES: ReadonlyMap<string, Named> = new Map([
  [
    'acknowledges before the sync',
    {
      make: () => ({
        folder: (folder) =>
          replacing(folder, { sync: async (name) => (name.startsWith('log-') ? undefined : folder.sync(name)) }),
      }),
      finds: /was told before/,
    },
  ],
  [
    'refuses now and then what it should do',
    {
      make: () => ({ engine: refusingAtTimes }),
      finds: /from which a change was refused/,
    },
  ],
  ['shows before the sync', { make: () => showingEarly(['sync']), finds: /was told before|where text/ }],
  [
    'has no checksum',
    {
      make: () => ({
        folder: (folder) =>
          replacing(folder, {
            readPart: async (name, offset, length) =>
              withRightChecksums(await folder.readPart(name, 0, 1_000_000)).slice(offset, offset + length),
          }),
      }),
      finds: /which nobody wrote/,
    },
  ],
  [
    'removes older files before the snapshot is synced',
    { make: () => ({ folder: snapshotUnsynced }), finds: /the snapshot is (damaged|cut short)|its first line/ },
  ],
  [
    'appends after a torn tail',
    {
      make: () => ({ folder: appendingAtTheEnd, withoutSnapshots: true }),
      finds: /is damaged or missing|was told before/,
    },
  ],
  ['writes ahead too late', { make: () => ({ engine: writingLate }), finds: /what was written ahead of it is not/ }],
  [
    'takes no lock',
    {
      make: takingNoLock,
      finds: /was told before|changed twice|nobody removed/,
    },
  ],
] satisfies [string, Named][]);

describe('an engine on a log', () => {
  it(
    `keeps and shows what it must under ${SEEDS} seeds of kills and power failures`,
    async () => {
      const sums = noTotals();
      for (let seed = 1; seed <= SEEDS; seed++) {
        const world = new LogWorld(`${seed}`);
        await world.run();
        expect(world.violations, `seed ${seed}`).toEqual([]);
        for (const [name, total] of Object.entries(world.totals)) sums[name as keyof Totals] += total;
      }
      expect(sums.operations / SEEDS).toBeGreaterThan(50);
      expect(sums.acknowledged / SEEDS).toBeGreaterThan(10);
      for (const total of Object.values(sums)) expect(total).toBeGreaterThan(SEEDS / 10);
    },
    TIMEOUT_MS,
  );
});

describe('the rules find an engine that', () => {
  it.each([...MISTAKES])('%s', async (_, { make, finds }) => {
    for (let seed = 1; seed <= MISTAKE_SEEDS; seed++) {
      const world = new LogWorld(`${seed}`, make);
      await world.run();
      if (world.violations.some((violation) => finds.test(violation))) return;
    }
    expect.fail(`${MISTAKE_SEEDS} seeds find nothing`);
  });
});
