/**
 * What every node tells of itself, whatever it serves: its figures, and whether it can serve.
 *
 * {"type": "metrics", "msg_id": 1} → {"type": "metrics_ok", "uptime_ms": 1500.25, "in_flight": 0, "messages_in": 3, …}
 * {"type": "health", "msg_id": 2} → {"type": "health_ok", "status": "degraded", "troubles": {"ids": "the lease was lost"}}
 */

import * as z from 'zod';
import { defineRpc, type ReplyOf } from '../protocol/rpc.ts';

const Count = z.int().nonnegative();

const LatencyFigures = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });

const RequestFigures = z.object({
  /** Always ok + errors + in_flight. */
  count: Count,
  ok: Count,
  /** By code. */
  errors: z.record(z.string(), Count),
  in_flight: Count,
  /** Absent until one was worked on. What is answered at once takes 0. */
  latency_ms: LatencyFigures.optional(),
});
export type RequestFigures = z.infer<typeof RequestFigures>;

const RpcFigures = z.object({
  asked: Count,
  answered: Count,
  /** Those that the deadline ended. */
  timeouts: Count,
  pending: Count,
});

export const Metrics = defineRpc(
  'metrics',
  'What the node has done since it started: requests by type, with errors by code and latencies, RPCs, traffic, and the figures of its parts. The request that asks is not yet counted.',
  {},
  {
    uptime_ms: z.number(),
    in_flight: Count,
    messages_in: Count,
    messages_out: Count,
    messages_refused: Count,
    /** Absent where there are no bytes, in the simulator. */
    bytes_in: Count.optional(),
    bytes_out: Count.optional(),
    rpcs: RpcFigures,
    requests: z.record(z.string(), RequestFigures),
    parts: z.record(z.string(), z.record(z.string(), z.number())),
  },
);
export type MetricsReply = ReplyOf<typeof Metrics>;

export const Health = defineRpc(
  'health',
  'Whether every part of the node can serve, and what keeps those that cannot from it.',
  {},
  { status: z.enum(['ok', 'degraded']), troubles: z.record(z.string(), z.string()) },
);
export type HealthReply = ReplyOf<typeof Health>;
