/**
 * What the tests of txn-list-append and txn-rw-register have in common. A client sends a transaction, a list of
 * micro-operations `[f, key, value]`, and gets the same list with the values that were read. There are no last
 * questions. Sources: Maelstrom's workloads of these names, `elle.txn/wr-txns`.
 */

import * as z from 'zod';
import type { Checker } from '../checkers/checker.ts';
import { checkModels, DEFAULT_MODELS } from '../checkers/elle/consistency-models.ts';
import { splitModels, type TxnCheckerOptions } from '../checkers/elle/txn-options.ts';
import { completeWith } from '../harness/client.ts';
import type { WorkloadOption, WorkloadTest } from '../harness/workload-test.ts';
import { defineRpc } from '../protocol/rpc.ts';
import {
  countOption,
  KEYED_DEFAULTS,
  KEYED_OPTIONS,
  KeyedWrites,
  type KeyedWritesOptions,
  keyedOptionsIn,
} from './keyed-writes.ts';
import type { TestedWorkload } from './workload.ts';

const TXN_LENGTH_MAX_DEFAULT = 4;

interface TransactionWorkload {
  readonly name: string;
  readonly text: string;
  /** The name of a write on the wire. */
  readonly write: 'append' | 'w';
  /** Whether a read finds a list, or null. Otherwise it finds any value. */
  readonly readsLists: boolean;
  readonly createChecker: (options: TxnCheckerOptions) => Checker;
}

interface TransactionSetting extends KeyedWritesOptions {
  readonly txnLengthMax: number;
  readonly consistencyModels: readonly string[];
  readonly strict: boolean;
}

const DEFAULTS: TransactionSetting = {
  ...KEYED_DEFAULTS,
  txnLengthMax: TXN_LENGTH_MAX_DEFAULT,
  consistencyModels: DEFAULT_MODELS,
  strict: false,
};

const OPTIONS = {
  ...KEYED_OPTIONS,
  'max-txn-length': countOption('Operations of a transaction, at most.', DEFAULTS.txnLengthMax),
  'consistency-models': {
    value: 'MODELS',
    text: `What must hold, separated by commas. Default: ${DEFAULT_MODELS.join()}.`,
    absent: DEFAULT_MODELS,
    parse: (text: string): readonly string[] => {
      const models = splitModels(text);
      checkModels(models);
      return models;
    },
  },
} satisfies Readonly<Record<string, WorkloadOption>>;

export function transactionWorkload({
  name,
  text,
  write,
  readsLists,
  createChecker,
}: TransactionWorkload): TestedWorkload {
  const txn = txnOf(write, readsLists);
  const testWith = (setting: TransactionSetting): WorkloadTest => {
    const { txnLengthMax, consistencyModels, strict } = setting;
    // All generators of a run draw from one, so that no value of a key is written twice.
    const writes = new KeyedWrites(setting);
    return {
      reusableClients: true,
      survivesDiskLoss: false,
      createGenerator: (random) => () => ({
        f: 'txn',
        value: Array.from({ length: 1 + random.integer(txnLengthMax) }, () => {
          const access = writes.draw(random);
          return access.kind === 'read' ? ['r', access.key, null] : [write, access.key, access.value];
        }),
      }),
      createInvoke:
        () =>
        async (client, { value }) =>
          completeWith(await client.rpc(txn, { txn: value as unknown[][] }), value, (body) => body.txn),
      checker: () => createChecker({ consistencyModels, strict }),
      createWorkCounter: () => () => true,
    };
  };
  return {
    name,
    text,
    test: {
      ...testWith(DEFAULTS),
      options: OPTIONS,
      configure: ({ options, strict }) =>
        testWith({
          ...keyedOptionsIn(options),
          txnLengthMax: options['max-txn-length'] as number,
          consistencyModels: options['consistency-models'] as readonly string[],
          strict,
        }),
    },
  };
}

/** As Maelstrom declares it: the reply may hold other micro-operations than the request. */
function txnOf(write: string, readsLists: boolean) {
  const mop = z
    .tuple([z.enum(['r', write]), z.unknown(), z.unknown()])
    .refine(([f, , value]) => f !== 'r' || !readsLists || value === null || Array.isArray(value), {
      error: 'a read must find a list or null',
    });
  return defineRpc(
    'txn',
    'Executes a transaction, and answers with it as it was executed: with what its reads found.',
    { txn: z.array(z.array(z.unknown())) },
    { txn: z.array(mop).nullable() },
  );
}
