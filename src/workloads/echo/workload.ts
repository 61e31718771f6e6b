/** The test of echo: what clients ask, and what the history must show. */

import { completeWith } from '../../harness/client.ts';
import type { Workload } from '../workload.ts';
import { echoChecker } from './checker/echo-checker.ts';
import { Echo } from './messages.ts';
import { echoNode } from './node.ts';

/** As in Maelstrom. With so few values, mixed-up answers would rarely go unnoticed. */
const ECHO_VALUES = 128;

export const echo: Workload = {
  ...echoNode,
  text: 'Sends a value and expects it back.',
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
