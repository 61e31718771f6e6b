/**
 * A service is a node that Maelstrom itself provides: it answers each request by itself and at once. It is a pure state
 * machine here: who delivers its messages, and when, is the harness's affair. Source: Maelstrom,
 * `src/maelstrom/service.clj`.
 */

export type ServiceBody = Readonly<Record<string, unknown>>;

export interface Service {
  /**
   * Takes one request of node `source` and returns the body of the reply, to which the caller adds `in_reply_to`;
   * undefined where Maelstrom keeps silent. Values are kept and returned by reference: neither side may change what it
   * has sent or received.
   */
  handle(source: string, body: ServiceBody): Record<string, unknown> | undefined;
}
