/**
 * unique-ids: 64-bit Snowflake ids, without coordination and available under every partition.
 *
 * `{"type": "generate"}` → `{"type": "generate_ok", "id": "595172839467794432"}`. The id is a decimal string, because numbers beyond 2^53 do not
 * survive JavaScript's clients. How ids stay unique over crashes and broken clocks is told in `ids/`.
 */

import * as z from 'zod';
import { uniqueIdsChecker } from '../checkers/unique-ids.ts';
import { IdGenerator } from '../ids/id-generator.ts';
import { handler } from '../node/context.ts';
import { defineRpc } from '../protocol/rpc.ts';
import { completeWith } from '../simulator/client.ts';
import type { Workload } from './workload.ts';

export const Generate = defineRpc(
  'generate',
  'Answers with an id that nobody ever got or gets.',
  {},
  { id: z.string() },
);

/** What a client accepts from any node: ids may be of any JSON type. */
const GenerateAny = defineRpc('generate', Generate.text, {}, { id: z.unknown() });

export const uniqueIds: Workload = {
  name: 'unique-ids',
  text: 'Asks for ids and expects no id twice.',
  start: async (context, ports) => {
    const generator = await IdGenerator.start({
      node: context.nodeIds.indexOf(context.nodeId),
      clock: context.clock,
      random: context.randomUint32,
      reservation: await ports.openReservation(context),
      warn: (text) => context.log.warn(text),
      ...ports.idLimits,
    });
    return [
      handler(Generate, () => {
        const id = generator.next();
        return id === undefined ? generator.nextReserved().then((reserved) => ({ id: reserved })) : { id };
      }),
    ];
  },
  test: {
    reusableClients: true,
    // A lost disk and a clock set back together would repeat ids.
    survivesDiskLoss: false,
    createGenerator: () => () => ({ f: 'generate', value: null }),
    createInvoke: () => async (client) => completeWith(await client.rpc(GenerateAny, {}), null, (body) => body.id),
    checker: uniqueIdsChecker,
  },
};
