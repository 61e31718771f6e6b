/**
 * The test of the voucher service. There are few vouchers and few users at a time. So rights run out, and the same user
 * asks again and again, at several nodes at once. New vouchers open (`scene.ts`), so that there is something to redeem
 * until the end. `last-questions.ts` has the questions at the end.
 *
 * A client creates a voucher first if no client was told yet that it exists. So an operation means the same in a replay
 * without the creation.
 */

import type { CountWork } from '../../checkers/activity.ts';
import { answerIn, type Client, type Completion, completeWith } from '../../harness/client.ts';
import { WeightedChoice } from '../../harness/drawing.ts';
import { type Invocation, operationIn, type WorkloadTest } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { REQUESTS } from '../../simulator/node-limits.ts';
import { LEASES_MS, MEMBERS_OPTION } from '../members-option.ts';
import type { Workload } from '../workload.ts';
import { voucherChecker } from './checker/voucher-checker.ts';
import { createOtherwise, lastQuestions, PAGE_LENGTH_MAX } from './last-questions.ts';
import type { VoucherLimits } from './limits.ts';
import {
  type Outcome,
  Redeem,
  type Redemption,
  VoucherCreate,
  VoucherRead,
  VoucherReport,
  WalletRead,
} from './messages.ts';
import { voucherNode } from './node.ts';
import { Market, type Offer, type Request, Scene, type Voucher } from './scene.ts';

/**
 * Each voucher is sold out a while before the next one of its kind opens. The last kind fills pages of reports. It
 * comes late, because many users redeem its rest in the end.
 */
const OFFERS: readonly Offer[] = [
  { voucher: { code: 'hot', limit: 12, amount: 500, shards: 4 }, weight: 7 },
  { voucher: { code: 'cold', limit: 7, amount: 30, shards: 1 }, weight: 3 },
  { voucher: { code: 'wide', limit: 40, amount: 1, shards: 2 }, weight: 10 },
  { voucher: { code: 'long', limit: 150, amount: 2, shards: 1 }, weight: 5, after: 600 },
];
/** More users than most vouchers have rights, so that some get none. */
const USER_COUNT = 60;

/** One redemption in so many is a second one of its user, with another request id. */
const SECOND_REQUEST_INTERVAL = 10;
/** Requests of the whole run that are repeated now and then: a uniform sample. */
const SAMPLE_LENGTH = 64;
/** One repetition in so many, and one read of a wallet, is from the sample. */
const SAMPLE_INTERVAL = 4;
/** Redemptions on a page when a report is read in full: larger vouchers have several pages. */
const FULL_REPORT_PAGE_LENGTH = 16;
/** Far more than the largest limit fills. */
const FULL_REPORT_PAGES_MAX = 32;

/** Weights of the operations. */
const MIX = new WeightedChoice<(drawing: Drawing) => Invocation>([
  [52, (drawing) => drawing.redeem()],
  [18, (drawing) => drawing.redeemAgain()],
  [8, (drawing) => ({ f: 'read', value: { code: drawing.voucher().code } })],
  [8, (drawing) => drawing.report()],
  [10, (drawing) => drawing.wallet()],
  [3, (drawing) => ({ f: 'create', value: drawing.voucher() })],
  [1, (drawing) => createOtherwise(drawing.voucher())],
]);

export interface VoucherTestOptions {
  /** The number of records that hold the rights of each voucher. Absent: each voucher has its own number. */
  readonly shards?: number;
  readonly vouchers?: readonly Offer[];
  readonly userCount?: number;
  /** The first operations. With `redeem` a handful of operations already redeems, and one request is repeated. */
  readonly opening?: 'create' | 'redeem';
  /** Whether new vouchers open as long as the run lasts. If not, the run may have nothing left to redeem at its end. */
  readonly renews?: boolean;
  /** See `TestSetting`. */
  readonly names?: string;
}

const OPTIONS: NonNullable<WorkloadTest['options']> = { members: MEMBERS_OPTION };

export const voucherTest = configurable({});

/** The smallest test in which rights move between shards and some users get none. */
export const smallVoucherTest = configurable({
  vouchers: [
    { voucher: { code: 'hot', limit: 3, amount: 500, shards: 2 }, weight: 2 },
    { voucher: { code: 'cold', limit: 2, amount: 30, shards: 1 }, weight: 1 },
  ],
  userCount: 6,
  opening: 'redeem',
  renews: false,
});

function configurable(own: VoucherTestOptions): WorkloadTest {
  return {
    ...createVoucherTest(own),
    options: OPTIONS,
    configure: ({ names }) => createVoucherTest({ ...own, names }),
  };
}

export function createVoucherTest({
  shards,
  vouchers = OFFERS,
  userCount = USER_COUNT,
  opening = 'create',
  renews = true,
  names = '',
}: VoucherTestOptions = {}): WorkloadTest {
  const offers = vouchers.map((offer) => {
    const { voucher } = offer;
    return { ...offer, voucher: { ...voucher, shards: shards ?? voucher.shards } };
  });
  const scene = new Scene({ offers, userCount, renews, names });
  return {
    reusableClients: true,
    // A node keeps all its data in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => {
      const drawing = new Drawing(random, scene);
      const first =
        opening === 'create'
          ? scene.first.map((value) => ({ f: 'create', value }))
          : [drawing.redeem(), drawing.redeemAgain(), drawing.redeem()];
      return () => first.shift() ?? drawing.operation();
    },
    createInvoke: () => {
      const existing = new ExistingVouchers(scene);
      return (client, { f, value }) => operationIn('voucher', OPERATIONS, f)(client, value, existing);
    },
    createFinalInvocations: (random, _askers, history) => lastQuestions(random, scene, history),
    checker: voucherChecker,
    ...(renews ? { createWorkCounter: countRedemptions } : {}),
  };
}

/** Work is a redemption acknowledged for the first time. */
function countRedemptions(): CountWork {
  const known = new Set<string>();
  return (f, value) => {
    if (f !== 'redeem') return false;
    const { code, user, outcome } = value as Request & { readonly outcome: Outcome };
    const name = JSON.stringify([code, user]);
    if (outcome !== 'redeemed' || known.has(name)) return false;
    known.add(name);
    return true;
  };
}

class Drawing {
  readonly #random: SeededRandom;
  readonly #scene: Scene;
  readonly #market: Market;
  /** Open vouchers that no operation has created yet. */
  readonly #due: Voucher[] = [];
  readonly #sample: Request[] = [];
  #requestCount = 0;
  #last: Request | undefined;

  constructor(random: SeededRandom, scene: Scene) {
    this.#random = random;
    this.#scene = scene;
    this.#market = new Market(random, scene);
  }

  operation(): Invocation {
    const opened = this.#due.shift();
    return opened === undefined ? MIX.draw(this.#random)(this) : { f: 'create', value: opened };
  }

  redeem(): Invocation {
    const { code } = this.#market.voucherToRedeem();
    const user = this.#market.user();
    const number = this.#random.integer(SECOND_REQUEST_INTERVAL) === 0 ? 1 : 0;
    const value = this.#scene.requestOf(code, user, number);
    this.#last = value;
    this.#keep(value);
    this.#due.push(...this.#market.opened());
    return { f: 'redeem', value };
  }

  /** Mostly the latest requests, which another node may still be working on. */
  redeemAgain(): Invocation {
    if (this.#last === undefined) return this.redeem();
    return { f: 'redeem', value: this.#earlier() ?? this.#last };
  }

  report(): Invocation {
    const { code, limit } = this.#market.voucher();
    const [offset, length] = [this.#random.integer(limit + 1), 1 + this.#random.integer(PAGE_LENGTH_MAX)];
    return { f: 'report', value: { code, offset, limit: length } };
  }

  wallet(): Invocation {
    return { f: 'wallet', value: { user: this.#earlier()?.user ?? this.#market.user() } };
  }

  voucher(): Voucher {
    return this.#market.voucher();
  }

  /** Now and then a request of any time. */
  #earlier(): Request | undefined {
    if (this.#sample.length === 0 || this.#random.integer(SAMPLE_INTERVAL) > 0) return undefined;
    return this.#random.pick(this.#sample);
  }

  #keep(request: Request): void {
    const index = this.#random.integer(++this.#requestCount);
    if (this.#sample.length < SAMPLE_LENGTH) this.#sample.push(request);
    else if (index < SAMPLE_LENGTH) this.#sample[index] = request;
  }
}

/** Vouchers that a client in the run was told exist. */
class ExistingVouchers {
  readonly #scene: Scene;
  readonly #existing = new Set<string>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async create(client: Client, value: Voucher): Promise<Completion> {
    const result = await client.rpc(VoucherCreate, value);
    if (result.kind === 'ok') this.#existing.add(value.code);
    return completeWith(result, value, () => value);
  }

  /** Runs `act` on a voucher that exists. If it may not exist, nothing is done, and that is certain. */
  async whenCreated(
    client: Client,
    value: { readonly code: string },
    act: () => Promise<Completion>,
  ): Promise<Completion> {
    const voucher = this.#scene.voucherOf(value.code);
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

/** A refusal is correct, and so is ok. */
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
  const request = value as Request;
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

/** Page by page. Additions may appear anywhere, so a report that grows meanwhile is no answer. */
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
      // The checker judges a report that ends too early, or never.
      if (redemptions.length >= length || more.length === 0 || pageCount === FULL_REPORT_PAGES_MAX)
        return { type: 'ok', value: { code, length, redemptions } };
    }
  });
}

async function readWallet(client: Client, value: unknown): Promise<Completion> {
  const { user } = value as { readonly user: string };
  return completeWith(await client.rpc(WalletRead, { user }), value, (body) => ({ user, ...answerIn(body) }));
}

/**
 * voucher: limited redemption. Under any demand, at any node and under any faults, the limit holds and every redemption
 * is credited once.
 */
export const voucher: Workload = {
  ...voucherNode,
  text: 'Redeems vouchers until they are sold out, reads reports and wallets, and repeats requests.',
  test: voucherTest,
  small: smallVoucherTest,
  limits: {
    page: [1, 2, 5],
    group: [1, 2, 5],
    pending: [2, 5, 12],
    gather: [1, 2, 8],
    left: [1, 2, 8],
    terms: [1, 2],
    requests: REQUESTS,
    lease: LEASES_MS,
  } satisfies Record<keyof VoucherLimits | 'requests' | 'lease', readonly number[]>,
};
