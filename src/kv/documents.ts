/**
 * Documents in a linearizable store, changed only by compare-and-set. Everything that stores is built on them.
 *
 * The rules:
 *
 * - A value is the canonical JSON of an object with a `ver` that grows with every change. So no value ever recurs, and
 *   a late or repeated compare-and-set fails.
 * - Nothing is written blindly, and only retention removes. A document is created only where there was none.
 * - After a timeout or a refusal the document is read again. (A refusal may be the answer to the second copy of a
 *   request whose first copy was carried out.) If it shows the mark of the change, the change was done. If `ver` has
 *   moved on without the mark, the request that was sent is dead. If nothing has changed, the same request is sent
 *   again from the same version, where only one can succeed.
 *
 * So an outcome never claims more than is known. It is the optimistic update of Percolator or DynamoDB. It is safe for
 * lost replies, because an effect and its mark are in one document.
 */

import * as z from 'zod';
import type { NodeContext } from '../node/context.ts';
import { pauseUpTo } from '../node/pause.ts';
import { BoundedMap } from '../protocol/bounded-map.ts';
import { RpcError } from '../protocol/errors.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { describeIssue, isRecord } from '../protocol/message.ts';
import type { LinearizableStore, StoreEngine, StoreRead, Token, WriteAhead } from './store.ts';
import { storeTimings } from './timings.ts';

/** Longest pause before a retry, ms. The actual pause is random; the longest one doubles after each try. */
const PAUSE_MS = 10;
const PAUSE_MS_MAX = 320;

/** Of so many documents the latest text is remembered, with what it says, if it is no longer than this. */
const REMEMBERED_MAX = 256;
const REMEMBERED_LENGTH_MAX = 4096;

const Version = z.int().min(1);

/**
 * A document as it was read, or as it is proven to have been stored. It may be out of date. Others may have the same
 * content, so it is never changed in place.
 */
export interface Stored<Content> {
  /** 0: the document does not exist. */
  readonly ver: number;
  /** Undefined: the document does not exist. */
  readonly content: Content | undefined;
  /** The store's token for this version; null: the document does not exist. */
  readonly token: Token | null;
}

/** A document that was never created. Also a good guess for one that probably was not. */
export const NOTHING_STORED: Stored<never> = { ver: 0, content: undefined, token: null };

/**
 * How an update ended. `ok`: the document holds the change. `definite`: nothing that this update sent is in it or ever
 * can be (what an earlier update left unknown stays unknown). `indefinite`: the change may be in it, now or later.
 */
export type UpdateResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> & { readonly content: Content } }
  | { readonly kind: 'definite'; readonly error: RpcError }
  | { readonly kind: 'indefinite'; readonly error: RpcError };

/** How a reading ended. `definite`: the store gave no answer in time. */
export type ReadResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> }
  | { readonly kind: 'definite'; readonly error: RpcError };

export type ReplaceResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> & { readonly content: Content } }
  | { readonly kind: 'refused' | 'unavailable' | 'silent'; readonly error: RpcError };

/**
 * Returns the next content, or undefined if there is nothing (more) to change: its own mark is there. It may be called
 * several times, each time with the current content. To refuse, it throws an `RpcError`. It must create a document that
 * does not exist.
 *
 * A mark must stay for longer than an update lasts. If others remove it earlier, the update seems never to have
 * happened.
 */
export type Change<Content> = (content: Content | undefined) => Content | undefined;

/** What {@link Documents} are made of. */
export interface DocumentsOptions<Content> {
  /** The store: the port `kv` of a node. */
  readonly kv: LinearizableStore;
  /** The context of the node: its time and randomness. */
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;
  /** What errors call a document: `lease`, `assignment`. */
  readonly name: string;
  /** The content of a document, without its `ver`. */
  readonly schema: z.ZodType<Content>;
  /** How long one reading or update keeps trying, ms. Default: by the patience of the store. */
  readonly patienceMs?: number;
}

interface Remembered<Content> {
  readonly text: string;
  readonly says: Omit<Stored<Content>, 'token'>;
}

/**
 * Documents of one kind in a store, changed by compare-and-set alone.
 *
 * @example
 * ```ts
 * import { Documents, type NodeContext, type OwnPorts } from 'snowstorm';
 * import * as z from 'snowstorm/zod';
 *
 * const Names = z.object({ names: z.array(z.string()) });
 *
 * export async function register(context: NodeContext, { kv }: OwnPorts, name: string): Promise<void> {
 *   const documents = new Documents({ kv, context, name: 'register', schema: Names });
 *   const result = await documents.update('names', ({ names } = { names: [] }) =>
 *     names.includes(name) ? undefined : { names: [...names, name] },
 *   );
 *   if (result.kind !== 'ok') throw result.error;
 * }
 * ```
 */
export class Documents<Content extends object> {
  readonly #options: DocumentsOptions<Content>;
  /** By key. Most readings find what the one before found, and a text says the same every time. */
  readonly #remembered = new BoundedMap<string, Remembered<Content>>(REMEMBERED_MAX);

  constructor(options: DocumentsOptions<Content>) {
    this.#options = options;
  }

  /** Reads until there is an answer or the time is up. */
  async read(key: string): Promise<ReadResult<Content>> {
    const { kv, name } = this.#options;
    const patience = this.#patience();
    for (let attempt = 0; ; attempt++) {
      const read = await kv.read(key);
      if (read.kind !== 'failed') return this.#interpret(key, read);
      if (patience.isOver() || !(await patience.pause(attempt)))
        return { kind: 'definite', error: unavailable(`${name} ${key}: ${read.error.message}`) };
    }
  }

  /**
   * Changes a document until the outcome is known or the time is up.
   *
   * @param known the document as last seen, which saves reading it; it may be out of date
   */
  async update(key: string, change: Change<Content>, known?: Stored<Content>): Promise<UpdateResult<Content>> {
    const { kv, name } = this.#options;
    const patience = this.#patience();
    const update = new Update(`${name} ${key}`, kv.name, change, patience);
    let state = update.begin(known);
    for (;;) {
      switch (state.at) {
        case 'looking': {
          const read = await kv.read(key);
          state = read.kind === 'failed' ? update.notTold(read.error) : update.look(this.#interpret(key, read));
          break;
        }
        case 'sending':
          state = update.sent(state.from, await this.replace(key, state.from, state.content));
          break;
        case 'pausing':
          state = patience.isOver() || !(await patience.pause(state.attempt)) ? update.giveUp() : update.lookAgain();
          break;
        case 'ended':
          return state.result;
      }
    }
  }

  /**
   * Sends exactly one compare-and-set, for a change that fits one version only. `unavailable`: nothing was done, and
   * never will be. `refused` and `silent` prove nothing. Only a later version without the mark proves that it did not
   * happen.
   */
  async replace(key: string, from: Stored<Content>, content: Content): Promise<ReplaceResult<Content>> {
    const ver = from.ver + 1;
    const sent = await this.#options.kv.replace(key, from.token, documentText(content, ver));
    return sent.kind === 'ok' ? { kind: 'ok', stored: { ver, content, token: sent.token } } : sent;
  }

  #interpret(key: string, read: Exclude<StoreRead, { readonly kind: 'failed' }>): ReadResult<Content> {
    if (read.kind === 'found') return this.#parse(key, read.text, read.token);
    return read.kind === 'absent' ? { kind: 'ok', stored: NOTHING_STORED } : this.#reject(key, 'it is not a text');
  }

  #parse(key: string, text: string, token: Token): ReadResult<Content> {
    const remembered = this.#remembered.get(key);
    if (remembered?.text === text) return { kind: 'ok', stored: { ...remembered.says, token } };
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return this.#reject(key, 'it is not JSON');
    }
    if (!isRecord(parsed)) return this.#reject(key, 'it is not a JSON object');
    const { ver, ...rest } = parsed;
    const version = Version.safeParse(ver);
    if (!version.success) return this.#reject(key, describeIssue(version.error, 'ver').text);
    const content = this.#options.schema.safeParse(rest);
    if (!content.success) return this.#reject(key, describeIssue(content.error, '').text);
    const says = { ver: version.data, content: content.data };
    if (text.length <= REMEMBERED_LENGTH_MAX) this.#remembered.set(key, { text, says });
    return { kind: 'ok', stored: { ...says, token } };
  }

  #reject(key: string, problem: string): ReadResult<Content> {
    const { kv, name } = this.#options;
    return { kind: 'definite', error: RpcError.of('abort', `${kv.name} holds no ${name} under ${key}: ${problem}`) };
  }

  #patience(): Patience {
    const { kv, context, patienceMs = storeTimings(kv.patienceMs).updateMs } = this.#options;
    return new Patience(context, patienceMs);
  }
}

/** What the store holds. */
function documentText(content: object, ver: number): string {
  return canonicalKey({ ...content, ver });
}

/**
 * Begins a replacement that reaches the disk with the next write, in front of it. Undefined: it was not begun, see
 * `StoreEngine.writeAhead`.
 *
 * @param makeContent called at most once, when it goes to the disk
 */
export function replaceAhead<Content extends object>(
  store: Pick<StoreEngine, 'writeAhead'>,
  key: string,
  from: Stored<Content>,
  makeContent: () => Content,
): WriteAhead | undefined {
  return store.writeAhead?.(key, from.token, () => documentText(makeContent(), from.ver + 1));
}

/** How long to try, with growing pauses. */
class Patience {
  readonly #context: DocumentsOptions<unknown>['context'];
  readonly #endMs: number;

  constructor(context: DocumentsOptions<unknown>['context'], patienceMs: number) {
    this.#context = context;
    this.#endMs = context.clock.monotonicMs() + patienceMs;
  }

  isOver(): boolean {
    return this.#context.clock.monotonicMs() >= this.#endMs;
  }

  /** Resolves to false when the node stops. */
  pause(attempt: number): Promise<boolean> {
    return pauseUpTo(this.#context, Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MS_MAX));
  }
}

/** The state of an update, which decides what is done next. */
type UpdateState<Content> =
  /** It has to be read. */
  | { readonly at: 'looking' }
  /** A compare-and-set is sent. */
  | { readonly at: 'sending'; readonly from: Stored<Content>; readonly content: Content }
  /** It failed this time. It is read again later, unless the time is up. */
  | { readonly at: 'pausing'; readonly attempt: number }
  | { readonly at: 'ended'; readonly result: UpdateResult<Content> };

/**
 * The rules of one update, without the reading and sending. Each method takes an event and returns the next state.
 *
 *     begin ─┬─ looking ─┬─ sending ─┬─ ended
 *            └─ sending  ├─ pausing  ├─ looking
 *                        └─ ended    └─ pausing ── looking, ended
 */
class Update<Content> {
  /** The document, as errors call it. */
  readonly #what: string;
  readonly #storeName: string;
  readonly #change: Change<Content>;
  readonly #patience: Patience;
  #attempt = 0;
  /** The newest known version. */
  #newestVer = 0;
  /** The version from which a request was sent that is not proven dead. Infinite: there is none. */
  #doubtfulVer = Number.POSITIVE_INFINITY;
  /** The latest failure. */
  #trouble = '';

  constructor(what: string, storeName: string, change: Change<Content>, patience: Patience) {
    this.#what = what;
    this.#storeName = storeName;
    this.#change = change;
    this.#patience = patience;
  }

  /** A version seen earlier is good for a try, which fails if it is out of date. A conclusion needs a new reading. */
  begin(known: Stored<Content> | undefined): UpdateState<Content> {
    if (known === undefined) return { at: 'looking' };
    this.#newestVer = known.ver;
    const content = tryChange(this.#change, known.content);
    if (content === undefined || content instanceof RpcError) return this.lookAgain();
    return { at: 'sending', from: known, content };
  }

  lookAgain(): UpdateState<Content> {
    this.#attempt++;
    return { at: 'looking' };
  }

  notTold(error: RpcError): UpdateState<Content> {
    this.#trouble = error.message;
    return { at: 'pausing', attempt: this.#attempt };
  }

  look(read: ReadResult<Content>): UpdateState<Content> {
    if (read.kind !== 'ok') return this.#fail(read.error);
    const { stored } = read;
    if (stored.ver < this.#newestVer) return this.#fail(this.#wentBack(stored.ver));
    this.#newestVer = stored.ver;
    const content = tryChange(this.#change, stored.content);
    if (content === undefined) return { at: 'ended', result: { kind: 'ok', stored: requireContent(stored) } };
    if (stored.ver > this.#doubtfulVer) {
      this.#doubtfulVer = Number.POSITIVE_INFINITY;
      this.#trouble = 'others were faster every time';
    }
    if (content instanceof RpcError) return this.#fail(content);
    // When the time is up nothing new is begun. The first try is always made.
    if (this.#attempt > 0 && this.#patience.isOver()) return this.giveUp();
    return { at: 'sending', from: stored, content };
  }

  sent(from: Stored<Content>, result: ReplaceResult<Content>): UpdateState<Content> {
    if (result.kind === 'ok') return { at: 'ended', result };
    if (result.kind !== 'unavailable') this.#doubtfulVer = from.ver;
    this.#trouble = result.error.message;
    // A refusal is checked at once: the next state reads the document. Pauses are only for repeated losers.
    if (this.#attempt === 0 && result.kind === 'refused') return this.lookAgain();
    return { at: 'pausing', attempt: this.#attempt };
  }

  giveUp(): UpdateState<Content> {
    return this.#fail(unavailable(`${this.#what}: ${this.#trouble}`));
  }

  #fail(error: RpcError): UpdateState<Content> {
    const doubtful = this.#doubtfulVer < Number.POSITIVE_INFINITY;
    return {
      at: 'ended',
      result: doubtful ? { kind: 'indefinite', error: mayHaveHappened(error) } : { kind: 'definite', error },
    };
  }

  #wentBack(ver: number): RpcError {
    const versions = `version ${this.#newestVer} to ${ver}`;
    const text = `${this.#what} went back from ${versions}: ${this.#storeName} has lost what it acknowledged`;
    return RpcError.of('abort', text);
  }
}

/**
 * The document under `key`. Throws the error if it cannot be read.
 *
 * @param documents where to read
 * @param key the key of the document
 */
export async function readOrThrow<Content extends object>(
  documents: Documents<Content>,
  key: string,
): Promise<Stored<Content>> {
  const read = await documents.read(key);
  if (read.kind !== 'ok') throw read.error;
  return read.stored;
}

function tryChange<Content>(change: Change<Content>, content: Content | undefined): Content | undefined | RpcError {
  try {
    return change(content);
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

function requireContent<Content>(stored: Stored<Content>): Stored<Content> & { readonly content: Content } {
  if (stored.content === undefined) throw new Error('a change left a document uncreated');
  return stored as Stored<Content> & { readonly content: Content };
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}

function mayHaveHappened(error: RpcError): RpcError {
  return RpcError.of('crash', `it is not known whether it happened: ${error.message}`);
}
