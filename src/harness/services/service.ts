/**
 * A service is a node that Maelstrom itself provides. It answers each request at once and alone. Here it is a pure
 * state machine; the harness delivers its messages. Source: Maelstrom, `src/maelstrom/service.clj`.
 */

export type ServiceBody = Readonly<Record<string, unknown>>;

export interface Service {
  /**
   * Takes one request of node `source` and returns the body of the reply, to which the caller adds `in_reply_to`;
   * undefined if Maelstrom does not answer. Values are kept and returned by reference: neither side may change a value
   * after sending or receiving it.
   */
  handle(source: string, body: ServiceBody): Record<string, unknown> | undefined;
}
