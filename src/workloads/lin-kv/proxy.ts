/**
 * The thin way to serve lin-kv: every request goes on to Maelstrom's service of that name, which is linearizable. What
 * is left to get wrong is the answer when the service is silent. The request may have happened or may happen later, so
 * it is not sent again, and not refused.
 *
 * A network that repeats messages defeats it: the second copy of a write undoes the writes since, and that of a cas is
 * refused although the first succeeded. Raft (`node.ts`) numbers its requests.
 */

import { Write as ServiceWrite } from '../../kv/kv-client.ts';
import { CompareAndSet, Read as ServiceRead } from '../../kv/store-rpcs.ts';
import { type Handler, handler, type NodeContext, type RpcResult } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import { RpcError } from '../../protocol/errors.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';
import { requireKept } from '../node-requests.ts';
import { Cas, Read, Write } from './messages.ts';

const SERVICE = 'lin-kv';

export function proxyHandlers(context: NodeContext): readonly Handler[] {
  const copies = new ReplyCache<Record<string, never>>(context.clock);
  return [
    handler(Read, async ({ key }) => {
      requireKept(key, 'body.key');
      const result = await context.rpc(SERVICE, ServiceRead, { key });
      if (result.kind === 'ok') return { value: result.reply.value };
      // A read changes nothing, so one without an answer did not happen.
      if (result.kind === 'indefinite') throw RpcError.of('temporarily-unavailable', result.error.message);
      throw result.error;
    }),
    handler(Write, ({ key, value }, origin) => {
      requireKept([key, value], 'body');
      return copies.share(origin, canonicalKey({ f: 'write', key, value }), async () =>
        done(await context.rpc(SERVICE, ServiceWrite, { key, value })),
      );
    }),
    handler(Cas, ({ key, from, to }, origin) => {
      requireKept([key, from, to], 'body');
      return copies.share(origin, canonicalKey({ f: 'cas', key, from, to }), async () =>
        done(await context.rpc(SERVICE, CompareAndSet, { key, from, to })),
      );
    }),
  ];
}

function done(result: RpcResult<unknown>): Record<string, never> {
  if (result.kind === 'ok') return {};
  throw result.kind === 'definite' ? result.error : RpcError.of('crash', result.error.message);
}
