/**
 * What every node reports about itself, for all workloads: its figures, and whether it can serve.
 *
 *     {"type": "metrics", "msg_id": 1}
 *       → {"type": "metrics_ok", "uptime_ms": 1500.25, "in_flight": 0, "messages_in": 3, …}
 *     {"type": "health", "msg_id": 2}
 *       → {"type": "health_ok", "status": "degraded", "troubles": {"ids": "the lease was lost"}}
 */

import * as z from 'zod';
import { defineRpc, type ReplyOf } from '../protocol/rpc.ts';

const Count = z.int().nonnegative();

const LatencyFigures = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });

const RequestFigures = z.object({
  count: Count.describe('Always ok + errors + in_flight.'),
  ok: Count,
  errors: z.record(z.string(), Count).describe('By code.'),
  in_flight: Count,
  latency_ms: LatencyFigures.describe('Absent until a handler was called. Answers given at once count 0.').optional(),
});
export type RequestFigures = z.infer<typeof RequestFigures>;

const RpcFigures = z.object({
  asked: Count,
  answered: Count,
  timeouts: Count.describe('Those ended by the deadline.'),
  pending: Count,
});

export const Metrics = defineRpc(
  'metrics',
  'What the node has done since it started: requests by type, with errors by code and latencies; RPCs; traffic; figures of its parts. The metrics request itself is not counted yet.',
  {},
  {
    uptime_ms: z.number(),
    in_flight: Count,
    messages_in: Count,
    messages_out: Count,
    messages_refused: Count,
    bytes_in: Count.describe('Absent in the simulator, which sends no bytes; so is bytes_out.').optional(),
    bytes_out: Count.optional(),
    rpcs: RpcFigures,
    requests: z.record(z.string(), RequestFigures).describe('By type.'),
    parts: z.record(z.string(), z.record(z.string(), z.number())).describe('By part and figure.'),
  },
);
export type MetricsReply = ReplyOf<typeof Metrics>;

export const Health = defineRpc(
  'health',
  'Whether every part of the node can serve, and why a part cannot.',
  {},
  { status: z.enum(['ok', 'degraded']), troubles: z.record(z.string(), z.string()).describe('By part, in words.') },
);
export type HealthReply = ReplyOf<typeof Health>;
