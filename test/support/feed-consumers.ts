/** Consumers of the feed of assignments as real processes that are killed, and what has become of it all. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from '../../src/protocol/random.ts';
import { isRetryable, ServiceClient } from './service-client.ts';

export const SERVICE = 'payment';
const PROGRAM = fileURLToPath(new URL('../fixtures/feed-consumer.mjs', import.meta.url));
/** Requests in flight. */
const CLIENTS = 48;
/** One key in so many is asked for at two instances at once. */
const CONTENDED = 10;
const PAUSE_MS = 20;
/** What is read of a feed is asked for again so often, after such a pause, ms. */
const TRIES_MAX = 100;
const RETRY_MS = 100;
const UNAVAILABLE_STATUS = 503;

const running = new Set<ChildProcess>();

/** Ends what a failed test has left running. */
export function killConsumers(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** One consumer, with as many lives as the test gives it. */
export class Consumer {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  /** What its lives have written to stderr. */
  #errors = '';

  /** @param modes of its first life, as the program has them */
  constructor(urls: readonly string[], group: string, folder: string, modes = '') {
    this.#args = [PROGRAM, urls.join(','), SERVICE, group, folder];
    this.start(modes);
  }

  start(modes = ''): void {
    const child = spawn(process.execPath, [...this.#args, modes], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await once(this.#child as ChildProcess, 'exit');
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child as ChildProcess;
    const ended = child.exitCode ?? child.signalCode;
    if (ended !== null) throw new Error(`a consumer has ended by itself, with ${ended}: ${this.#errors}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** Assigns an id to each of so many keys. Returns the ids by key. */
export async function assignKeys(urls: readonly string[], count: number, random: SeededRandom) {
  const client = new ServiceClient();
  const ids = new Map<string, string>();
  const assign = async (key: string, first: number) => {
    for (let turn = first; ; turn++) {
      const answer = await client.rpc(urls[turn % urls.length] as string, {
        type: 'guid_assign',
        service: SERVICE,
        key,
      });
      if (answer.kind === 'ok') return answer.body.id as string;
      if (!isRetryable(answer)) throw new Error(`${key}: ${answer.text}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  let begun = 0;
  const work = async () => {
    while (begun < count) {
      const key = `k${begun++}`;
      const first = random.integer(urls.length);
      const asked = random.integer(CONTENDED) === 0 ? [first, first + 1] : [first];
      for (const id of await Promise.all(asked.map((turn) => assign(key, turn)))) {
        if ((ids.get(key) ?? id) !== id) throw new Error(`${key} has two ids`);
        ids.set(key, id);
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
  client.close();
  return ids;
}

/** The whole feed, `id key` each, as one instance tells it. */
export async function wholeFeed(url: string): Promise<string[]> {
  const lines: string[] = [];
  for (let after: string | undefined; ; ) {
    const { assignments, cursor } = await askFeed(url, { limit: '1000', ...(after !== undefined && { after }) });
    if (assignments.length === 0) return lines;
    lines.push(...assignments.map(({ id, key }) => `${id} ${key}`));
    after = cursor;
  }
}

/** Resolves when a group has come to the end. */
export async function caughtUp(url: string, group: string): Promise<void> {
  while ((await askFeed(url, { group, limit: '1' })).assignments.length > 0)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

interface FeedAnswer {
  readonly assignments: readonly { readonly id: string; readonly key: string }[];
  readonly cursor: string;
}

/** Asks until there is an answer. An instance that cannot answer for so many tries is not there. */
async function askFeed(url: string, fields: Readonly<Record<string, string>>): Promise<FeedAnswer> {
  const query = new URLSearchParams({ service: SERVICE, ...fields });
  for (let tries = 1; ; tries++) {
    const answer = await fetchFeed(`${url}/guid/assignments?${query}`);
    if (typeof answer !== 'string') return answer;
    if (tries === TRIES_MAX) throw new Error(answer);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** What went wrong, as a text, if it may go well later. */
async function fetchFeed(address: string): Promise<FeedAnswer | string> {
  const response = await fetch(address).catch((error: Error) => `${address}: ${error.message}`);
  if (typeof response === 'string') return response;
  // The connection may break before the end of the body.
  const text = await response.text().catch((error: Error) => error);
  if (typeof text !== 'string') return `${address}: ${text.message}`;
  if (response.ok) return JSON.parse(text) as FeedAnswer;
  if (response.status === UNAVAILABLE_STATUS) return text;
  throw new Error(text);
}

export interface Processed {
  /** The ids in the sink of a group. */
  readonly ids: ReadonlySet<string>;
  /** Deliveries of what was in the sink already. */
  readonly repeatedCount: number;
  /** Lives whose order was another than that of the feed. */
  readonly disordered: readonly string[];
}

/**
 * What the consumers of a group have done, by what they wrote.
 *
 * @param feed the order of it all
 * @param isAlone whether one consumer is the group: then it gets one after the other, and leaves none out
 */
export function processedBy(folder: string, group: string, feed: readonly string[], isAlone: boolean): Processed {
  const places = new Map(feed.map((line, place) => [line, place]));
  const ids = new Set(readdirSync(join(folder, group)));
  let givenCount = 0;
  const disordered = readdirSync(folder).filter((file) => {
    if (!file.startsWith(`${group}-`)) return false;
    // What follows the last line break was cut off by a kill.
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1);
    givenCount += lines.length;
    const order = lines.map((line) => places.get(line) ?? Number.NaN);
    return order.some((place, index) => {
      const previous = order[index - 1] ?? -1;
      if (index === 0) return Number.isNaN(place);
      return isAlone ? place !== previous + 1 : !(place > previous);
    });
  });
  return { ids, repeatedCount: givenCount - ids.size, disordered };
}
