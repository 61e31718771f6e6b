/** What a node answers about logs. `key-log.ts` appends and reads, and `owners.ts` says which node appends. */

import type { LinearizableStore } from '../../kv/store.ts';
import { type Handler, handler, type NodeContext, type RequestOrigin } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import { RpcError } from '../../protocol/errors.ts';
import { parseExact, stringifyExact } from '../../protocol/exact-json.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import { requireNode, requireValue } from '../node-requests.ts';
import type { ServedWorkload } from '../served-workload.ts';
import { type CommitRules, CommittedOffsets, type Merge, mergeOffsets } from './committed.ts';
import { type AppendOutcome, KeyLog, LOG_RULES, type LogRules } from './key-log.ts';
import { KAFKA_LIMITS, type KafkaLimits, REPLY_LENGTH_MAX } from './limits.ts';
import { AppendEntries, CommitOffsets, ListCommittedOffsets, Poll, Send } from './messages.ts';
import { Owners } from './owners.ts';
import { type Entry, lengthOf, Segments } from './segments.ts';

/** Keys of one poll that are looked at side by side. */
const KEYS_AT_ONCE = 256;

/** Rules that a mutant may replace. */
export interface KafkaParts {
  readonly limits: KafkaLimits;
  readonly log: LogRules;
  readonly merge: Merge;
  readonly commits?: CommitRules;
}

export const KAFKA_PARTS: KafkaParts = { limits: KAFKA_LIMITS, log: LOG_RULES, merge: mergeOffsets };

export function kafkaHandlers(context: NodeContext, kv: LinearizableStore, parts: KafkaParts): readonly Handler[] {
  const service = new LogService(context, kv, parts);
  return [
    handler(Send, (request, origin) => service.send(request, origin)),
    handler(Poll, (request) => service.poll(request)),
    handler(CommitOffsets, (request) => service.commit(request)),
    handler(ListCommittedOffsets, (request) => service.listCommitted(request)),
    handler(AppendEntries, (request, { src }) => {
      requireNode(context, src);
      return service.append(request);
    }),
  ];
}

class LogService {
  readonly #context: NodeContext;
  readonly #parts: KafkaParts;
  readonly #segments: Segments;
  readonly #owners: Owners;
  readonly #committed: CommittedOffsets;
  readonly #copies: ReplyCache<ReplyOf<typeof Send>>;
  /** The longest unused first. */
  readonly #logs = new Map<string, KeyLog>();
  /** No other life of a node has it. */
  readonly #life: string;
  #sendCount = 0;

  constructor(context: NodeContext, kv: LinearizableStore, parts: KafkaParts) {
    this.#context = context;
    this.#parts = parts;
    this.#segments = new Segments(context, kv, parts.limits);
    this.#owners = new Owners(context, parts.limits);
    this.#committed = new CommittedOffsets(context, kv, parts.merge, parts.limits.committed, parts.commits);
    this.#copies = new ReplyCache(context.clock);
    const draw = () => context.randomUint32().toString(36);
    this.#life = `${context.nodeId}.${draw()}${draw()}`;
  }

  send({ key, msg }: RequestOf<typeof Send>, origin: RequestOrigin): Promise<ReplyOf<typeof Send>> {
    requireValue(msg, 'body.msg');
    const text = stringifyExact(msg ?? null);
    return this.#copies.share(origin, `${key} ${text}`, () => this.#send(key, text));
  }

  async #send(key: string, text: string): Promise<ReplyOf<typeof Send>> {
    const entry: Entry = [`${this.#life}.${(this.#sendCount++).toString(36)}`, text];
    const log = this.#logOf(key);
    const owner = this.#owners.find(key);
    if (owner === undefined) return { offset: offsetOf(await this.#appendOne(log, entry, Number.POSITIVE_INFINITY)) };
    await log.find();
    // Nothing was sent yet, so the message is not in the log below its end.
    const since = log.end;
    const { offset, told, askedMs } = await this.#owners.send(owner, key, { entry, since });
    if (told !== undefined && offset !== undefined) log.learn(told.from, told.entries, askedMs);
    if (offset !== undefined) {
      log.noteOffset(offset);
      return { offset };
    }
    const outcome = await this.#appendOne(log, entry, since);
    // The owner may append it yet.
    if (outcome.kind !== 'ok') throw RpcError.of('crash', `it may have been appended: ${outcome.error.message}`);
    return { offset: outcome.offset };
  }

  async poll({ offsets }: RequestOf<typeof Poll>): Promise<ReplyOf<typeof Poll>> {
    const asked = Object.entries(offsets);
    const msgs: (readonly [key: string, pairs: [number, unknown][]])[] = [];
    let length = 0;
    let trouble: RpcError | undefined;
    for (let start = 0; start < asked.length && length < REPLY_LENGTH_MAX; start += KEYS_AT_ONCE) {
      const found = await Promise.all(
        asked.slice(start, start + KEYS_AT_ONCE).map(([key, offset]) => this.#read(key, startOf(offset))),
      );
      for (const one of found) {
        if (one instanceof RpcError) trouble = one;
        else if (one.entries.length > 0 && length < REPLY_LENGTH_MAX) {
          msgs.push([one.key, one.entries.map(([, text], position) => [one.offset + position, parseExact(text)])]);
          length += lengthOf(one.entries);
        }
      }
    }
    // A poll changes nothing, so it can always be refused.
    if (msgs.length === 0 && trouble !== undefined) throw RpcError.of('temporarily-unavailable', trouble.message);
    return { msgs: Object.fromEntries(msgs) };
  }

  async commit({ offsets }: RequestOf<typeof CommitOffsets>): Promise<ReplyOf<typeof CommitOffsets>> {
    const committed = Object.entries(offsets);
    const wrong = committed.find(([, offset]) => !Number.isSafeInteger(offset) || offset < 0);
    if (wrong !== undefined) throw RpcError.of('malformed-request', `body.offsets.${wrong[0]}: expected an offset`);
    await this.#committed.commit(new Map(committed));
    return {};
  }

  async listCommitted({ keys }: RequestOf<typeof ListCommittedOffsets>): Promise<ReplyOf<typeof ListCommittedOffsets>> {
    return { offsets: Object.fromEntries(await this.#committed.list(keys)) };
  }

  async append({ logs }: RequestOf<typeof AppendEntries>): Promise<ReplyOf<typeof AppendEntries>> {
    const { returned } = this.#parts.limits;
    return {
      results: await Promise.all(
        logs.map(async ({ key, since, entries }) => {
          const log = this.#logOf(key);
          const outcomes = await log.append(entries.map((entry) => ({ entry, since })));
          const offsets = outcomes.flatMap((outcome) => (outcome.kind === 'ok' ? [outcome.offset] : []));
          const { from, entries: recent } = log.recent(since, returned);
          return {
            offsets: offsets.length === outcomes.length ? offsets : null,
            from,
            entries: recent.map(([id, text]): [string, string] => [id, text]),
          };
        }),
      ),
    };
  }

  async #appendOne(log: KeyLog, entry: Entry, since: number): Promise<AppendOutcome> {
    const [outcome] = await log.append([{ entry, since }]);
    return outcome as AppendOutcome;
  }

  async #read(key: string, offset: number) {
    try {
      return { key, offset, entries: await this.#logOf(key).read(offset, this.#parts.limits.page) };
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
  }

  #logOf(key: string): KeyLog {
    const log = this.#logs.get(key) ?? this.#openLog(key);
    const { limits } = this.#parts;
    this.#logs.delete(key);
    this.#logs.set(key, log);
    if (this.#logs.size > limits.logs) {
      for (const [oldest, { isIdle }] of this.#logs) {
        if (!isIdle || oldest === key) continue;
        this.#logs.delete(oldest);
        break;
      }
    }
    return log;
  }

  #openLog(key: string): KeyLog {
    const { limits, log: rules } = this.#parts;
    const isOwned = this.#owners.isOwn(key);
    return new KeyLog({ key, isOwned, segments: this.#segments, context: this.#context, limits, rules });
  }
}

function offsetOf(outcome: AppendOutcome): number {
  if (outcome.kind === 'ok') return outcome.offset;
  throw outcome.error;
}

/** Where a poll begins. Nothing is below 0, and nothing is beyond the numbers that a double can tell apart. */
function startOf(offset: unknown): number {
  return typeof offset === 'number' && offset <= Number.MAX_SAFE_INTEGER
    ? Math.max(0, offset)
    : Number.MAX_SAFE_INTEGER;
}

export const kafkaNode: ServedWorkload = {
  name: 'kafka',
  rpcs: [Send, Poll, CommitOffsets, ListCommittedOffsets, AppendEntries],
  start: async (context, { kv, limits }) =>
    kafkaHandlers(context, kv, { ...KAFKA_PARTS, limits: { ...KAFKA_LIMITS, ...limits } }),
  whenAsked: true,
};
