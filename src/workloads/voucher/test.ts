/**
 * The test of the voucher service: few vouchers and few users, so that rights run out and the same user asks again and again, of several nodes at the same
 * time. In the end everything settles, fresh users redeem whatever is left, and reports and wallets are read in full; only then every user's first
 * request is asked once more, since that alone would finish what a node has left half done.
 *
 * Whoever finds that nobody in the run was told yet that a voucher exists creates it first. So an operation means the same in a replay from which the
 * creation was left out.
 */

import { voucherChecker } from '../../checkers/voucher.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { answerIn, type Client, type Completion, completeWith } from '../../simulator/client.ts';
import { Mix } from '../../simulator/drawing.ts';
import { type Invocation, operationIn, type WorkloadTest } from '../../simulator/workload-test.ts';
import { Redeem, type Redemption, VoucherCreate, VoucherRead, VoucherReport, WalletRead } from './messages.ts';

interface Voucher {
  readonly code: string;
  readonly limit: number;
  readonly amount: number;
  readonly shards: number;
}

/** A voucher of a test. */
export interface Offer {
  readonly voucher: Voucher;
  /** How often it is drawn, in proportion to the others. */
  readonly weight: number;
}

/**
 * Fixed, because the operations, the probes and the last questions are drawn apart and must mean the same vouchers. A run reaches the limit of the
 * first two early and lives with it; that of the third late or never.
 */
const OFFERS: readonly Offer[] = [
  { voucher: { code: 'hot', limit: 12, amount: 500, shards: 4 }, weight: 7 },
  { voucher: { code: 'cold', limit: 7, amount: 30, shards: 1 }, weight: 3 },
  { voucher: { code: 'wide', limit: 40, amount: 1, shards: 2 }, weight: 10 },
];
/** More than any limit, so that some users go away empty-handed. */
const USER_COUNT = 48;
/** One in so many users does, with the others like this, half of everything. */
const FREQUENT_USER_INTERVAL = 12;

/** One in so many redemptions is a user's second one, by another request. */
const SECOND_REQUEST_INTERVAL = 10;
const PAGE_LENGTH_MAX = 10;
/** Of the pages in which a report is read in full: several, for the larger vouchers. */
const FULL_REPORT_PAGE_LENGTH = 16;
/** Far more than the largest limit fills. */
const FULL_REPORT_PAGES_MAX = 32;

/** How often each kind of operation is drawn. */
const MIX = new Mix<(drawing: Drawing) => Invocation>([
  [52, (drawing) => drawing.redeem()],
  [18, (drawing) => drawing.redeemAgain()],
  [8, (drawing) => ({ f: 'read', value: { code: drawing.code() } })],
  [8, (drawing) => drawing.report()],
  [10, (drawing) => ({ f: 'wallet', value: { user: drawing.user() } })],
  [3, (drawing) => ({ f: 'create', value: drawing.voucher() })],
  [1, (drawing) => createOtherwise(drawing.voucher())],
]);

export interface VoucherTestOptions {
  /** Over how many records the rights of each voucher are spread; absent: each voucher has a number of its own. */
  readonly shards?: number;
  readonly vouchers?: readonly Offer[];
  readonly userCount?: number;
  /** What is done first. With `redeem` already a handful of operations redeems, and the same request is asked twice. */
  readonly opening?: 'create' | 'redeem';
}

export const voucherTest: WorkloadTest = createVoucherTest();

/** As small as it can be with rights that move between shards and users who go away empty-handed. */
export const smallVoucherTest: WorkloadTest = createVoucherTest({
  vouchers: [
    { voucher: { code: 'hot', limit: 3, amount: 500, shards: 2 }, weight: 2 },
    { voucher: { code: 'cold', limit: 2, amount: 30, shards: 1 }, weight: 1 },
  ],
  userCount: 6,
  opening: 'redeem',
});

export function createVoucherTest({
  shards,
  vouchers: offers = OFFERS,
  userCount = USER_COUNT,
  opening = 'create',
}: VoucherTestOptions = {}): WorkloadTest {
  const scene = createScene(
    offers.map(({ voucher, weight }) => ({ voucher: { ...voucher, shards: shards ?? voucher.shards }, weight })),
    userCount,
  );
  const { vouchers } = scene;
  return {
    reusableClients: true,
    // A node keeps nothing that is not in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => {
      const drawing = new Drawing(random, scene);
      const first =
        opening === 'create'
          ? vouchers.map((value) => ({ f: 'create', value }))
          : [drawing.redeem(), drawing.redeemAgain(), drawing.redeem()];
      return () => first.shift() ?? drawing.operation();
    },
    createInvoke: () => {
      const existing = new ExistingVouchers(vouchers);
      return (client, { f, value }) => operationIn('voucher', OPERATIONS, f)(client, value, existing);
    },
    createFinalInvocations: (random) => finalInvocations(random, scene),
    checker: voucherChecker,
  };
}

/** What there is to be redeemed, and by whom. */
interface Scene {
  readonly vouchers: readonly Voucher[];
  readonly codes: Mix<string>;
  readonly users: readonly string[];
  /** These do half of everything. */
  readonly frequentUsers: readonly string[];
}

function createScene(offers: readonly Offer[], userCount: number): Scene {
  const users = Array.from({ length: userCount }, (_, number) => `u${number}`);
  return {
    vouchers: offers.map(({ voucher }) => voucher),
    codes: new Mix(offers.map(({ voucher, weight }) => [weight, voucher.code])),
    users,
    frequentUsers: users.slice(0, Math.ceil(userCount / FREQUENT_USER_INTERVAL)),
  };
}

class Drawing {
  readonly #random: SeededRandom;
  readonly #scene: Scene;
  #lastRedeem: Invocation | undefined;

  constructor(random: SeededRandom, scene: Scene) {
    this.#random = random;
    this.#scene = scene;
  }

  operation(): Invocation {
    return MIX.draw(this.#random)(this);
  }

  redeem(): Invocation {
    const [code, user] = [this.code(), this.user()];
    const number = this.#random.integer(SECOND_REQUEST_INTERVAL) === 0 ? 1 : 0;
    this.#lastRedeem = { f: 'redeem', value: requestOf(code, user, number) };
    return this.#lastRedeem;
  }

  /** What was drawn last, which by now another node may be busy with. */
  redeemAgain(): Invocation {
    return this.#lastRedeem ?? this.redeem();
  }

  report(): Invocation {
    const { code, limit } = this.voucher();
    const [offset, length] = [this.#random.integer(limit + 1), 1 + this.#random.integer(PAGE_LENGTH_MAX)];
    return { f: 'report', value: { code, offset, limit: length } };
  }

  voucher(): Voucher {
    return this.#random.pick(this.#scene.vouchers);
  }

  code(): string {
    return this.#scene.codes.draw(this.#random);
  }

  user(): string {
    const { users, frequentUsers } = this.#scene;
    return this.#random.pick(this.#random.integer(2) === 0 ? frequentUsers : users);
  }
}

/** The `number`th request of a user for a voucher; whoever names it means the same one. */
function requestOf(code: string, user: string, number = 0) {
  return { code, user, request_id: `${code}:${user}:${number}` };
}

/** What must be refused. */
function createOtherwise(voucher: Voucher): Invocation {
  return { f: 'create-otherwise', value: { ...voucher, limit: voucher.limit + 1 } };
}

function finalInvocations(random: SeededRandom, { vouchers, users, frequentUsers }: Scene): readonly Invocation[] {
  const codes = vouchers.map(({ code }) => code);
  const ofEach = (f: string): Invocation[] => codes.map((code) => ({ f, value: { code } }));
  const wallets = (owners: readonly string[]): Invocation[] => owners.map((user) => ({ f: 'wallet', value: { user } }));
  // One more than there can be rights, so that the last ones are told that there are none.
  const drain = vouchers.flatMap(({ code, limit }) =>
    Array.from({ length: limit + 1 }, (_, number) => requestOf(code, `fresh-${code}-${number}`)),
  );
  const replays = codes.flatMap((code) => users.map((user) => ({ f: 'replay', value: requestOf(code, user) })));
  return [
    ...vouchers.map((value) => ({ f: 'create', value })),
    ...vouchers.map(createOtherwise),
    ...ofEach('settled'),
    ...drain.map((value) => ({ f: 'redeem', value })),
    ...ofEach('settled'),
    ...ofEach('report-all'),
    ...wallets([...users, ...drain.map(({ user }) => user)]),
    // Shuffled, so that it is another node's turn than when a user was asked about before.
    ...random.shuffle(replays),
    // A replay must have changed nothing.
    ...ofEach('settled'),
    ...ofEach('read'),
    ...codes.map((code) => ({ f: 'report', value: { code, offset: 0, limit: PAGE_LENGTH_MAX } })),
    ...ofEach('report-all'),
    ...wallets(frequentUsers),
  ];
}

/** Of which vouchers anybody in a run was told that they exist. */
class ExistingVouchers {
  readonly #vouchers: ReadonlyMap<string, Voucher>;
  readonly #existing = new Set<string>();

  constructor(vouchers: readonly Voucher[]) {
    this.#vouchers = new Map(vouchers.map((voucher) => [voucher.code, voucher]));
  }

  async create(client: Client, value: Voucher): Promise<Completion> {
    const result = await client.rpc(VoucherCreate, value);
    if (result.kind === 'ok') this.#existing.add(value.code);
    return completeWith(result, value, () => value);
  }

  /** Carries `act` out on a voucher that exists. If it may be that there is none nothing is done, and that is certain. */
  async whenCreated(
    client: Client,
    value: { readonly code: string },
    act: () => Promise<Completion>,
  ): Promise<Completion> {
    const voucher = this.#vouchers.get(value.code);
    if (voucher === undefined) throw new Error(`the workload voucher has no voucher ${value.code}`);
    if (!this.#existing.has(value.code)) {
      const created = await this.create(client, voucher);
      if (created.type !== 'ok') return { ...created, type: 'fail', value };
    }
    return act();
  }
}

type Operate = (client: Client, value: unknown, existing: ExistingVouchers) => Promise<Completion>;

const OPERATIONS: ReadonlyMap<string, Operate> = new Map<string, Operate>([
  ['create', (client, value, existing) => existing.create(client, value as Voucher)],
  ['create-otherwise', askForOtherTerms],
  ['redeem', redeem],
  ['replay', redeem],
  ['read', read],
  ['settled', askWhetherSettled],
  ['report', report],
  ['report-all', reportAll],
  ['wallet', readWallet],
]);

/** A refusal is the right answer, and so is ok. */
function askForOtherTerms(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const terms = value as Voucher;
  return existing.whenCreated(client, terms, async () => {
    const result = await client.rpc(VoucherCreate, terms);
    if (result.kind === 'error' && result.name === 'key-already-exists')
      return { type: 'ok', value: { ...terms, refused: true } };
    return completeWith(result, terms, () => ({ ...terms, refused: false }));
  });
}

function redeem(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const request = value as ReturnType<typeof requestOf>;
  return existing.whenCreated(client, request, async () =>
    completeWith(await client.rpc(Redeem, request), request, (body) => ({ ...request, ...answerIn(body) })),
  );
}

function read(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const { code } = value as { readonly code: string };
  return existing.whenCreated(client, { code }, async () =>
    completeWith(await client.rpc(VoucherRead, { code }), value, (body) => ({ code, ...answerIn(body) })),
  );
}

async function askWhetherSettled(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const completion = await read(client, value, existing);
  if (completion.type !== 'ok') return completion;
  const { pending } = completion.value as { readonly pending: number };
  return pending === 0 ? completion : { type: 'fail', value, error: ['pending', pending] };
}

function report(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const page = value as { readonly code: string; readonly offset: number; readonly limit: number };
  return existing.whenCreated(client, page, async () =>
    completeWith(await client.rpc(VoucherReport, page), page, (body) => ({ ...page, ...answerIn(body) })),
  );
}

/** Page by page. What is added meanwhile may come in anywhere, so a report that grows is no answer. */
function reportAll(client: Client, value: unknown, existing: ExistingVouchers): Promise<Completion> {
  const { code } = value as { readonly code: string };
  return existing.whenCreated(client, { code }, async () => {
    const redemptions: Redemption[] = [];
    let reportLength: number | undefined;
    for (let pageCount = 1; ; pageCount++) {
      const page = { code, offset: redemptions.length, limit: FULL_REPORT_PAGE_LENGTH };
      const result = await client.rpc(VoucherReport, page);
      if (result.kind !== 'ok') return completeWith(result, value, () => value);
      const { length, redemptions: more } = result.body as { length: number; redemptions: readonly Redemption[] };
      if (reportLength !== undefined && length !== reportLength)
        return { type: 'fail', value, error: ['changed', `from ${reportLength} to ${length} redemptions`] };
      reportLength = length;
      redemptions.push(...more);
      // One that ends too early, or never, is for the checker to judge.
      if (redemptions.length >= length || more.length === 0 || pageCount === FULL_REPORT_PAGES_MAX)
        return { type: 'ok', value: { code, length, redemptions } };
    }
  });
}

async function readWallet(client: Client, value: unknown): Promise<Completion> {
  const { user } = value as { readonly user: string };
  return completeWith(await client.rpc(WalletRead, { user }), value, (body) => ({ user, ...answerIn(body) }));
}
