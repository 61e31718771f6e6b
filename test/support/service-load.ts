/**
 * Load for services, and the audit of what they answered. Clients redeem vouchers, move money, assign and generate ids,
 * at instances drawn at random. A request without a final answer is asked again with the same request id. Nothing is
 * believed but final answers. In the end everything is read again and held against them.
 */

import { SeededRandom } from '../../src/protocol/random.ts';
import { isRetryable, ServiceClient } from './service-client.ts';
import { until } from './snowstorm-process.ts';

export interface LoadOptions {
  /** The instances; read before each attempt, since they come and go. */
  readonly urls: () => readonly string[];
  readonly seed: number;
  readonly clients: number;
  /** Default: a mix of everything. */
  readonly kinds?: readonly Kind[];
  readonly accounts?: number;
  /** Each client moves money between two accounts that no other client uses. There must be twice as many accounts. */
  readonly ownAccounts?: boolean;
  /** Rights of each voucher. When one is sold out, the next one is created. */
  readonly limit?: number;
}

export type Kind = 'redeem' | 'transfer' | 'assign' | 'generate';

interface Asked {
  readonly kind: Kind;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Voucher {
  readonly code: string;
  readonly redeemed: Map<string, { requestId: string; redemption: number }>;
  /** The requests of each user. */
  readonly asked: Map<string, string[]>;
  soldOut: boolean;
  nextUser: number;
}

const KINDS: readonly Kind[] = ['redeem', 'transfer', 'transfer', 'redeem', 'assign', 'generate'];
const AMOUNT = 500;
const OPENED = 1000;
const RETRY_MS = 20;
const PAGE = 1000;

export class ServiceLoad {
  /** Requests with a final answer, by kind. */
  readonly done: Record<Kind, number> = { redeem: 0, transfer: 0, assign: 0, generate: 0 };
  /** What must never be: wrong answers and errors that no retry helps against. */
  readonly wrong: string[] = [];
  /** The longest time without a final answer, ms. */
  longestGapMs = 0;
  readonly #options: Required<LoadOptions>;
  readonly #client = new ServiceClient();
  readonly #random: SeededRandom;
  readonly #vouchers: Voucher[] = [];
  readonly #committed: { from: string; to: string; amount: number }[] = [];
  readonly #ids = new Set<string>();
  readonly #assigned = new Map<string, string>();
  #creating: Promise<Voucher> | undefined;
  #unanswered: Asked[] = [];
  #requestCount = 0;
  #stopping = false;
  #lastMs = 0;

  constructor(options: LoadOptions) {
    this.#options = { kinds: KINDS, accounts: 64, ownAccounts: false, limit: 300, ...options };
    this.#random = new SeededRandom(options.seed);
  }

  /** Opens the accounts and the first voucher. */
  async prepare(): Promise<void> {
    await Promise.all(
      this.#accounts().map((account) => this.#must({ type: 'account_open', account, balance: OPENED })),
    );
    await this.#newVoucher();
  }

  /** All clients at work until `stop`. */
  async run(stop: Promise<unknown>): Promise<void> {
    this.#stopping = false;
    this.#lastMs = performance.now();
    const clients = Array.from({ length: this.#options.clients }, async (_, client) => {
      while (!this.#stopping) await this.#operate(client);
    });
    await stop;
    this.#stopping = true;
    await Promise.all(clients);
  }

  /** The longest time without service starts anew. */
  resetGap(): void {
    this.longestGapMs = 0;
    this.#lastMs = performance.now();
  }

  /** Resolves to how long it took until nothing was unfinished, ms. */
  async settle(): Promise<number> {
    const beganMs = performance.now();
    let unfinished: string | undefined;
    const isSettled = async () => {
      unfinished = await this.#findUnfinished();
      return unfinished === undefined;
    };
    await until(isSettled, () => `still unfinished: ${unfinished}`);
    return performance.now() - beganMs;
  }

  /** By audits and counts alone. Repeating a request would finish it, and prove nothing. */
  async #findUnfinished(): Promise<string | undefined> {
    const audits = await this.#audits();
    const transfers = audits.flatMap(({ unfinished }) => unfinished.map(({ request_id }) => request_id));
    if (transfers.length > 0) return `transfers ${[...new Set(transfers)].slice(0, 5).join(', ')}`;
    for (const { code } of this.#vouchers) {
      const { pending } = await this.#must({ type: 'voucher_read', code });
      if (pending !== 0) return `${pending} redemptions of ${code}`;
    }
    return undefined;
  }

  /** Asks for everything that has no final answer yet, again and again. */
  async resolve(): Promise<void> {
    while (this.#unanswered.length > 0) {
      const some = this.#unanswered.splice(0, 64);
      await Promise.all(some.map((asked) => this.#ask(asked, true)));
    }
  }

  /** Reads everything again. Returns what does not agree with the answers. */
  async audit(): Promise<readonly string[]> {
    const found = [...this.wrong];
    const balances = new Map(this.#accounts().map((account) => [account, OPENED]));
    for (const { from, to, amount } of this.#committed) {
      balances.set(from, (balances.get(from) as number) - amount);
      balances.set(to, (balances.get(to) as number) + amount);
    }
    const audits = await this.#audits();
    for (const [account, balance] of audits.flatMap(({ accounts, balances }) =>
      accounts.map((a, i) => [a, balances[i]] as const),
    ))
      if (balances.get(account) !== balance)
        found.push(`${account} has ${balance}, and should have ${balances.get(account)}`);
    for (const voucher of this.#vouchers) found.push(...(await this.#auditVoucher(voucher)));
    for (const [name, id] of this.#assigned) {
      const again = await this.#must({ type: 'guid_assign', service: 'load', key: name });
      if (again.id !== id) found.push(`${name} was assigned ${id} and ${again.id}`);
    }
    return found;
  }

  async #auditVoucher({ code, redeemed, asked, soldOut }: Voucher): Promise<string[]> {
    const found: string[] = [];
    const { limit } = this.#options;
    const report: { user: string; request_id: string; redemption: number }[] = [];
    for (;;) {
      const page = await this.#must({ type: 'voucher_report', code, limit: PAGE, offset: report.length });
      const redemptions = page.redemptions as typeof report;
      report.push(...redemptions);
      if (redemptions.length === 0 || report.length >= (page.length as number)) break;
    }
    const byUser = new Map(report.map((entry) => [entry.user, entry]));
    if (report.length > limit) found.push(`${code}: ${report.length} redemptions of ${limit}`);
    if (byUser.size !== report.length) found.push(`${code}: a user is in the report twice`);
    if (new Set(report.map(({ redemption }) => redemption)).size !== report.length)
      found.push(`${code}: a number stands for two redemptions`);
    if (soldOut && report.length !== limit) found.push(`${code}: sold out with ${report.length} of ${limit}`);
    for (const [user, { requestId, redemption }] of redeemed) {
      const entry = byUser.get(user);
      if (entry?.request_id !== requestId || entry.redemption !== redemption)
        found.push(`${code}: ${user} redeemed as ${redemption}, and the report has ${JSON.stringify(entry)}`);
    }
    for (const { user, request_id } of report)
      if (!asked.get(user)?.includes(request_id)) found.push(`${code}: nothing asked for ${user} ${request_id}`);
    const wallets = await Promise.all(report.map(({ user }) => this.#must({ type: 'wallet_read', user })));
    for (const [index, { balance, entries }] of wallets.entries())
      if (balance !== AMOUNT || (entries as unknown[]).length !== 1)
        found.push(`${report[index]?.user} has ${balance}, and should have ${AMOUNT}`);
    return found;
  }

  async #operate(client: number): Promise<void> {
    const kind = this.#random.pick(this.#options.kinds);
    const body = await this.#draw(kind, client);
    if (body !== undefined) await this.#ask({ kind, body }, false);
  }

  /** @param always asks until there is a final answer, also after the end of the load */
  async #ask(asked: Asked, always: boolean): Promise<void> {
    for (;;) {
      const answer = await this.#client.rpc(this.#random.pick(this.#options.urls()), asked.body);
      if (isRetryable(answer)) {
        if (this.#stopping && !always) {
          this.#unanswered.push(asked);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      const nowMs = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      this.done[asked.kind]++;
      if (answer.kind === 'ok') this.#note(asked, answer.body);
      else this.wrong.push(`${JSON.stringify(asked.body)} was answered ${JSON.stringify(answer)}`);
      return;
    }
  }

  async #draw(kind: Kind, client: number): Promise<Readonly<Record<string, unknown>> | undefined> {
    const request_id = `r-${this.#options.seed}-${this.#requestCount++}`;
    if (kind === 'generate') return { type: 'generate', count: 1 + this.#random.integer(20) };
    if (kind === 'assign') return { type: 'guid_assign', service: 'load', key: `k${this.#random.integer(2000)}` };
    if (kind === 'transfer') {
      const all = this.#accounts();
      const accounts = this.#options.ownAccounts ? all.slice(2 * client, 2 * client + 2) : all;
      const from = this.#random.pick(accounts);
      const to = this.#random.pick(accounts);
      if (from === to) return undefined;
      return { type: 'transfer', request_id, from, to, amount: 1 + this.#random.integer(50) };
    }
    let voucher = this.#vouchers.at(-1) as Voucher;
    if (voucher.soldOut) {
      this.#creating ??= this.#newVoucher();
      voucher = await this.#creating;
    }
    const again = this.#random.integer(10) === 0 && voucher.nextUser > 0;
    const user = `${voucher.code}-u${again ? this.#random.integer(voucher.nextUser) : voucher.nextUser++}`;
    voucher.asked.set(user, [...(voucher.asked.get(user) ?? []), request_id]);
    return { type: 'redeem', code: voucher.code, user, request_id };
  }

  #note({ kind, body: asked }: Asked, answer: Readonly<Record<string, unknown>>): void {
    if (kind === 'generate') {
      for (const id of answer.ids as string[]) {
        if (this.#ids.has(id)) this.wrong.push(`id ${id} came twice`);
        this.#ids.add(id);
      }
    } else if (kind === 'assign') {
      const key = asked.key as string;
      const before = this.#assigned.get(key);
      if (before !== undefined && before !== answer.id) this.wrong.push(`${key} is ${before} and ${answer.id}`);
      this.#assigned.set(key, answer.id as string);
    } else if (kind === 'transfer') {
      const { from, to, amount } = asked as { from: string; to: string; amount: number };
      if (answer.outcome === 'committed') this.#committed.push({ from, to, amount });
    } else this.#noteRedemption(asked, answer);
  }

  #noteRedemption(asked: Readonly<Record<string, unknown>>, answer: Readonly<Record<string, unknown>>): void {
    const voucher = this.#vouchers.find(({ code }) => code === asked.code) as Voucher;
    const user = asked.user as string;
    const requestId = asked.request_id as string;
    const before = voucher.redeemed.get(user);
    if (answer.outcome === 'sold_out') voucher.soldOut = true;
    else if (answer.outcome === 'redeemed') {
      if (before !== undefined && before.requestId !== requestId) this.wrong.push(`${user} redeemed twice`);
      voucher.redeemed.set(user, { requestId, redemption: answer.redemption as number });
    } else if ((voucher.asked.get(user) as string[]).length === 1)
      this.wrong.push(`${user} had redeemed already, with its first request`);
  }

  async #newVoucher(): Promise<Voucher> {
    const code = `v-${this.#options.seed}-${this.#vouchers.length}`;
    const voucher: Voucher = { code, redeemed: new Map(), asked: new Map(), soldOut: false, nextUser: 0 };
    await this.#must({ type: 'voucher_create', code, limit: this.#options.limit, amount: AMOUNT });
    this.#vouchers.push(voucher);
    this.#creating = undefined;
    return voucher;
  }

  #accounts(): readonly string[] {
    return Array.from({ length: this.#options.accounts }, (_, index) => `a-${this.#options.seed}-${index}`);
  }

  async #audits(): Promise<
    { accounts: readonly string[]; balances: number[]; unfinished: { request_id: string }[] }[]
  > {
    const accounts = this.#accounts();
    const parts = Array.from({ length: Math.ceil(accounts.length / 100) }, (_, part) =>
      accounts.slice(part * 100, part * 100 + 100),
    );
    return Promise.all(
      parts.map(async (part) => {
        const { balances, unfinished } = await this.#must({ type: 'audit', accounts: part });
        return { accounts: part, balances: balances as number[], unfinished: unfinished as { request_id: string }[] };
      }),
    );
  }

  /** Asks until there is an answer; throws if it is a definite error. */
  async #must(body: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const endMs = performance.now() + 60_000;
    for (;;) {
      const answer = await this.#client.rpc(this.#random.pick(this.#options.urls()), body);
      if (answer.kind === 'ok') return answer.body;
      if (!isRetryable(answer) || performance.now() > endMs)
        throw new Error(`${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  close(): void {
    this.#client.close();
  }
}
