/**
 * How much the voucher service does at once, and how much it remembers. A real node has the defaults; a simulated one
 * may have less, so that a short run reaches a limit.
 */

export interface VoucherLimits {
  /** Redemptions on one page of a report. All nodes of a cluster must agree on it. In a simulated run they do. */
  readonly page: number;
  /** Redemptions in one pivot. */
  readonly group: number;
  /** Redemptions that may be unfinished in a shard; beyond it requests are refused. */
  readonly pending: number;
  /** So many credited redemptions are reported at once, without waiting for more. */
  readonly gather: number;
  /** How many redemptions that left a shard it remembers. */
  readonly left: number;
  /** Vouchers whose parameters are kept in memory. */
  readonly terms: number;
}

export const VOUCHER_LIMITS: VoucherLimits = {
  page: 64,
  group: 64,
  pending: 1024,
  gather: 64,
  left: 256,
  terms: 10_000,
};
