import { describe, expect, it } from 'vitest';
import type { Folder } from '../../src/protocol/folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';

const TEXT = 'a text of some length\n';
const SEEDS = 200;

const AT_ONCE = { setTimer: (_: number, callback: () => void) => queueMicrotask(callback) };

/** A life whose timers a test fires by hand, in the order in which they were set. */
function handLife() {
  const steps: string[] = [];
  const timers: { delayMs: number; callback: () => void }[] = [];
  return {
    steps,
    timers,
    setTimer: (delayMs: number, callback: () => void) => timers.push({ delayMs, callback }),
    onStep: (step: string) => void steps.push(step),
    /** Fires one timer, then lets all promises settle. */
    next: async () => {
      timers.shift()?.callback();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function newDisk(seed: string | number = 'disk'): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

async function contentsOf(folder: Folder): Promise<Record<string, string | undefined>> {
  const names = (await folder.names()).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await folder.read(name)] as const)));
}

/** Everything that a power failure can leave of what `prepare` did, over many seeds, each outcome once. */
async function outcomes(kind: 'unsynced' | 'torn', prepare: (folder: Folder) => Promise<void>): Promise<string[]> {
  const found = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const disk = newDisk(seed);
    await prepare(disk.open(AT_ONCE));
    disk.damage(kind);
    found.add(JSON.stringify(await contentsOf(disk.open(AT_ONCE))));
  }
  return [...found].sort();
}

async function writeSynced(folder: Folder, name: string, text = TEXT): Promise<void> {
  await folder.write(name, text);
  await folder.sync(name);
  await folder.syncNames();
}

describe('an operation of a simulated disk', () => {
  it('takes time, takes effect at its end, and settles after that', async () => {
    const life = handLife();
    const disk = newDisk();
    let settled = false;
    const folder = disk.open(life);
    void folder.write('a', TEXT).then(() => {
      settled = true;
    });
    expect(life.steps).toEqual(['before write a']);
    expect(life.timers).toHaveLength(1);
    expect(await disk.open(AT_ONCE).names()).toEqual([]);
    expect(settled).toBe(false);
    await life.next();
    expect(life.steps).toEqual(['before write a', 'after write a']);
    expect(settled).toBe(true);
    expect(await disk.open(AT_ONCE).names()).toEqual(['a']);
  });

  it('has taken effect, and has not settled, when onStep reports that it is done', async () => {
    const disk = newDisk();
    const order: string[] = [];
    const onStep = (step: string) => {
      if (step !== 'after link b') return;
      order.push('told');
      disk.damage('lost');
    };
    const folder = disk.open({ ...AT_ONCE, onStep });
    await folder.write('a', TEXT);
    expect(await folder.link('a', 'b').finally(() => order.push('settled'))).toBe(true);
    expect(order).toEqual(['told', 'settled']);
    expect(await folder.names()).toEqual([]);
  });

  it('waits for those that were started before it', async () => {
    const life = handLife();
    const folder = newDisk().open(life);
    const reading = folder.write('a', TEXT).then(() => folder.names());
    void folder.sync('a');
    void folder.link('a', 'b');
    void folder.remove('a');
    void folder.syncNames();
    const text = folder.read('b');
    while (life.timers.length > 0) {
      expect(life.timers).toHaveLength(1);
      await life.next();
    }
    expect(await text).toBe(TEXT);
    expect(await reading).toEqual(['b']);
    const operations = ['write a', 'sync a', 'link b', 'remove a', 'syncNames', 'read b', 'names'];
    expect(life.steps).toEqual(operations.flatMap((operation) => [`before ${operation}`, `after ${operation}`]));
  });

  it('never happens and never settles when the life ends first, and does not hold up the next life', async () => {
    const disk = newDisk();
    let settled = false;
    const dead = disk.open({ setTimer: () => {} });
    for (const operation of [dead.write('a', TEXT), dead.write('b', TEXT)]) {
      void operation.finally(() => {
        settled = true;
      });
    }
    const folder = disk.open(AT_ONCE);
    await folder.write('c', TEXT);
    expect(await folder.names()).toEqual(['c']);
    expect(settled).toBe(false);
  });

  it('takes 0.2 to 2 ms, or as long as a test says', async () => {
    const delays = async (disk: SimulatedDisk) => {
      const drawn: number[] = [];
      const folder = disk.open({
        setTimer: (delayMs, callback) => {
          drawn.push(delayMs);
          callback();
        },
      });
      for (let count = 0; count < 100; count++) await folder.names();
      return drawn;
    };
    const drawn = await delays(newDisk());
    expect(new Set(drawn).size).toBeGreaterThan(90);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0.2);
    expect(Math.max(...drawn)).toBeLessThan(2);
    expect(await delays(newDisk())).toEqual(drawn);
    const fixed = new SimulatedDisk({ random: new SeededRandom('disk'), drawLatencyMs: () => 7 });
    expect(new Set(await delays(fixed))).toEqual(new Set([7]));
  });

  it('treats names that exist or do not exist as a file system does', async () => {
    const folder = newDisk().open(AT_ONCE);
    await folder.write('a', TEXT);
    await expect(folder.write('a', 'other')).rejects.toThrow('a: cannot create: it is there');
    await folder.write('b', 'other');
    expect(await folder.link('a', 'b')).toBe(false);
    expect(await folder.link('a', 'c')).toBe(true);
    await folder.remove('a');
    expect(await contentsOf(folder)).toEqual({ b: 'other', c: TEXT });
    expect(await folder.read('a')).toBeUndefined();
    await expect(folder.remove('a')).rejects.toThrow('a: cannot remove: it is not there');
    await expect(folder.sync('a')).rejects.toThrow('a: cannot sync: it is not there');
    await expect(folder.link('a', 'd')).rejects.toThrow('a: cannot link: it is not there');
  });
});

describe('a file of a simulated disk', () => {
  it('is described by its name alone, as there is no folder', () => {
    expect(newDisk().open(AT_ONCE).describe('n1.json')).toBe('n1.json');
  });
});

describe('a temporary name of a simulated disk', () => {
  it('is given only once, over all lives and even after the loss of the disk', () => {
    const disk = newDisk();
    const names = new Set<string>();
    for (let life = 0; life < 5; life++) {
      const folder = disk.open(AT_ONCE);
      names.add(folder.temporaryName('n1.')).add(folder.temporaryName('n1.'));
      disk.damage('lost');
    }
    expect(names.size).toBe(10);
    expect([...names].every((name) => /^n1\..+\.tmp$/.test(name))).toBe(true);
  });

  it('is abandoned when its life is over', async () => {
    const disk = newDisk();
    const first = disk.open(AT_ONCE);
    const left = first.temporaryName('n1.');
    for (const name of [left, first.temporaryName('n1.2.'), first.temporaryName('n2.'), 'n1.tmp', 'n1.1.json']) {
      await first.write(name, TEXT);
    }
    expect(await first.abandonedTemporaries('n1.')).toEqual([]);
    const second = disk.open(AT_ONCE);
    await second.write(second.temporaryName('n1.'), TEXT);
    expect(await second.abandonedTemporaries('n1.')).toEqual([left]);
  });
});

describe('the end of a node alone', () => {
  it('loses no effect, synced or not', async () => {
    const disk = newDisk();
    const folder = disk.open(AT_ONCE);
    await writeSynced(folder, 'a');
    await folder.write('b', TEXT);
    await folder.remove('a');
    expect(await contentsOf(disk.open(AT_ONCE))).toEqual({ b: TEXT });
  });
});

describe.each(['unsynced', 'torn'] as const)('a power failure (%s)', (kind) => {
  it('loses nothing that was synced', async () => {
    const left = await outcomes(kind, async (folder) => {
      await folder.write('a', TEXT);
      await folder.sync('a');
      await folder.link('a', 'b');
      await folder.write('c', 'other');
      await folder.sync('c');
      await folder.remove('a');
      await folder.syncNames();
    });
    expect(left).toEqual([JSON.stringify({ b: TEXT, c: 'other' })]);
  });

  it('decides each name separately, added or removed, and no text that was synced', async () => {
    const left = await outcomes(kind, async (folder) => {
      await writeSynced(folder, 'a');
      await folder.link('a', 'b');
      await folder.link('a', 'c');
      await folder.remove('a');
    });
    const names = [{ a: TEXT }, {}].flatMap((a) => [{ ...a, b: TEXT }, a]).flatMap((ab) => [{ ...ab, c: TEXT }, ab]);
    expect(left).toEqual(names.map((each) => JSON.stringify(each)).sort());
  });

  it('keeps about half of the changes of names that were not synced', async () => {
    const disk = newDisk();
    const folder = disk.open(AT_ONCE);
    for (let nth = 0; nth < 1000; nth++) await folder.write(`file ${nth}`, TEXT);
    disk.damage(kind);
    const { length } = await folder.names();
    expect(length).toBeGreaterThan(450);
    expect(length).toBeLessThan(550);
  });

  it('can bring back a file created and removed since the names were synced', async () => {
    const left = await outcomes(kind, async (folder) => {
      await folder.write('a', TEXT);
      await folder.sync('a');
      await folder.remove('a');
    });
    expect(left).toEqual([JSON.stringify({ a: TEXT }), '{}']);
  });

  it('leaves a name that was removed and given again with the old file, the new one or none', async () => {
    const left = await outcomes(kind, async (folder) => {
      await writeSynced(folder, 'a', 'old');
      await folder.remove('a');
      await folder.write('a', 'new');
      await folder.sync('a');
    });
    expect(left).toEqual([JSON.stringify({ a: 'new' }), JSON.stringify({ a: 'old' }), '{}']);
  });

  it('does to one file the same under all its names', async () => {
    const left = await outcomes(kind, async (folder) => {
      await folder.write('a', TEXT);
      await folder.link('a', 'b');
      await folder.syncNames();
    });
    expect(left.length).toBeGreaterThan(1);
    for (const each of left) {
      const { a, b } = JSON.parse(each);
      expect(b).toBe(a);
    }
  });

  it('is over once it has happened: a second one changes nothing', async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const disk = newDisk(seed);
      const folder = disk.open(AT_ONCE);
      await writeSynced(folder, 'a');
      await folder.remove('a');
      await folder.write('b', TEXT);
      disk.damage(kind);
      const left = await contentsOf(disk.open(AT_ONCE));
      disk.damage(kind);
      expect(await contentsOf(disk.open(AT_ONCE))).toEqual(left);
    }
  });

  it('draws the same from the same seed, however many operations there were before', async () => {
    const left = async (operations: number) => {
      const disk = newDisk('replay');
      const folder = disk.open(AT_ONCE);
      for (let count = 0; count < operations; count++) await folder.names();
      for (const name of 'abcdefghijklmnopqrstuvwxyz') await folder.write(name, name + TEXT);
      disk.damage(kind);
      return contentsOf(disk.open(AT_ONCE));
    };
    expect(await left(0)).toEqual(await left(9));
  });
});

describe('a text that was not synced', () => {
  const writeUnsynced = async (folder: Folder) => {
    await folder.write('a', TEXT);
    await folder.syncNames();
  };
  const textsOf = (left: readonly string[]) => left.map((each) => JSON.parse(each).a as string);

  it('is whole or empty after a power failure', async () => {
    expect(textsOf(await outcomes('unsynced', writeUnsynced)).sort()).toEqual(['', TEXT]);
  });

  it('may also be cut anywhere or end in zeros when it is torn', async () => {
    const texts = textsOf(await outcomes('torn', writeUnsynced));
    for (const text of texts) expect(TEXT.startsWith(text.replace(/\0+$/, ''))).toBe(true);
    const cut = texts.filter((text) => text !== '' && text !== TEXT && !text.includes('\0'));
    const zeros = texts.filter((text) => text.includes('\0'));
    expect(texts).toEqual(expect.arrayContaining(['', TEXT]));
    expect(cut.length).toBeGreaterThan(TEXT.length / 2);
    expect(zeros.length).toBeGreaterThan(TEXT.length / 2);
    expect(zeros.every((text) => text.length === TEXT.length)).toBe(true);
  });

  it('may be cut or end in zeros at every length when it is torn', async () => {
    const texts = textsOf(
      await outcomes('torn', async (folder) => {
        await folder.write('a', 'abc');
        await folder.syncNames();
      }),
    );
    expect(texts.sort()).toEqual(['', '\0\0\0', 'a', 'a\0\0', 'ab', 'ab\0', 'abc']);
  });

  it('is safe by its own sync, independent of other files', async () => {
    const left = await outcomes('torn', async (folder) => {
      await folder.write('a', TEXT);
      await folder.write('b', TEXT);
      await folder.sync('a');
      await folder.syncNames();
    });
    expect(new Set(textsOf(left))).toEqual(new Set([TEXT]));
    expect(left.length).toBeGreaterThan(2);
  });
});

describe('a file that is appended to', () => {
  const SYNCED = 'on the disk\n';
  const appendUnsynced = async (folder: Folder) => {
    await folder.append('a', SYNCED);
    await folder.sync('a');
    await folder.syncNames();
    await folder.append('a', TEXT);
  };
  const textsOf = (left: readonly string[]) => left.map((each) => JSON.parse(each).a as string);

  it('grows, and is read in parts', async () => {
    const folder = newDisk().open(AT_ONCE);
    await folder.append('a', 'one ');
    await folder.append('a', 'two');
    await folder.close('a');
    expect(await folder.read('a')).toBe('one two');
    expect(await folder.readPart('a', 2, 3)).toBe('e t');
    expect(await folder.readPart('a', 5, 9)).toBe('wo');
    expect(await folder.readPart('a', 9, 9)).toBe('');
    await expect(folder.readPart('b', 0, 1)).rejects.toThrow('b: cannot read: it is not there');
  });

  it('keeps what was synced and all or nothing of the rest after a power failure', async () => {
    expect(textsOf(await outcomes('unsynced', appendUnsynced)).sort()).toEqual([SYNCED, SYNCED + TEXT]);
  });

  it('keeps what was synced and may have zeros or other text anywhere in the rest when it is torn', async () => {
    const texts = textsOf(await outcomes('torn', appendUnsynced));
    for (const text of texts) expect(text.startsWith(SYNCED)).toBe(true);
    const rests = texts.map((text) => text.slice(SYNCED.length));
    expect(rests).toEqual(expect.arrayContaining(['', TEXT]));
    const inTheMiddle = rests.filter((rest) => rest.length === TEXT.length && rest !== TEXT && rest.endsWith('\n'));
    expect(inTheMiddle.some((rest) => rest.includes('\0'))).toBe(true);
    expect(inTheMiddle.some((rest) => !rest.includes('\0'))).toBe(true);
    expect(rests.some((rest) => rest !== '' && rest !== TEXT && TEXT.startsWith(rest))).toBe(true);
  });

  it('has any part of an append whose life ended meanwhile, and the next life can go on', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const disk = newDisk(seed);
      await disk.open({ ...AT_ONCE }).append('a', SYNCED);
      void disk.open({ setTimer: () => {} }).append('a', TEXT);
      const folder = disk.open({ ...AT_ONCE });
      const text = (await folder.read('a')) as string;
      expect((SYNCED + TEXT).startsWith(text)).toBe(true);
      lengths.add(text.length - SYNCED.length);
      await folder.append('a', 'more');
      expect(await folder.read('a')).toBe(`${text}more`);
    }
    expect(lengths).toContain(0);
    expect(lengths).toContain(TEXT.length);
    expect(lengths.size).toBeGreaterThan(TEXT.length / 2);
  });
});

describe('a lock', () => {
  it('is held until it is released or the life ends', async () => {
    const disk = newDisk();
    const life = { ...AT_ONCE };
    const lock = await disk.open(life).lock('lock');
    await lock.confirm();
    await expect(disk.open(life).lock('lock')).rejects.toThrow('lock: is held by this life of the node already');
    await disk.open(life).lock('another');
    await lock.release();
    await disk.open(life).lock('lock');
    await disk.open({ ...AT_ONCE }).lock('lock');
  });
});

describe('the loss of a disk', () => {
  it('leaves an empty one, on which the next life can go on', async () => {
    const disk = newDisk();
    await writeSynced(disk.open(AT_ONCE), 'a');
    await disk.open(AT_ONCE).write('b', TEXT);
    disk.damage('lost');
    disk.damage('unsynced');
    const folder = disk.open(AT_ONCE);
    expect(await folder.names()).toEqual([]);
    await writeSynced(folder, 'a', 'anew');
    disk.damage('torn');
    expect(await contentsOf(disk.open(AT_ONCE))).toEqual({ a: 'anew' });
  });
});
