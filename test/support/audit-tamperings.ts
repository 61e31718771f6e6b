/**
 * Ways to tamper with an audit in a store. They are for an audit of three chains or more: the first has three pages or
 * more and an end, the second was killed, and the newest has several entries.
 */

import type { Tampering } from '../../src/audit/chain-check.ts';
import { headKey, LATEST_KEY, type Page, pageKey, parseAuditKey } from '../../src/audit/records.ts';
import type { StoreEngine, Token } from '../../src/kv/store.ts';

/** A store, as an attacker uses it. */
export class TamperedStore {
  readonly #engine: StoreEngine;
  readonly chains: readonly string[];

  private constructor(engine: StoreEngine, chains: readonly string[]) {
    this.#engine = engine;
    this.chains = chains;
  }

  static async open(engine: StoreEngine): Promise<TamperedStore> {
    const chains = (await keysOf(engine)).flatMap((key) => parseAuditKey(key)?.chain ?? []);
    return new TamperedStore(engine, [...new Set(chains)]);
  }

  // biome-ignore lint/suspicious/noExplicitAny: an attacker knows no types
  async read(key: string): Promise<any> {
    const read = await this.#engine.read(key);
    return read.kind === 'found' ? JSON.parse(read.text) : undefined;
  }

  async text(key: string, text: string): Promise<void> {
    const read = await this.#engine.read(key);
    const written = await this.#engine.replace(key, read.kind === 'found' ? read.token : null, text);
    if (written.kind !== 'ok') throw new Error(written.error.message);
  }

  async write(key: string, record: object): Promise<void> {
    await this.text(key, JSON.stringify(record));
  }

  async remove(key: string): Promise<void> {
    const read = await this.#engine.read(key);
    const removed = await this.#engine.remove(key, (read as { token: Token }).token);
    if (removed.kind !== 'ok') throw new Error(removed.error.message);
  }

  async removeChain(chain: string): Promise<void> {
    for (const key of await keysOf(this.#engine)) if (parseAuditKey(key)?.chain === chain) await this.remove(key);
  }

  async pagesOf(chain: string): Promise<string[]> {
    return (await keysOf(this.#engine)).filter((key) => {
      const parsed = parseAuditKey(key);
      return parsed?.chain === chain && parsed.page !== undefined;
    });
  }

  /** Changes the lines of a page. */
  async lines(key: string, change: (lines: string[]) => readonly string[]): Promise<void> {
    const page = await this.read(key);
    await this.write(key, { ...page, lines: change([...page.lines]) });
  }
}

async function keysOf(engine: StoreEngine): Promise<readonly string[]> {
  const list = await engine.list('audit/', undefined, 1000);
  if (list.kind === 'failed') throw list.error;
  return list.keys;
}

export interface TamperingCase {
  readonly name: string;
  /** One of these is found. */
  readonly found: readonly Tampering[];
  /** Only against the anchors that were noted before. */
  readonly needsAnchors?: true;
  readonly tamper: (store: TamperedStore) => Promise<void>;
}

const swap = (lines: string[], a: number, b: number) => {
  [lines[a], lines[b]] = [lines[b] as string, lines[a] as string];
  return lines;
};
const first = ({ chains }: TamperedStore) => chains[0] as string;
const newest = ({ chains }: TamperedStore) => chains.at(-1) as string;
const edit =
  (page: number, change: (lines: string[]) => readonly string[]) =>
  (store: TamperedStore): Promise<void> =>
    store.lines(pageKey(first(store), page), change);
const replaced = (line: number, from: string | RegExp, to: string) => (lines: string[]) => {
  const before = lines[line] as string;
  lines[line] = before.replace(from, to);
  if (lines[line] === before) throw new Error(`nothing of ${before} was replaced`);
  return lines;
};
const without = (line: number) => (lines: string[]) => lines.filter((_, index) => index !== line);
/** A line that begins a change, with the hash that it had. */
const copyOf = (line: string) => line.replace(/"n":\d+/, '"n":7');

export const TAMPERINGS: readonly TamperingCase[] = [
  { name: 'another amount', found: ['changed'], tamper: edit(1, replaced(20, /"amount":\d+|"n":/, '"n": ')) },
  { name: 'another subject', found: ['changed'], tamper: edit(0, replaced(1, /"who":"[^"]+"/, '"who":"sub:other"')) },
  { name: 'another outcome', found: ['changed'], tamper: edit(0, replaced(2, /"outcome":"\w+"/, '"outcome":"other"')) },
  { name: 'another time', found: ['changed'], tamper: edit(0, replaced(5, /"at":1/, '"at":2')) },
  { name: 'another hash', found: ['changed'], tamper: edit(0, replaced(5, /^./, '*')) },
  {
    name: 'the hash of another entry',
    found: ['changed'],
    tamper: edit(0, (lines) => {
      const [hash = ''] = (lines[9] as string).split(' ');
      return replaced(5, /^[\w-]{43}/, hash)(lines);
    }),
  },
  { name: 'a line that is no entry', found: ['changed'], tamper: edit(0, replaced(5, /.*/, 'no entry')) },
  { name: 'an entry removed', found: ['removed'], tamper: edit(0, without(5)) },
  { name: 'the first entry removed', found: ['removed'], tamper: edit(0, without(0)) },
  { name: 'the last entry of a page removed', found: ['removed'], tamper: edit(0, (lines) => lines.slice(0, -1)) },
  { name: 'several entries removed', found: ['removed'], tamper: edit(1, (lines) => lines.slice(4)) },
  { name: 'a page emptied', found: ['removed'], tamper: edit(1, () => []) },
  { name: 'two entries swapped', found: ['reordered'], tamper: edit(0, (lines) => swap(lines, 5, 6)) },
  { name: 'entries reversed', found: ['reordered'], tamper: edit(0, (lines) => lines.reverse()) },
  {
    name: 'an entry moved to a later page',
    found: ['reordered'],
    tamper: async (store) => {
      const [from = '', , to = ''] = await store.pagesOf(first(store));
      const moved = (await store.read(from)).lines[5];
      await store.lines(from, without(5));
      await store.lines(to, (lines) => [...lines, moved]);
    },
  },
  {
    name: 'two pages swapped',
    found: ['reordered'],
    tamper: async (store) => {
      const [a = '', b = ''] = await store.pagesOf(first(store));
      const [one, two] = [await store.read(a), await store.read(b)];
      await store.write(a, two);
      await store.write(b, one);
    },
  },
  { name: 'an entry twice', found: ['inserted'], tamper: edit(0, (lines) => [...lines, lines[5] as string]) },
  {
    name: 'an invented entry',
    found: ['inserted', 'changed'],
    tamper: edit(0, (lines) => [...lines.slice(0, 6), copyOf(lines[1] as string), ...lines.slice(6)]),
  },
  {
    name: 'an entry of another chain in place of one',
    found: ['changed'],
    tamper: async (store) => {
      const other = (await store.read(pageKey(newest(store), 0))).lines[1];
      await store.lines(pageKey(first(store), 0), (lines) => [lines[0] as string, other, ...lines.slice(2)]);
    },
  },
  {
    name: 'a page copied behind the last one',
    found: ['inserted'],
    tamper: async (store) => {
      const pages = await store.pagesOf(first(store));
      await store.write(pageKey(first(store), pages.length), await store.read(pages[0] as string));
    },
  },
  {
    name: 'a page removed',
    found: ['removed'],
    tamper: async (store) => store.remove(pageKey(first(store), 1)),
  },
  {
    name: 'the first page removed',
    found: ['removed'],
    tamper: async (store) => store.remove(pageKey(first(store), 0)),
  },
  {
    name: 'the last page removed',
    found: ['cut off'],
    tamper: async (store) => store.remove((await store.pagesOf(first(store))).at(-1) as string),
  },
  {
    name: 'the last entry of a chain removed',
    found: ['cut off'],
    tamper: async (store) => {
      const last = (await store.pagesOf(first(store))).at(-1) as string;
      await store.lines(last, (lines) => lines.slice(0, -1));
    },
  },
  {
    name: 'the end of a killed chain removed, before what its head and the next chain have seen',
    found: ['cut off'],
    tamper: async (store) => {
      const chain = store.chains[1] as string;
      await store.lines((await store.pagesOf(chain)).at(-1) as string, (lines) => lines.slice(0, -1));
    },
  },
  {
    name: 'a page that is no document',
    found: ['changed'],
    tamper: async (store) => store.text(pageKey(first(store), 1), 'no document'),
  },
  { name: 'a head removed', found: ['removed'], tamper: async (store) => store.remove(headKey(first(store))) },
  {
    name: 'a head that is no document',
    found: ['forged'],
    tamper: async (store) => store.text(headKey(first(store)), '{}'),
  },
  {
    name: 'a head that says that a page has expired',
    found: ['forged'],
    tamper: async (store) => {
      const chain = first(store);
      const page: Page = await store.read(pageKey(chain, 0));
      const [hash = ''] = (page.lines.at(-1) as string).split(' ');
      const head = await store.read(headKey(chain));
      await store.write(headKey(chain), { ...head, start: { page: 1, n: page.lines.length, hash } });
      await store.remove(pageKey(chain, 0));
    },
  },
  {
    name: 'a tail cut off, and the head set back without the key',
    found: ['forged'],
    tamper: async (store) => {
      const chain = first(store);
      const head = await store.read(headKey(chain));
      const lastPage = (await store.pagesOf(chain)).at(-1) as string;
      await store.remove(lastPage);
      const lines = (await store.read((await store.pagesOf(chain)).at(-1) as string)).lines as string[];
      const line = lines.at(-1) as string;
      const reached = { ...head.reached, n: Number(/"n":(\d+)/.exec(line)?.[1]), hash: line.split(' ')[0] };
      await store.write(headKey(chain), { ...head, reached });
    },
  },
  {
    name: 'a whole chain removed',
    found: ['removed'],
    tamper: async (store) => store.removeChain(store.chains[1] as string),
  },
  {
    name: 'the newest chain removed',
    found: ['removed'],
    tamper: async (store) => store.removeChain(newest(store)),
  },
  {
    name: 'the name of the newest chain removed',
    found: ['removed'],
    tamper: async (store) => store.remove(LATEST_KEY),
  },
  {
    name: 'another newest chain named',
    found: ['forged'],
    tamper: async (store) => store.write(LATEST_KEY, { ...(await store.read(LATEST_KEY)), chain: first(store) }),
  },
  {
    name: 'a chain copied under another name',
    found: ['changed'],
    tamper: async (store) => {
      const copy = newest(store).replace(/.{4}$/, 'ffff');
      for (const page of await store.pagesOf(newest(store)))
        await store.write(page.replace(newest(store), copy), await store.read(page));
      await store.write(headKey(copy), await store.read(headKey(newest(store))));
    },
  },
  {
    name: 'a key that no instance writes',
    found: ['inserted'],
    tamper: async (store) => store.write('audit/other', {}),
  },
  {
    name: 'everything but the first chain removed, and its name signed as the newest, as it once was',
    found: ['removed'],
    needsAnchors: true,
    tamper: async (store) => {
      for (const chain of store.chains.slice(1)) await store.removeChain(chain);
      await store.remove(LATEST_KEY);
      await store.write(LATEST_KEY, await store.read('earlier-latest'));
    },
  },
  {
    name: 'the newest chain set back to an earlier state, with the head that was signed then',
    found: ['cut off'],
    needsAnchors: true,
    tamper: async (store) => {
      await store.write(headKey(newest(store)), await store.read('earlier-head'));
      await store.write(pageKey(newest(store), 0), await store.read('earlier-page'));
    },
  },
  {
    name: 'the whole audit removed',
    found: ['removed'],
    needsAnchors: true,
    tamper: async (store) => {
      for (const chain of store.chains) await store.removeChain(chain);
      await store.remove(LATEST_KEY);
    },
  },
];
