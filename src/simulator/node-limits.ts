/** Limits of the node runtime, for any workload, as far as they can be smaller in a simulation. */

import type { NodeOptions } from '../node/node.ts';

/** The values that `fuzz` draws for requests in flight. A client that is refused asks again, so right nodes recover. */
export const REQUESTS = [4, 8];

/**
 * Those of a limited rate: requests a second for each client, and clients whose rate is known. They are for operations
 * of one request. One that asks many times in a row would never get through.
 */
export const RATE_LIMITS = { rate: [2, 5], clients: [2, 4] };

/** The options of a node with these limits. */
export function nodeOptions({ rate, clients, requests }: Readonly<Record<string, number>>): NodeOptions {
  return { rateLimitPerSecond: rate, limitedClientsMax: clients, inFlightMax: requests };
}
