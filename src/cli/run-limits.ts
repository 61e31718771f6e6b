/** The limits of a run's options, on the command line and from code. */

import { SERVICE_NAMES } from '../harness/services/names.ts';
import { isClient } from '../protocol/client-id.ts';

export const NODE_COUNT_MAX = 1024;
export const CLIENT_COUNT_MAX = 9_999_999;
/** Of a time limit. */
export const SECONDS_MAX = 1e6;
export const LATENCY_MS_MAX = 1e6;

/** What is explored is small: every step of it is hit. */
export const EXPLORED_NODE_COUNT_MAX = 16;
export const EXPLORED_OPERATION_COUNT_MAX = 1000;
export const DEPTH_MAX = 5;

/** Throws an Error that says what is expected: names that cannot be taken for anything else on the network. */
export function requireNodeNames(nodes: readonly string[]): void {
  if (nodes.length === 0 || nodes.includes('')) throw new Error('expected names of nodes, such as n1, n2 and n3');
  if (nodes.length > NODE_COUNT_MAX) throw new Error(`expected at most ${NODE_COUNT_MAX} nodes, not ${nodes.length}`);
  const client = nodes.find(isClient);
  if (client !== undefined)
    throw new Error(`expected names that do not begin with c like those of clients, not ${client}`);
  const service = nodes.find((id) => SERVICE_NAMES.includes(id));
  if (service !== undefined) throw new Error(`expected names of nodes, but ${service} is a service`);
  const twice = nodes.find((id, index) => nodes.indexOf(id) < index);
  if (twice !== undefined) throw new Error(`expected each name once, but ${twice} is given twice`);
}
