/** Transfers that are asked once each, under a trace of their own, so that each answer is found in the audit. */

import { randomBytes } from 'node:crypto';
import { ServiceClient } from './service-client.ts';

const ACCOUNTS = 16;
const PAUSE_MS = 20;

export class AuditedLoad {
  /** Traces of transfers that were answered with 200, by their outcome. */
  readonly acknowledged = new Map<string, string>();
  /** Of those, the ones of the present life. */
  #present: string[] = [];
  /** Of those, the ones of lives that ended in order: their outcomes are there. */
  readonly #settled = new Set<string>();
  readonly #urls: () => readonly string[];
  readonly #client = new ServiceClient();
  #count = 0;

  constructor(urls: () => readonly string[]) {
    this.#urls = urls;
  }

  /** Opens accounts, one after the other. */
  async prepare(): Promise<void> {
    for (let index = 0; index < ACCOUNTS; index++)
      await this.#client.rpc(this.#url(index), {
        type: 'account_open',
        account: `account-${index}`,
        balance: 1_000_000,
      });
  }

  /** One transfer. Resolves to whether it was answered with 200. */
  async transfer(): Promise<boolean> {
    const number = this.#count++;
    const trace = randomBytes(16).toString('hex');
    const from = `account-${number % ACCOUNTS}`;
    const to = `account-${(number + 1 + Math.floor(number / ACCOUNTS)) % ACCOUNTS}`;
    const body = { type: 'transfer', request_id: `r-${trace}`, from, to: to === from ? 'account-none' : to, amount: 1 };
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
    const { status, json } = await this.#client.send(this.#url(number), 'POST', '/rpc', body, headers);
    if (status === 200) {
      this.acknowledged.set(trace, json.outcome as string);
      this.#present.push(trace);
    }
    return status === 200;
  }

  /** The life of a service is over. @param inOrder false: it was killed, so outcomes may lack */
  noteEnd(inOrder: boolean): void {
    if (inOrder) for (const trace of this.#present) this.#settled.add(trace);
    this.#present = [];
  }

  async run(clients: number, stop: Promise<unknown>): Promise<void> {
    let isOver = false;
    const all = Array.from({ length: clients }, async () => {
      while (!isOver) if (!(await this.transfer())) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    });
    await stop;
    isOver = true;
    await Promise.all(all);
  }

  /** The changes that `GET /audit` tells, in all its pages. */
  async changes(url: string): Promise<readonly { trace: string; what: string; outcome: string | null }[]> {
    const changes: { trace: string; what: string; outcome: string | null }[] = [];
    let after = '';
    do {
      const { json, text } = await this.#client.send(url, 'GET', `/audit?limit=1000${after}`);
      if (json.changes === undefined) throw new Error(text);
      changes.push(...(json.changes as typeof changes));
      after = json.next === undefined ? '' : `&after=${json.next}`;
    } while (after !== '');
    return changes;
  }

  /** What is wrong with an audit, by what was acknowledged. */
  async findMissing(url: string): Promise<readonly string[]> {
    const changes = await this.changes(url);
    const byTrace = new Map<string, string[]>();
    for (const { trace, outcome } of changes) byTrace.set(trace, [...(byTrace.get(trace) ?? []), `${outcome}`]);
    return [...this.acknowledged].flatMap(([trace, outcome]) => {
      const found = byTrace.get(trace) ?? [];
      // The outcome is not awaited, so a kill may come before it.
      const mayLack = !this.#settled.has(trace);
      const isRight = found.length === 1 && (found[0] === outcome || (mayLack && found[0] === 'null'));
      return isRight ? [] : [`${trace} was ${outcome}, and the audit has ${JSON.stringify(found)}`];
    });
  }

  close(): void {
    this.#client.close();
  }

  #url(number: number): string {
    const urls = this.#urls();
    return urls[number % urls.length] as string;
  }
}
