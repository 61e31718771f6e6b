/** A simulated run in which clients only transfer money. */

import { type Client, completeWith } from '../../src/harness/client.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { AccountOpen, Transfer } from '../../src/workloads/saga/messages.ts';
import { startTransfers } from '../../src/workloads/saga/node.ts';
import { type ClientRun, runClients } from './client-run.ts';

const BALANCE = 1e9;
const AMOUNT_MAX = 100;

export interface TransferRun extends ClientRun {
  readonly outcomes: Readonly<Record<string, number>>;
  /** Real time per transfer, over the first `sampleLength` transfers and over the last, µs. */
  readonly firstMicroseconds: number;
  readonly lastMicroseconds: number;
}

export interface TransferRunOptions extends Partial<RunOptions> {
  /**
   * `own`: every client moves money between two accounts of its own. A number: all clients share that many accounts.
   */
  readonly accounts: 'own' | number;
  readonly transferCount: number;
  readonly sampleLength?: number;
}

export async function runTransfers({
  accounts,
  transferCount,
  sampleLength = 1000,
  ...options
}: TransferRunOptions): Promise<TransferRun> {
  const outcomes: Record<string, number> = {};
  const random = new SeededRandom('transfers');
  const names = new Map<Client, number>();
  const opened = new Set<string>();
  const marksMs: number[] = [];
  let answered = 0;
  const pairOf = (client: Client): [string, string] => {
    if (accounts === 'own') {
      if (!names.has(client)) names.set(client, names.size);
      const pair: [string, string] = [`own-${names.get(client)}-a`, `own-${names.get(client)}-b`];
      return random.integer(2) === 0 ? pair : [pair[1], pair[0]];
    }
    const from = random.integer(accounts);
    const to = (from + 1 + random.integer(accounts - 1)) % accounts;
    return [`shared-${from}`, `shared-${to}`];
  };
  const run = await runClients({
    startHandlers: (context) => startTransfers(context, { kv: new LinKvStore(context) }),
    createGenerator: () => {
      let number = 0;
      return () => ({ f: 'transfer', value: number++ });
    },
    createInvoke:
      () =>
      async (client, { value }) => {
        const [from, to] = pairOf(client);
        for (const account of [from, to]) {
          if (opened.has(account)) continue;
          const completion = completeWith(await client.rpc(AccountOpen, { account, balance: BALANCE }), value, () => 0);
          if (completion.type !== 'ok') return completion;
          opened.add(account);
        }
        const request = { request_id: `r${value}`, from, to, amount: 1 + random.integer(AMOUNT_MAX) };
        const completion = completeWith(await client.rpc(Transfer, request), value, ({ outcome }) => outcome);
        const outcome = completion.type === 'ok' ? String(completion.value) : completion.type;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (answered++ % sampleLength === 0) marksMs.push(performance.now());
        return completion;
      },
    isEnough: () => answered >= transferCount,
    options: { seed: 'transfers', ...options },
  });
  const perTransfer = (index: number) =>
    (((marksMs[index + 1] as number) - (marksMs[index] as number)) * 1000) / sampleLength;
  return {
    ...run,
    outcomes,
    firstMicroseconds: perTransfer(0),
    lastMicroseconds: perTransfer(marksMs.length - 2),
  };
}
