/**
 * What the tests of txn-list-append and txn-rw-register have in common. A client sends a transaction, a list of
 * micro-operations `[f, key, value]`, and gets the same list with the values that were read. There are no last
 * questions. Sources: Maelstrom's workloads of these names, `elle.txn/wr-txns`.
 */

import type { Checker } from '../checkers/checker.ts';
import { checkModels, DEFAULT_MODELS } from '../checkers/elle/consistency-models.ts';
import { splitModels, type TxnCheckerOptions } from '../checkers/elle/txn-options.ts';
import { completeWith } from '../harness/client.ts';
import type { WorkloadOption, WorkloadTest } from '../harness/workload-test.ts';
import type { SeededRandom } from '../protocol/random.ts';
import {
  countOption,
  KEYED_DEFAULTS,
  KEYED_OPTIONS,
  KeyedWrites,
  type KeyedWritesOptions,
  keyedOptionsIn,
} from './keyed-writes.ts';
import type { defineTxn, Mop } from './transactions.ts';
import type { Workload } from './workload.ts';

const TXN_LENGTH_MAX_DEFAULT = 4;
/** Above all keys of a run that ends. */
const FIRST_KEY_PROBED = 1_000_000_000;

interface TransactionWorkload {
  readonly name: string;
  readonly text: string;
  /** The name of a write on the wire. */
  readonly write: 'append' | 'w';
  readonly rpc: ReturnType<typeof defineTxn>;
  /** What our node promises. */
  readonly own: { readonly survivesDiskLoss: boolean; readonly consistencyModels: readonly string[] };
  readonly createChecker: (options: TxnCheckerOptions) => Checker;
}

interface TransactionSetting extends KeyedWritesOptions {
  readonly txnLengthMax: number;
  readonly consistencyModels: readonly string[];
  readonly strict: boolean;
  readonly emptyIsUnknown: boolean;
}

const DEFAULTS: TransactionSetting = {
  ...KEYED_DEFAULTS,
  txnLengthMax: TXN_LENGTH_MAX_DEFAULT,
  consistencyModels: DEFAULT_MODELS,
  strict: false,
  emptyIsUnknown: false,
};

const MODELS_OPTION: WorkloadOption = {
  value: 'MODELS',
  text: `What must hold, separated by commas. Default: ${DEFAULT_MODELS.join()}.`,
  absent: DEFAULT_MODELS,
  parse: (text) => {
    const models = splitModels(text);
    checkModels(models);
    return models;
  },
};

const OPTIONS: Readonly<Record<string, WorkloadOption>> = {
  ...KEYED_OPTIONS,
  'max-txn-length': countOption('Operations of a transaction, at most.', DEFAULTS.txnLengthMax),
  'consistency-models': MODELS_OPTION,
};

export function transactionWorkload({
  name,
  text,
  write,
  rpc,
  own,
  createChecker,
}: TransactionWorkload): Pick<Workload, 'name' | 'text' | 'test' | 'ownTest'> {
  const testWith = (setting: TransactionSetting): WorkloadTest => {
    const { txnLengthMax, consistencyModels, strict, emptyIsUnknown } = setting;
    // All generators of a run draw from one, so that no value of a key is written twice.
    const writes = new KeyedWrites(setting);
    // A replay does not draw its operations, so a probe must write to keys of its own. It reads what all others wrote.
    const probes = new KeyedWrites(setting, FIRST_KEY_PROBED);
    const createDraw = (own: KeyedWrites) => (random: SeededRandom) => () => ({
      f: 'txn',
      value: Array.from({ length: 1 + random.integer(txnLengthMax) }, () => {
        const access = own.draw(random);
        if (access.kind === 'write') return [write, access.key, access.value];
        return ['r', own === writes ? access.key : writes.drawKey(random), null];
      }),
    });
    return {
      reusableClients: true,
      survivesDiskLoss: own.survivesDiskLoss,
      createGenerator: createDraw(writes),
      createProbes: createDraw(probes),
      createInvoke:
        () =>
        async (client, { value }) =>
          completeWith(await client.rpc(rpc, { txn: value as Mop[] }), value, (body) => body.txn),
      checker: () => createChecker({ consistencyModels, strict, emptyIsUnknown }),
      createWorkCounter: () => () => true,
    };
  };
  const testOf = (defaults: TransactionSetting): WorkloadTest => ({
    ...testWith(defaults),
    options: { ...OPTIONS, 'consistency-models': { ...MODELS_OPTION, absent: defaults.consistencyModels } },
    configure: ({ options, strict }) =>
      testWith({
        ...keyedOptionsIn(options),
        txnLengthMax: options['max-txn-length'] as number,
        consistencyModels: options['consistency-models'] as readonly string[],
        strict: strict || defaults.strict,
        emptyIsUnknown: defaults.emptyIsUnknown,
      }),
  });
  const ownTest = testOf({
    ...DEFAULTS,
    consistencyModels: own.consistencyModels,
    strict: true,
    emptyIsUnknown: true,
  });
  return { name, text, test: testOf(DEFAULTS), ownTest };
}
