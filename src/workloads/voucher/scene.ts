/**
 * The vouchers and users of a test. New vouchers open as long as a run lasts, and users come and go with them. So at
 * every moment some vouchers are fresh, some are being sold out and some are old, and wallets stay small.
 *
 * The open vouchers follow from the number of redemptions drawn. The terms of a voucher follow from its code, because
 * operations, probes and last questions are drawn separately, and a replay may lack its creation. `hot` is the first
 * voucher of its kind, `hot-1` the second.
 */

import { WeightedChoice } from '../../harness/drawing.ts';
import { nameIn } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';

export interface Voucher {
  readonly code: string;
  readonly limit: number;
  readonly amount: number;
  readonly shards: number;
}

/** A kind of voucher. */
export interface Offer {
  /** The first one. The others have the same terms. */
  readonly voucher: Voucher;
  /** The weight of the kind in the draws. */
  readonly weight: number;
  /** The first voucher opens after so many redemptions of all kinds. Default: at once. */
  readonly after?: number;
}

/** A request of a user. There are few request ids: one has a meaning only together with code and user. */
export interface Request {
  readonly code: string;
  readonly user: string;
  readonly request_id: string;
}

/** A voucher is the newest of its kind for so many draws, times its limit. It is sold out before the end of that. */
const DRAWS_PER_RIGHT = 2;
/** One draw in so many is of a voucher that is no longer the newest of its kind. */
const OLD_VOUCHER_INTERVAL = 7;
/** One user in so many is frequent. Together these make a quarter of all requests. */
const FREQUENT_USER_INTERVAL = 12;
const FREQUENT_DRAW_INTERVAL = 4;
/** After so many redemptions a user leaves and a new one comes. */
const DRAWS_PER_USER = 3;

const CODE = /^(.+?)(?:-([1-9]\d*))?$/;

export interface SceneOptions {
  readonly offers: readonly Offer[];
  /** The number of users at any time. */
  readonly userCount: number;
  /** Whether new vouchers open and users come and go. */
  readonly renews: boolean;
  /** See `TestSetting`. */
  readonly names: string;
}

export class Scene {
  readonly offers: readonly Offer[];
  readonly userCount: number;
  readonly renews: boolean;
  readonly #names: string;

  constructor({ offers, userCount, renews, names }: SceneOptions) {
    this.offers = offers.map((offer) => {
      const { voucher } = offer;
      return { ...offer, voucher: { ...voucher, code: nameIn(names, voucher.code) } };
    });
    this.userCount = userCount;
    this.renews = renews;
    this.#names = names;
  }

  /** The vouchers open from the beginning. */
  get first(): readonly Voucher[] {
    return this.offers.filter(({ after = 0 }) => after === 0).map(({ voucher }) => voucher);
  }

  userAt(number: number): string {
    return nameIn(this.#names, `u${number}`);
  }

  /** The `number`th request of a user for a voucher. The same arguments give the same request. */
  requestOf(code: string, user: string, number = 0): Request {
    return { code, user, request_id: nameIn(this.#names, `r${number}`) };
  }

  /** Throws for a code that no test uses. */
  voucherOf(code: string): Voucher {
    const [, name, number] = CODE.exec(code) ?? [];
    const offer = this.offers.find(({ voucher }) => voucher.code === name);
    if (offer === undefined || (number !== undefined && !this.renews))
      throw new Error(`the workload voucher has no voucher ${code}`);
    return { ...offer.voucher, code };
  }
}

/** One kind of voucher and its progress in a run. */
interface Kind {
  readonly offer: Offer;
  /** The number of the newest voucher. */
  newest: number;
  /** How often the newest one was drawn for a redemption. */
  drawCount: number;
}

/** The open vouchers at a moment of a run. It advances with each redemption that is drawn. */
export class Market {
  readonly #random: SeededRandom;
  readonly #scene: Scene;
  #kinds: readonly Kind[] = [];
  #mix = new WeightedChoice<Kind>([]);
  #redeemCount = 0;

  constructor(random: SeededRandom, scene: Scene) {
    this.#random = random;
    this.#scene = scene;
    this.#open();
  }

  /** A voucher to redeem. */
  voucherToRedeem(): Voucher {
    const kind = this.#mix.draw(this.#random);
    const number = this.#number(kind);
    if (number === kind.newest) kind.drawCount++;
    this.#redeemCount++;
    return voucherAt(kind, number);
  }

  /** The vouchers that the last redemption opened. */
  opened(): readonly Voucher[] {
    if (!this.#scene.renews) return [];
    const due = this.#kinds.filter(({ offer, drawCount }) => drawCount >= DRAWS_PER_RIGHT * offer.voucher.limit);
    for (const kind of due) {
      kind.newest++;
      kind.drawCount = 0;
    }
    return [...due.map((kind) => voucherAt(kind, kind.newest)), ...this.#open()];
  }

  /** An open voucher, mostly the newest of its kind. */
  voucher(): Voucher {
    const kind = this.#mix.draw(this.#random);
    return voucherAt(kind, this.#number(kind));
  }

  user(): string {
    const { userCount, renews } = this.#scene;
    const oldest = renews ? Math.floor(this.#redeemCount / DRAWS_PER_USER) : 0;
    if (this.#random.integer(FREQUENT_DRAW_INTERVAL) > 0)
      return this.#scene.userAt(oldest + this.#random.integer(userCount));
    const firstFrequent = Math.ceil(oldest / FREQUENT_USER_INTERVAL);
    const count = Math.ceil(userCount / FREQUENT_USER_INTERVAL);
    return this.#scene.userAt((firstFrequent + this.#random.integer(count)) * FREQUENT_USER_INTERVAL);
  }

  #number({ newest }: Kind): number {
    if (newest === 0 || this.#random.integer(OLD_VOUCHER_INTERVAL) > 0) return newest;
    // The previous one is still in demand. The others are requested now and then.
    return this.#random.integer(2) === 0 ? newest - 1 : this.#random.integer(newest);
  }

  /** Opens the kinds that are due. */
  #open(): readonly Voucher[] {
    const isDue = ({ after = 0 }: Offer) => after <= this.#redeemCount;
    const known = new Set(this.#kinds.map(({ offer }) => offer));
    const due = this.#scene.offers.filter((offer) => isDue(offer) && !known.has(offer));
    if (due.length === 0) return [];
    this.#kinds = [...this.#kinds, ...due.map((offer) => ({ offer, newest: 0, drawCount: 0 }))];
    this.#mix = new WeightedChoice(this.#kinds.map((kind) => [kind.offer.weight, kind]));
    return due.map(({ voucher }) => voucher);
  }
}

function voucherAt({ offer }: Kind, number: number): Voucher {
  const { voucher } = offer;
  return number === 0 ? voucher : { ...voucher, code: `${voucher.code}-${number}` };
}
