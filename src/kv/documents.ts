/**
 * Documents in a linearizable store, changed by compare-and-set alone: what everything that stores is built on.
 *
 * The rules it keeps. A value is the canonical JSON of an object with a `ver` that grows with every change, so no value ever recurs and a late or
 * repeated compare-and-set fails. Nothing is written blindly and nothing deleted; a document is created only where there was none. After silence,
 * and after a refusal (the network may have repeated what was carried out), the document is read again: if the change finds its own mark there it was
 * done; if `ver` has moved on and the mark is missing, what was sent is dead; if nothing has changed the same is tried again from the same version,
 * where one can succeed at most. So an outcome never claims more than is known. It is the optimistic update of Percolator or DynamoDB, made safe
 * for lost answers by the rule that an effect and the mark of it stand in one document.
 */

import * as z from 'zod';
import type { NodeContext } from '../node/context.ts';
import { pauseUpTo } from '../node/pause.ts';
import { RpcError } from '../protocol/errors.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { describeIssue, isRecord } from '../protocol/message.ts';
import type { KvClient } from './kv-client.ts';

/** How long one update goes on trying, ms. With the last answer that it waits for it is less than the 5 s that clients wait for theirs. */
export const PATIENCE_MS = 3500;

/** Between two tries, ms: drawn up to this, and up to twice as much after each try. */
const PAUSE_MS = 10;
const PAUSE_MS_MAX = 320;

const Version = z.int().min(1);

/** A document as it was read, or as it is proven to have been stored. It may be out of date. */
export interface Stored<Content> {
  /** 0: there is no such document. */
  readonly ver: number;
  readonly content: Content | undefined;
  /** As it stands in the store; null: it does not. */
  readonly text: string | null;
}

/** What one knows of a document that nobody has created yet; also a good guess where that is likely. */
export const NOTHING_STORED: Stored<never> = { ver: 0, content: undefined, text: null };

/**
 * How an update ended. `ok`: the document holds what the change wanted. `definite`: nothing that this update sent is in it, or can ever get there
 * (what an earlier one left unknown stays unknown). `indefinite`: it may be, or come to be.
 */
export type UpdateResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> & { readonly content: Content } }
  | { readonly kind: 'definite'; readonly error: RpcError }
  | { readonly kind: 'indefinite'; readonly error: RpcError };

export type ReadResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> }
  | { readonly kind: 'definite'; readonly error: RpcError };

export type ReplaceResult<Content> =
  | { readonly kind: 'ok'; readonly stored: Stored<Content> & { readonly content: Content } }
  | { readonly kind: 'refused' | 'silent'; readonly error: RpcError };

/**
 * The next content, or undefined when there is nothing (more) to change: its own mark is there. It may be asked several times, each time about what
 * the document holds then. To refuse, it throws an `RpcError`. A document that does not exist must be created.
 *
 * A mark must stay for longer than an update lasts: one that others take away meanwhile looks as if it had never been there.
 */
export type Change<Content> = (content: Content | undefined) => Content | undefined;

export interface DocumentsOptions<Content> {
  /** Of a linearizable store: the others may show an old version after a new one, and then silence proves nothing. */
  readonly kv: KvClient;
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;
  /** What a document is called in errors: `lease`, `assignment`. */
  readonly name: string;
  /** What a document holds besides its `ver`. */
  readonly schema: z.ZodType<Content>;
  readonly patienceMs?: number;
}

export class Documents<Content extends object> {
  readonly #kv: KvClient;
  readonly #context: DocumentsOptions<Content>['context'];
  readonly #name: string;
  readonly #schema: z.ZodType<Content>;
  readonly #patienceMs: number;

  constructor({ kv, context, name, schema, patienceMs = PATIENCE_MS }: DocumentsOptions<Content>) {
    if (kv.store !== 'lin-kv') throw new Error(`documents need a linearizable store, and ${kv.store} is none`);
    this.#kv = kv;
    this.#context = context;
    this.#name = name;
    this.#schema = schema;
    this.#patienceMs = patienceMs;
  }

  /** Reads until there is an answer or patience ends. */
  async read(key: string): Promise<ReadResult<Content>> {
    const endMs = this.#nowMs() + this.#patienceMs;
    for (let attempt = 0; ; attempt++) {
      const result = await this.#kv.read(key);
      if (result.kind === 'ok') return this.#parse(key, result.value);
      if (this.#nowMs() >= endMs || !(await this.#pause(attempt)))
        return { kind: 'definite', error: unavailable(`${this.#name} ${key}: ${result.error.message}`) };
    }
  }

  /**
   * Changes a document until the outcome is known or patience ends.
   *
   * @param known what the document was when it was last seen, which saves the reading of it; it may be out of date
   */
  async update(key: string, change: Change<Content>, known?: Stored<Content>): Promise<UpdateResult<Content>> {
    const endMs = this.#nowMs() + this.#patienceMs;
    let stored = known;
    /** The newest version that is known of. */
    let newest = known?.ver ?? 0;
    /** The version from which something was sent that is not proven dead. */
    let doubtful: number | undefined;
    let trouble = '';
    const fail = (error: RpcError): UpdateResult<Content> =>
      doubtful === undefined ? { kind: 'definite', error } : { kind: 'indefinite', error: mayHaveHappened(error) };
    for (let attempt = 0; ; attempt++) {
      if (stored === undefined) {
        const read = await this.#kv.read(key);
        if (read.kind === 'ok') {
          const parsed = this.#parse(key, read.value);
          if (parsed.kind !== 'ok') return fail(parsed.error);
          stored = parsed.stored;
          if (stored.ver < newest) return fail(this.#wentBack(key, newest, stored.ver));
          newest = stored.ver;
        } else trouble = read.error.message;
      }
      if (stored !== undefined) {
        const next = tryChange(change, stored.content);
        // What is known is good for a try, which fails where it is out of date. A conclusion needs a reading.
        if (stored === known && (next === undefined || next instanceof RpcError)) {
          stored = undefined;
          continue;
        }
        if (next === undefined) return { kind: 'ok', stored: requireContent(stored) };
        if (doubtful !== undefined && stored.ver > doubtful) {
          doubtful = undefined;
          trouble = 'others were faster every time';
        }
        if (next instanceof RpcError) return fail(next);
        // With patience at its end nothing new is begun; the first try is always made.
        if (attempt > 0 && this.#nowMs() >= endMs) return fail(unavailable(`${this.#name} ${key}: ${trouble}`));
        const sent = await this.replace(key, stored, next);
        if (sent.kind === 'ok') return sent;
        doubtful = stored.ver;
        stored = undefined;
        trouble = sent.error.message;
        // A refusal is looked into at once: what is there now is what comes next. The pause is for those who lose again and again.
        if (attempt === 0 && sent.kind === 'refused') continue;
      }
      if (this.#nowMs() >= endMs || !(await this.#pause(attempt)))
        return fail(unavailable(`${this.#name} ${key}: ${trouble}`));
    }
  }

  /**
   * Sends one compare-and-set and no more, for a change that is good for one version only. `refused` and `silent` prove nothing: only a later
   * version without the mark of the change does.
   */
  async replace(key: string, from: Stored<Content>, content: Content): Promise<ReplaceResult<Content>> {
    const ver = from.ver + 1;
    const text = canonicalKey({ ...content, ver });
    const sent = await this.#kv.compareAndSet(key, from.text, text);
    if (sent.kind === 'ok') return { kind: 'ok', stored: { ver, content, text } };
    return { kind: sent.kind === 'definite' ? 'refused' : 'silent', error: sent.error };
  }

  #parse(key: string, value: unknown): ReadResult<Content> {
    if (value === undefined) return { kind: 'ok', stored: NOTHING_STORED };
    const fail = (problem: string): ReadResult<Content> => ({
      kind: 'definite',
      error: RpcError.of('abort', `${this.#kv.store} holds no ${this.#name} under ${key}: ${problem}`),
    });
    if (typeof value !== 'string') return fail('it is no text');
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      return fail('it is not JSON');
    }
    if (!isRecord(parsed)) return fail('it is no JSON object');
    const { ver, ...rest } = parsed;
    const version = Version.safeParse(ver);
    if (!version.success) return fail(describeIssue(version.error, 'ver').text);
    const content = this.#schema.safeParse(rest);
    if (!content.success) return fail(describeIssue(content.error, '').text);
    return { kind: 'ok', stored: { ver: version.data, content: content.data, text: value } };
  }

  #wentBack(key: string, from: number, to: number): RpcError {
    const text = `${this.#name} ${key} went back from version ${from} to ${to}: ${this.#kv.store} has lost what it acknowledged`;
    return RpcError.of('abort', text);
  }

  #pause(attempt: number): Promise<boolean> {
    const longestMs = Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MS_MAX);
    return pauseUpTo(this.#context, longestMs);
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }
}

/** The document under `key`; its error is thrown if it cannot be had. */
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
