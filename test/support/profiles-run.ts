/**
 * A test that redeems vouchers and transfers money of the same users, whose wallets are accounts. It asks what the
 * tests of both workloads ask, and more: accounts are audited together with the wallets, and at the end users spend
 * what they have. `profiles-checker.ts` judges it.
 *
 * The functions of operations are those of the two tests, behind `voucher/` and `saga/`, and `spend`.
 */

import { type Client, type Completion, completeIdempotent, completeWith } from '../../src/harness/client.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { FinalInvocation, FinalStep, Invocation, Invoke, WorkloadTest } from '../../src/harness/workload-test.ts';
import { exactEquals } from '../../src/protocol/exact-json.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { drawSwarm, swarmOf } from '../../src/search/swarm.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { Audit, Transfer } from '../../src/workloads/saga/messages.ts';
import { sagaNode } from '../../src/workloads/saga/node.ts';
import { createSagaTest, type Holder, saga } from '../../src/workloads/saga/workload.ts';
import { WalletRead } from '../../src/workloads/voucher/messages.ts';
import { voucherNode } from '../../src/workloads/voucher/node.ts';
import type { Offer } from '../../src/workloads/voucher/scene.ts';
import { createVoucherTest, voucher } from '../../src/workloads/voucher/workload.ts';
import { profilesChecker, type Snapshot, type Spent } from './profiles-checker.ts';

/** Users whose accounts transfer money. There are more users, who only redeem. */
const USERS = Array.from({ length: 6 }, (_, number) => `u${number}`);
const USER_COUNT = 9;
const HOUSE = 'house';

/** They have little money of their own, so that they spend what vouchers have credited. */
const HOLDERS: readonly Holder[] = [
  ...USERS.map((account) => ({ account, balance: 20, weight: 4 })),
  { account: HOUSE, balance: 500, weight: 3 },
  { account: 'c0', balance: 0, weight: 1 },
];

const VOUCHERS: readonly Offer[] = Array.from({ length: 12 }, (_, number) => ({
  voucher: { code: `v${number}`, limit: 5 + (number % 4), amount: 10 * (number + 1), shards: 1 + (number % 2) },
  weight: 1,
}));

const VOUCHER_TEST = createVoucherTest({ vouchers: VOUCHERS, userCount: USER_COUNT, renews: false });
const SAGA_TEST = createSagaTest({ accounts: HOLDERS, ending: 'short' });

export const profilesTest: WorkloadTest = {
  reusableClients: true,
  survivesDiskLoss: true,
  createGenerator: (random) => {
    const draws = [prefixed('voucher/', VOUCHER_TEST), prefixed('saga/', SAGA_TEST)].map((own) => own(random));
    return () => (draws[random.integer(2)] as () => Invocation)();
  },
  createInvoke: () => {
    const redeem = VOUCHER_TEST.createInvoke();
    const transfer = SAGA_TEST.createInvoke();
    return (client, { f, value }) => {
      const [kind, own = ''] = f.split('/');
      if (kind === 'spend') return spend(client, value);
      const asked = { f: own, value };
      if (kind === 'voucher') return redeem(client, asked);
      return own === 'audit' || own === 'settled' ? readSnapshot(client, asked, transfer) : transfer(client, asked);
    };
  },
  createFinalInvocations: (random, askers, history) => {
    const ofTest = (prefix: string, { createFinalInvocations }: WorkloadTest): FinalStep[] =>
      (createFinalInvocations?.(random, askers, history) ?? []).map((step) =>
        Array.isArray(step) ? step.map((own) => withPrefix(prefix, own)) : withPrefix(prefix, step as FinalInvocation),
      );
    // The first of the fresh users of a voucher has no account but for its credit.
    const spenders = [...USERS, 'fresh-v0-0', 'fresh-v1-0'];
    return [
      ...ofTest('voucher/', VOUCHER_TEST),
      ...ofTest('saga/', SAGA_TEST),
      ...spenders.map((user): FinalInvocation => ({ f: 'spend', value: { user }, once: true })),
    ];
  },
  checker: () => profilesChecker(new Set(USERS)),
};

function prefixed(prefix: string, test: WorkloadTest): WorkloadTest['createGenerator'] {
  return (random) => {
    const draw = test.createGenerator(random);
    return (turn) => withPrefix(prefix, draw(turn));
  };
}

function withPrefix<Asked extends Invocation>(prefix: string, asked: Asked): Asked {
  return { ...asked, f: prefix + asked.f };
}

interface WalletTold {
  readonly balance: number;
  /** What vouchers have credited, in all. */
  readonly credited: number;
}

/**
 * An audit with the wallets of the users. Entries are never removed. So if the wallets show the same before and after
 * the audit, the audit saw that too.
 */
async function readSnapshot(client: Client, asked: Invocation, transfer: Invoke): Promise<Completion> {
  const { value } = asked;
  const failed = (error: unknown): Completion => ({ type: 'fail', value, error });
  const before = await readWallets(client, value);
  if (!Array.isArray(before)) return before;
  const completion = await transfer(client, asked);
  if (completion.type !== 'ok') return completion;
  const told = completion.value as Snapshot;
  const after = await readWallets(client, value);
  if (!Array.isArray(after)) return after;
  const credited = after.map((wallet) => wallet.credited);
  if (
    told.clean === false ||
    !exactEquals(
      before.map((wallet) => wallet.credited),
      credited,
    )
  )
    return failed(['changed', 'accounts or wallets were changed meanwhile']);
  const again = await client.rpc(Audit, { accounts: [...told.accounts] });
  if (again.kind !== 'ok') return completeIdempotent(completeWith(again, value, () => value));
  const isQuiet = exactEquals(told.versions, again.body.versions);
  const byUser = <Told>(list: readonly Told[]) => Object.fromEntries(USERS.map((user, index) => [user, list[index]]));
  return {
    type: 'ok',
    value: {
      ...told,
      credited: byUser(credited),
      ...(isQuiet && { wallets: byUser(after.map(({ balance }) => balance)) }),
    },
  };
}

/** The completion if one of them was not told. */
async function readWallets(client: Client, value: unknown): Promise<WalletTold[] | Completion> {
  const wallets: WalletTold[] = [];
  for (const user of USERS) {
    const result = await client.rpc(WalletRead, { user });
    if (result.kind !== 'ok') return completeIdempotent(completeWith(result, value, () => value));
    const { balance, entries } = result.body as { balance: number; entries: readonly { credited: number }[] };
    wallets.push({ balance, credited: entries.reduce((sum, entry) => sum + entry.credited, 0) });
  }
  return wallets;
}

/** Pays all that a user has. Nothing else moves any more. */
async function spend(client: Client, value: unknown): Promise<Completion> {
  const { user } = value as { readonly user: string };
  const before = await client.rpc(WalletRead, { user });
  if (before.kind !== 'ok') return completeWith(before, value, () => value);
  const { balance } = before.body as { readonly balance: number };
  if (balance === 0) return { type: 'ok', value: { user, balance, left: 0 } satisfies Spent };
  const paid = await client.rpc(Transfer, { request_id: `spend-${user}`, from: user, to: HOUSE, amount: balance });
  if (paid.kind !== 'ok') return completeWith(paid, value, () => value);
  const after = await client.rpc(WalletRead, { user });
  const { outcome } = paid.body as { readonly outcome: string };
  return completeWith(after, value, (body): Spent => ({ user, balance, outcome, left: body.balance as number }));
}

/** The limits of the nodes that a seed may draw. Both workloads have a `group`. */
const LIMITS = { ...voucher.limits, ...saga.limits };

/**
 * The options of a seed, drawn as `snowstorm fuzz` draws them. One in 5 is calm: snapshots succeed while money moves.
 */
export function profilesOptions(seed: number): RunOptions {
  const options = fuzzOptions({ seed: String(seed), test: profilesTest, timeLimitMs: 10_000 });
  if (seed % 5 === 0) return { ...options, faults: [], ratePerSecond: 15 };
  return drawSwarm(options, swarmOf({ test: profilesTest, limits: LIMITS }));
}

export const profilesSubject: Subject = {
  name: 'profiles',
  test: profilesTest,
  startHandlers: ({ limits }) =>
    startWorkloads({ openReservation: async () => undefined, idLimits: {}, limits, wallets: 'accounts' }, [
      voucherNode,
      sagaNode,
    ]),
};
