/**
 * A service whose store is backed up, destroyed and restored, with clients that remember what was answered when. Ids
 * are remembered for ever: none may come twice, also if the store is lost. Everything else is held against what had
 * been answered before the backup began.
 */

import { decodeSnowflake } from '../../src/ids/snowflake.ts';
import { decodeUuid } from '../../src/ids/uuid.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { type Answer, isRetryable, ServiceClient } from './service-client.ts';
import { until } from './snowstorm-process.ts';

type Body = Readonly<Record<string, unknown>>;

interface Asked {
  readonly body: Body;
  /** When it was answered for good, by the monotonic clock; undefined: it was not. */
  answeredMs?: number;
  answer?: Body;
}

const ACCOUNTS = Array.from({ length: 16 }, (_, index) => `a-${index}`);
const OPENED = 1000;
const VOUCHERS = ['v-0', 'v-1', 'v-2'];
const LIMIT = 120;
const AMOUNT = 500;
const CLIENTS = 16;
const DRAWING_MS = 1000;
const RETRY_MS = 20;
/** Longer than a service takes to start on the busiest machine. */
const ASK_MS_MAX = 240_000;
const PAGE = 1000;

export class BackupWorld {
  readonly wrong: string[] = [];
  /** Every (timestamp, node, sequence) of an id that was answered, in all lives of all stores. */
  readonly #slots = new Set<string>();
  readonly #urls: () => readonly string[];
  readonly #client = new ServiceClient();
  readonly #random: SeededRandom;
  /** In the order in which they were asked. */
  readonly #transfers: Asked[] = [];
  readonly #redemptions: Asked[] = [];
  readonly #lists = [this.#transfers, this.#redemptions];
  #requestCount = 0;
  #stopping = false;

  constructor(urls: () => readonly string[], seed: number) {
    this.#urls = urls;
    this.#random = new SeededRandom(seed);
  }

  async prepare(): Promise<void> {
    for (const account of ACCOUNTS) await this.must({ type: 'account_open', account, balance: OPENED });
    for (const code of VOUCHERS) await this.must({ type: 'voucher_create', code, limit: LIMIT, amount: AMOUNT });
  }

  /** All clients at work until `stop`. */
  async run(stop: Promise<unknown>): Promise<void> {
    this.#stopping = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!this.#stopping) await this.#operate();
    });
    const end = stop.finally(() => {
      this.#stopping = true;
    });
    await Promise.all([end, ...clients]);
  }

  /** Ids of nearly every millisecond for a while: a store that forgot its bounds gives some of them again. */
  async drawIds(): Promise<void> {
    const endMs = performance.now() + DRAWING_MS;
    const clients = Array.from({ length: CLIENTS }, async (_, index) => {
      const kind = index % 2 === 0 ? 'snowflake' : 'uuid';
      while (performance.now() < endMs) this.#noteIds(await this.must({ type: 'generate', count: 20, kind }));
    });
    await Promise.all(clients);
  }

  /** What the restored store shows that cannot be, if the backup began at this time of the monotonic clock. */
  async audit(beganMs: number): Promise<readonly string[]> {
    await until(
      async () => (await this.#findUnfinished()) === undefined,
      () => 'it stays unfinished',
    );
    const found = [...this.wrong, ...(await this.#auditTransfers(beganMs))];
    for (const code of VOUCHERS) found.push(...(await this.#auditVoucher(code, beganMs)));
    const before = await this.#balances();
    found.push(...(await this.#repeat(beganMs)));
    const after = await this.#balances();
    if (JSON.stringify(before) !== JSON.stringify(after)) found.push('requests that were answered were done again');
    return found;
  }

  close(): void {
    this.#client.close();
  }

  /** How much has been asked. */
  get askedCount(): readonly number[] {
    return this.#lists.map(({ length }) => length);
  }

  /** Forgets what was asked since: the store of that time is gone, and nothing of it may be in the next one. */
  forgetSince(counts: readonly number[]): void {
    for (const [index, list] of this.#lists.entries()) list.splice(counts[index] as number);
  }

  async must(body: Body): Promise<Body> {
    const answer = await this.#ask(body, () => true);
    if (answer?.kind === 'ok') return answer.body;
    throw new Error(`${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
  }

  async #operate(): Promise<void> {
    const request_id = `r-${this.#requestCount++}`;
    switch (this.#random.integer(3)) {
      case 0: {
        const [from, to] = [this.#random.pick(ACCOUNTS), this.#random.pick(ACCOUNTS)];
        if (from === to) return;
        const amount = 1 + this.#random.integer(50);
        await this.#note(this.#transfers, { type: 'transfer', request_id, from, to, amount });
        return;
      }
      case 1: {
        const user = `u-${this.#random.integer(2 * LIMIT)}`;
        await this.#note(this.#redemptions, { type: 'redeem', code: this.#random.pick(VOUCHERS), user, request_id });
        return;
      }
      default: {
        const kind = this.#random.pick(['snowflake', 'uuid']);
        const answer = await this.#ask({ type: 'generate', count: 1 + this.#random.integer(500), kind });
        if (answer?.kind === 'ok') this.#noteIds(answer.body);
      }
    }
  }

  async #note(list: Asked[], body: Body): Promise<void> {
    const asked: Asked = { body };
    list.push(asked);
    const answer = await this.#ask(body);
    if (answer === undefined) return;
    if (answer.kind !== 'ok') {
      this.wrong.push(`${JSON.stringify(body)} was answered ${JSON.stringify(answer)}`);
      return;
    }
    asked.answeredMs = performance.now();
    asked.answer = answer.body;
  }

  /** Asks until there is a final answer; undefined: the load ended before. */
  async #ask(body: Body, goesOn = () => !this.#stopping): Promise<Answer | undefined> {
    const endMs = performance.now() + ASK_MS_MAX;
    for (;;) {
      const answer = await this.#client.rpc(this.#random.pick(this.#urls()), body);
      if (!isRetryable(answer)) return answer;
      if (!goesOn()) return undefined;
      if (performance.now() >= endMs) throw new Error(`${JSON.stringify(body)}: still ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #noteIds(body: Body): void {
    let count = 0;
    for (const id of body.ids as string[]) {
      const { timestampMs, node, sequence } = id.includes('-') ? decodeUuid(id) : decodeSnowflake(id);
      const slot = `${timestampMs}/${node}/${sequence}`;
      if (this.#slots.has(slot)) count++;
      this.#slots.add(slot);
    }
    if (count > 0) this.wrong.push(`${count} ids came twice`);
  }

  async #findUnfinished(): Promise<string | undefined> {
    const { unfinished } = await this.must({ type: 'audit', accounts: ACCOUNTS });
    const [transfer] = unfinished as { request_id: string }[];
    if (transfer !== undefined) return `transfer ${transfer.request_id}`;
    for (const code of VOUCHERS)
      if ((await this.must({ type: 'voucher_read', code })).pending !== 0) return `redemptions of ${code}`;
    return undefined;
  }

  /** The balances must be those of the transfers that the store calls committed. */
  async #auditTransfers(beganMs: number): Promise<string[]> {
    const found: string[] = [];
    const balances = new Map(ACCOUNTS.map((account) => [account, OPENED]));
    const states = await Promise.all(
      this.#transfers.map(({ body: { request_id } }) => this.#ask({ type: 'transfer_status', request_id }, () => true)),
    );
    for (const [index, { body, answer, answeredMs }] of this.#transfers.entries()) {
      const status = states[index];
      const state = status?.kind === 'ok' ? status.body.state : 'unknown';
      const { from, to, amount } = body as { from: string; to: string; amount: number };
      if (state === 'committed') {
        balances.set(from, (balances.get(from) as number) - amount);
        balances.set(to, (balances.get(to) as number) + amount);
      }
      if (answer !== undefined && (answeredMs as number) < beganMs && state !== answer.outcome)
        found.push(`${body.request_id} was ${answer.outcome} before the backup, and is ${state}`);
    }
    const now = await this.#balances();
    for (const [account, balance] of balances)
      if (now[account] !== balance) found.push(`${account} has ${now[account]}, and should have ${balance}`);
    const sum = Object.values(now).reduce((one, other) => one + other, 0);
    if (sum !== OPENED * ACCOUNTS.length) found.push(`all have ${sum}, and should have ${OPENED * ACCOUNTS.length}`);
    return found;
  }

  async #auditVoucher(code: string, beganMs: number): Promise<string[]> {
    const found: string[] = [];
    const { redemptions } = await this.must({ type: 'voucher_report', code, limit: PAGE, offset: 0 });
    const report = redemptions as { user: string; request_id: string; redemption: number }[];
    const byUser = new Map(report.map((entry) => [entry.user, entry]));
    if (report.length > LIMIT) found.push(`${code}: ${report.length} redemptions of ${LIMIT}`);
    if (byUser.size !== report.length) found.push(`${code}: a user is in the report twice`);
    const asked = this.#redemptions.filter(({ body }) => body.code === code);
    for (const { body, answer, answeredMs = Number.POSITIVE_INFINITY } of asked) {
      const entry = byUser.get(body.user as string);
      if (answer?.outcome !== 'redeemed' || answeredMs >= beganMs) continue;
      if (entry?.request_id !== body.request_id || entry?.redemption !== answer.redemption)
        found.push(`${code}: ${body.user} redeemed before the backup, and the report has ${JSON.stringify(entry)}`);
    }
    const requests = new Set(asked.map(({ body }) => `${body.user} ${body.request_id}`));
    for (const { user, request_id } of report)
      if (!requests.has(`${user} ${request_id}`)) found.push(`${code}: nothing asked for ${user} ${request_id}`);
    for (const { user } of report) {
      const { entries, balance } = await this.must({ type: 'wallet_read', user });
      const codes = (entries as { code: string }[]).map((entry) => entry.code);
      if (balance !== AMOUNT * codes.length || !codes.includes(code))
        found.push(`${user} has ${balance} for ${codes.join()}`);
    }
    return found;
  }

  /** Asks again for what was answered before. The answers must be the same. */
  async #repeat(beganMs: number): Promise<string[]> {
    const before = this.#lists.flat().filter(({ answeredMs = Number.POSITIVE_INFINITY }) => answeredMs < beganMs);
    const answers = await Promise.all(before.map(({ body }) => this.must(body)));
    return before.flatMap(({ body, answer }, index) => {
      const again = answers[index];
      return JSON.stringify(again) === JSON.stringify(answer)
        ? []
        : [`${JSON.stringify(body)} was answered ${JSON.stringify(answer)}, and now ${JSON.stringify(again)}`];
    });
  }

  async #balances(): Promise<Record<string, number>> {
    const { balances } = await this.must({ type: 'audit', accounts: ACCOUNTS });
    return Object.fromEntries(ACCOUNTS.map((account, index) => [account, (balances as number[])[index] as number]));
  }
}
