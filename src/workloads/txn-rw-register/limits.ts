/**
 * How much a node of txn-rw-register sends and keeps at once. A real node has the defaults; a simulated one may have
 * less, so that a short run reaches a limit.
 */

export interface RegisterLimits {
  /** How long a transaction waits for others before it is sent to the other nodes, ms. */
  readonly gather: number;
  /** Transactions in one message. */
  readonly batch: number;
  /** Transactions kept for nodes that may lack them. A node that lacks older ones gets the whole state. */
  readonly kept: number;
  /** Transactions that came before what they depend on. More are dropped, and sent again. */
  readonly early: number;
  /** Registers in one message, and in one record of the journal. Fewer if they are long. */
  readonly registers: number;
  /** Characters of the journal from which on it is written anew. */
  readonly journal: number;
}

/**
 * The longest batch, page or record, in characters of JSON, unless one transaction or register is longer: far less than
 * a line may have.
 */
export const BATCH_LENGTH_MAX = 1_000_000;

export const REGISTER_LIMITS: RegisterLimits = {
  gather: 10,
  batch: 256,
  kept: 16_384,
  early: 4096,
  registers: 512,
  journal: 2 ** 20,
};
