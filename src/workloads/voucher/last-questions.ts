/**
 * The last questions of a voucher test: about every voucher that any operation named, and about every user. Their
 * number follows the run, and questions of one kind are asked side by side.
 */

import type { FinalStep, Invocation } from '../../harness/workload-test.ts';
import type { History } from '../../history/history.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { Outcome } from './messages.ts';
import type { Request, Scene, Voucher } from './scene.ts';

/** Requests that are repeated. */
const REPLAYS_MAX = 150;
/** Wallets that are read again after that. */
const WALLETS_AFTER_REPLAYS = 8;
export const PAGE_LENGTH_MAX = 10;

/** A request with other parameters, which must be refused. */
export function createOtherwise(voucher: Voucher): Invocation {
  return { f: 'create-otherwise', value: { ...voucher, limit: voucher.limit + 1 } };
}

/**
 * In the end everything must settle, fresh users redeem the rest, and reports and wallets are read in full. Only then
 * requests are repeated, because a repetition alone would finish what a node has left half done.
 */
export function lastQuestions(random: SeededRandom, scene: Scene, history: History): readonly FinalStep[] {
  const { codes, users, requests, redeemedCounts } = summarize(scene, history);
  const vouchers = codes.map((code) => scene.voucherOf(code));
  const ofEach = (f: string): Invocation[] => codes.map((code) => ({ f, value: { code } }));
  const wallets = (owners: Iterable<string>): Invocation[] =>
    Array.from(new Set(owners), (user) => ({ f: 'wallet', value: { user } }));
  // One more than the rights that can be left, so that the last users are told that there are none.
  const drain = vouchers.flatMap(({ code, limit }) => {
    const count = Math.max(0, limit - (redeemedCounts.get(code) ?? 0)) + 1;
    return Array.from({ length: count }, (_, number) => scene.requestOf(code, `fresh-${code}-${number}`));
  });
  // Shuffled, so that mostly another node is asked than at the first time.
  const replayed = random.shuffle(requests).slice(0, REPLAYS_MAX);
  const affected = replayed.slice(0, WALLETS_AFTER_REPLAYS).map(({ user }) => user);
  return [
    vouchers.map((value) => ({ f: 'create', value })),
    vouchers.map(createOtherwise),
    ofEach('settled'),
    drain.map((value) => ({ f: 'redeem', value })),
    ofEach('settled'),
    ofEach('report-all'),
    wallets([...users, ...drain.map(({ user }) => user)]),
    replayed.map((value) => ({ f: 'replay', value })),
    // A replay must have changed nothing.
    ofEach('settled'),
    ofEach('read'),
    codes.map((code) => ({ f: 'report', value: { code, offset: 0, limit: PAGE_LENGTH_MAX } })),
    ofEach('report-all'),
    wallets(affected),
  ];
}

interface Summary {
  /** The vouchers open from the beginning, and all others that were named. */
  readonly codes: readonly string[];
  readonly users: Iterable<string>;
  /** Each once. */
  readonly requests: readonly Request[];
  /** For each code, how many users were told that they redeemed. */
  readonly redeemedCounts: ReadonlyMap<string, number>;
}

function summarize(scene: Scene, history: History): Summary {
  const codes = new Set(scene.first.map(({ code }) => code));
  const users = new Set<string>();
  const requests = new Map<string, Request>();
  const redeemed = new Set<string>();
  const redeemedCounts = new Map<string, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const { code, user, request_id, outcome } = history.valueAt(index) as Partial<Request> & { outcome?: Outcome };
    if (code !== undefined) codes.add(code);
    if (user !== undefined) users.add(user);
    if (code === undefined || user === undefined || request_id === undefined) continue;
    requests.set(JSON.stringify([code, user, request_id]), { code, user, request_id });
    const name = JSON.stringify([code, user]);
    if (outcome !== 'redeemed' || redeemed.has(name)) continue;
    redeemed.add(name);
    redeemedCounts.set(code, (redeemedCounts.get(code) ?? 0) + 1);
  }
  return { codes: [...codes], users, requests: [...requests.values()], redeemedCounts };
}
