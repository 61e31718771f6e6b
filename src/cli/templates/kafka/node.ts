#!/usr/bin/env node
/** Logs in lin-kv: the message at an offset is under a key of its own, and a log ends where there is none. */

import { Documents, defineNode, defineRpc, handler, KvClient, readOrThrow, runOnStdio } from 'snowstorm';
import * as z from 'snowstorm/zod';

const Offsets = z.record(z.string(), z.int());
const Entry = z.tuple([z.int(), z.unknown()]);
const Send = defineRpc('send', 'Appends to a log.', { key: z.string(), msg: z.unknown() }, { offset: z.int() });
const Poll = defineRpc('poll', 'Reads on.', { offsets: Offsets }, { msgs: z.record(z.string(), z.array(Entry)) });
const Commit = defineRpc('commit_offsets', 'Remembers how far logs are processed.', { offsets: Offsets }, {});
const List = defineRpc('list_committed_offsets', 'Tells it.', { keys: z.array(z.string()) }, { offsets: Offsets });

const node = defineNode({
  name: 'kafka',
  survives: ['partition', 'loss', 'delay', 'pause'],
  handlers: (context, ports) => {
    const kv = new KvClient(context, 'lin-kv');
    const commits = new Documents({ kv: ports.kv, context, name: 'commit', schema: z.object({ offset: z.int() }) });
    // What this node has read of each log. A message never changes.
    const logs = new Map<string, unknown[]>();

    const readOn = async (key: string) => {
      const log = logs.get(key) ?? [];
      logs.set(key, log);
      for (;;) {
        const offset = log.length;
        const result = await kv.read(`${key}/${offset}`);
        if (result.kind !== 'ok') throw result.error;
        if (result.value === undefined) return log;
        log[offset] = JSON.parse(String(result.value));
      }
    };
    const append = async (key: string, msg: unknown) => {
      for (;;) {
        const offset = (await readOn(key)).length;
        const result = await kv.write(`${key}/${offset}`, JSON.stringify(msg));
        if (result.kind === 'ok') return offset;
        if (result.kind === 'indefinite') throw result.error;
      }
    };

    return [
      handler(Send, async ({ key, msg }) => ({ offset: await append(key, msg) })),
      handler(Poll, async ({ offsets }) => {
        const msgs: Record<string, [number, unknown][]> = {};
        for (const [key, from] of Object.entries(offsets)) {
          const log = await readOn(key);
          msgs[key] = log.slice(from).map((msg, index) => [from + index, msg]);
        }
        return { msgs };
      }),
      handler(Commit, async ({ offsets }) => {
        for (const [key, offset] of Object.entries(offsets)) {
          const result = await commits.update(key, (old) => (old && old.offset >= offset ? undefined : { offset }));
          if (result.kind !== 'ok') throw result.error;
        }
        return {};
      }),
      handler(List, async ({ keys }) => {
        const offsets: Record<string, number> = {};
        for (const key of keys) {
          const { content } = await readOrThrow(commits, key);
          if (content !== undefined) offsets[key] = content.offset;
        }
        return { offsets };
      }),
    ];
  },
});

runOnStdio(node);
export default node;
