/**
 * unique-ids: 64-bit Snowflake ids, without coordination, available under every partition.
 *
 * `{"type": "generate"}` → `{"type": "generate_ok", "id": "595172839467794432"}`. The id is a decimal string, because
 * JavaScript clients corrupt numbers beyond 2^53. `ids/` explains how ids stay unique over crashes and broken clocks.
 */

import * as z from 'zod';
import { completeWith } from '../../harness/client.ts';
import { StoreReservation } from '../../ids/fleet/store-reservation.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { Generate } from '../ids/messages.ts';
import type { Workload } from '../workload.ts';
import { uniqueIdsChecker } from './checker/unique-ids-checker.ts';
import { uniqueIdsNode } from './node.ts';

/** What a client accepts from any node: ids may be of any JSON type. */
const GenerateAny = defineRpc(Generate.type, Generate.text, {}, { id: z.unknown() });

/** All in ms. */
type Limit = 'window' | 'lead' | 'storeWindow';

export const uniqueIds: Workload = {
  ...uniqueIdsNode,
  simulate: (_context, _life, { window, lead, storeWindow }: Partial<Record<Limit, number>>) => ({
    idLimits: { windowMs: storeWindow ?? window, leadMsMax: lead },
    ...(storeWindow !== undefined && {
      openReservation: async (context, kv) => StoreReservation.ofPlace(context, kv),
    }),
  }),
  // A lead shorter than a write to the disk, or to the store, is used up before it is reserved, for ever. With
  // `storeWindow` timestamps are reserved in the store, as with `--state store`, and `window` has no effect.
  limits: { window: [1, 5, 50], lead: [50, 100, 1000], storeWindow: [20, 300] } satisfies Record<
    Limit,
    readonly number[]
  >,
  text: 'Asks for ids and expects no id twice.',
  test: {
    reusableClients: true,
    // A lost disk and a clock set back together would repeat ids.
    survivesDiskLoss: false,
    createGenerator: () => () => ({ f: 'generate', value: null }),
    createInvoke: () => async (client) => completeWith(await client.rpc(GenerateAny, {}), null, (body) => body.id),
    checker: uniqueIdsChecker,
    createWorkCounter: () => () => true,
  },
};
