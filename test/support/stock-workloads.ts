/** The workloads of Maelstrom's own that our node serves only when it is asked to. */
export const STOCK_WORKLOADS = [
  'broadcast',
  'g-set',
  'g-counter',
  'pn-counter',
  'lin-kv',
  'kafka',
  'txn-list-append',
  'txn-rw-register',
] as const;
