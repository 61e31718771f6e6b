/**
 * echo: whatever a client sends comes back.
 *
 * `{"type": "echo", "echo": V}` → `{"type": "echo_ok", "echo": V}`, V being any JSON value. The stock workload of Maelstrom that proves that
 * a node speaks the protocol at all.
 */

import * as z from 'zod';
import { completeWith } from '../../harness/client.ts';
import { handler } from '../../node/context.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import type { Workload } from '../workload.ts';
import { echoChecker } from './checker/echo-checker.ts';

export const Echo = defineRpc(
  'echo',
  'Answers with the value it was sent.',
  { echo: z.unknown() },
  { echo: z.unknown() },
);

/** As in Maelstrom: few enough values that answers could be mixed up unnoticed only rarely. */
const ECHO_VALUES = 128;

export const echo: Workload = {
  name: 'echo',
  text: 'Sends a value and expects it back.',
  start: async () => [handler(Echo, (request) => ({ echo: request.echo }))],
  test: {
    reusableClients: false,
    survivesDiskLoss: true,
    createGenerator: (random) => () => ({ f: 'echo', value: `Please echo ${random.integer(ECHO_VALUES)}` }),
    createInvoke:
      () =>
      async (client, { value }) =>
        completeWith(await client.rpc(Echo, { echo: value }), value, (body) => body),
    checker: echoChecker,
    createWorkCounter: () => () => true,
  },
};
