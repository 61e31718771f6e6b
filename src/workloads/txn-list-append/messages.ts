/**
 * txn-list-append: transactions that append to lists and read them.
 *
 *     {"type": "txn", "txn": [["r", 5, null], ["append", 5, 3]]} → {"type": "txn_ok", "txn": [["r", 5, [1, 2]], …]}
 *
 * A list that was never appended to is read as null.
 */

import { defineTxn } from '../transactions.ts';

export const Txn = defineTxn('append', true);
