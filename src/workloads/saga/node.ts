/**
 * What a node answers about accounts and transfers. `messages.ts` declares the messages, `transfers.ts` says what a
 * transfer does, and `saga/` drives it.
 */

import { readOrThrow } from '../../kv/documents.ts';
import type { Keeping } from '../../kv/horizon.ts';
import { keyPart } from '../../kv/key-part.ts';
import { FixedMembers, type Members } from '../../kv/members.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import { storeTimings } from '../../kv/timings.ts';
import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import { type CoordinatorOptions, SagaCoordinator } from '../../saga/coordinator.ts';
import { type DriverOptions, SagaDriver } from '../../saga/driver.ts';
import { endedSagas } from '../../saga/ended-sagas.ts';
import { FinishedSagas } from '../../saga/finished-sagas.ts';
import { SAGA_LIMITS, type SagaLimits } from '../../saga/limits.ts';
import { isEnded, type Mark, type ParticipantRecord } from '../../saga/marks.ts';
import { Participants, type ParticipantsOptions } from '../../saga/participants.ts';
import { Order, plannedKind } from '../../saga/plan.ts';
import { forgetInput, indexKey, isTerminal, keyedDigest, openSagaStore, type SagaStore } from '../../saga/record.ts';
import type { ErasurePorts } from '../erasure/erased.ts';
import { Erasure, type ErasureRules } from '../erasure/erasure.ts';
import type { ServedWorkload, WorkloadPorts } from '../served-workload.ts';
import { VOUCHER_LIMITS } from '../voucher/limits.ts';
import { openVoucherStore } from '../voucher/records.ts';
import { Account, type Accounts, accountKey, exists } from './accounts.ts';
import { AccountClose, AccountErase, AccountOpen, Audit, Transfer, TransferStatus } from './messages.ts';
import { opened } from './opening.ts';
import {
  createTransferKind,
  heldBy,
  legsOf,
  type planTransfer,
  TransferInput,
  type TransferKind,
} from './transfers.ts';

/** The longest pause between two looks at an account that is to be closed, ms. */
const CLOSE_PAUSE_MS = 100;

/** Parts that a mutant may replace. */
export interface SagaParts {
  readonly accounts?: Partial<Pick<ParticipantsOptions<Account>, 'marking' | 'schema' | 'wrap'>>;
  readonly plan?: typeof planTransfer;
  readonly driver?: Partial<Pick<DriverOptions, 'moves' | 'finish'>>;
  readonly limits?: SagaLimits;
  readonly coordinator?: Partial<Pick<CoordinatorOptions, 'sweeper' | 'index' | 'isSameRequest'>>;
  /** What ends, and when. Absent: everything is kept for ever. */
  readonly retention?: Keeping | undefined;
  /** How accounts are erased. Absent: none is. */
  readonly erasure?:
    | { readonly ports: ErasurePorts; readonly pageLength: number; readonly rules?: Partial<ErasureRules> }
    | undefined;
}

export async function startTransfers(
  context: NodeContext,
  {
    kv,
    members,
    limits,
    retention,
    erasure: ports,
  }: Pick<WorkloadPorts, 'kv' | 'members' | 'limits' | 'retention' | 'erasure'>,
): Promise<readonly Handler[]> {
  retention?.add(endedSagas('transfers'));
  const { page: pageLength } = { ...VOUCHER_LIMITS, ...limits };
  const erasure = ports && { ports, pageLength };
  return transferHandlers(context, kv, { limits: { ...SAGA_LIMITS, ...limits }, retention, erasure }, members);
}

export function transferHandlers(
  context: NodeContext,
  kv: LinearizableStore,
  parts: SagaParts,
  members: Members = new FixedMembers(context),
): readonly Handler[] {
  const service = new TransferService(context, kv, members, parts);
  return [
    handler(AccountOpen, (request) => service.open(request)),
    handler(AccountClose, (request) => service.close(request)),
    handler(AccountErase, (request) => service.erase(request)),
    handler(Transfer, (request) => service.transfer(request)),
    handler(TransferStatus, (request) => service.status(request)),
    handler(Audit, (request) => service.audit(request)),
  ];
}

class TransferService {
  readonly #context: NodeContext;
  readonly #store: SagaStore;
  readonly #members: Members;
  /** How long to wait for an account that is to be closed, ms. */
  readonly #closeMs: number;
  readonly #accounts: Accounts;
  readonly #transfers: TransferKind;
  readonly #coordinator: SagaCoordinator;
  readonly #finished: FinishedSagas;
  readonly #retention: Keeping | undefined;
  readonly #erasure: Erasure | undefined;

  constructor(context: NodeContext, kv: LinearizableStore, members: Members, parts: SagaParts) {
    const { limits = SAGA_LIMITS, retention, erasure } = parts;
    const order = new Order();
    const finished = new FinishedSagas(limits.finished);
    this.#context = context;
    this.#finished = finished;
    this.#retention = retention;
    this.#store = openSagaStore(context, kv);
    this.#members = members;
    this.#closeMs = storeTimings(kv.patienceMs).stepMs;
    this.#accounts = new Participants({
      context,
      kv,
      name: 'account',
      schema: Account,
      keyOf: accountKey,
      order,
      finished,
      lookUp: (saga) => this.#coordinator.lookUp(saga),
      limits,
      ...parts.accounts,
    });
    this.#erasure = erasure && this.#createErasure(kv, erasure);
    const digest = erasure && keyedDigest(erasure.ports.hash);
    this.#transfers = createTransferKind(this.#accounts, parts.plan, this.#erasure?.rememberedMsMax);
    const driverOptions: DriverOptions = {
      context,
      sagas: this.#store.sagas,
      order,
      finished,
      kinds: [plannedKind(this.#transfers)],
      isEnded: retention && ((id) => retention.isEnded(id)),
      finish: digest && forgetInput(digest),
      ...parts.driver,
    };
    this.#coordinator = new SagaCoordinator({
      context,
      store: this.#store,
      members,
      patienceMs: kv.patienceMs,
      driver: new SagaDriver(driverOptions),
      order,
      finished,
      limits,
      retention,
      digest,
      mayLose: erasure !== undefined,
      ...parts.coordinator,
    });
    this.#erasure?.start();
  }

  #createErasure(kv: LinearizableStore, { ports, pageLength, rules }: NonNullable<SagaParts['erasure']>): Erasure {
    return new Erasure({
      context: this.#context,
      kv,
      ports,
      accounts: this.#accounts,
      members: this.#members,
      sagas: this.#store,
      vouchers: openVoucherStore(this.#context, kv, pageLength),
      readSaga: (id) => this.#coordinator.read(id),
      findFinished: (marks) => this.#findFinished(marks),
      rules,
    });
  }

  async open(request: RequestOf<typeof AccountOpen>): Promise<ReplyOf<typeof AccountOpen>> {
    this.#coordinator.start();
    const { account, request_id: id } = request;
    const { randomUint32 } = this.#context;
    const token = [randomUint32(), randomUint32()].map((number) => number.toString(36)).join('-');
    const erased = await this.#erasure?.erased.read(account);
    const opener = id === undefined ? undefined : this.#erasure?.erased.hash(id);
    const opening = { ...request, token, opener, erased };
    const result = await this.#accounts.create(account, (record) => opened(record, opening));
    if (result.kind !== 'ok') throw result.error;
    return {};
  }

  async erase({ account, request_id: id }: RequestOf<typeof AccountErase>): Promise<ReplyOf<typeof AccountErase>> {
    this.#coordinator.start();
    keyPart('account', account);
    if (this.#erasure === undefined) throw RpcError.of('not-supported', 'this node erases no accounts');
    await this.#erasure.erase(account, id);
    return {};
  }

  /** Waits for transfers that are working on the account, since they end soon; but not for ever. */
  async close({ account }: RequestOf<typeof AccountClose>): Promise<ReplyOf<typeof AccountClose>> {
    this.#coordinator.start();
    const { clock } = this.#context;
    const endMs = clock.monotonicMs() + this.#closeMs;
    for (;;) {
      const { content } = await this.#accounts.read(account);
      const finished = await this.#findFinished((content?.marks ?? []).filter((mark) => !isEnded(mark)));
      const result = await this.#accounts.update(account, (record) => closed(account, record, finished));
      if (result.kind === 'ok') return {};
      if (
        !result.error.unavailable ||
        clock.monotonicMs() >= endMs ||
        !(await pauseUpTo(this.#context, CLOSE_PAUSE_MS))
      )
        throw result.error;
    }
  }

  async transfer(request: RequestOf<typeof Transfer>): Promise<ReplyOf<typeof Transfer>> {
    this.#coordinator.start();
    const input = legsOf(request);
    const { state, reason } = await this.#coordinator.run(request.request_id, this.#transfers, input);
    return state === 'committed' ? { outcome: 'committed' } : { outcome: 'aborted', reason };
  }

  async status({ request_id: id }: RequestOf<typeof TransferStatus>): Promise<ReplyOf<typeof TransferStatus>> {
    this.#coordinator.start();
    const record = await this.#coordinator.read(id);
    this.#retention?.requireKept(id);
    if (record === undefined) throw RpcError.of('key-does-not-exist', `there is no transfer ${id}`);
    const { state, reason, history } = record;
    return { state, ...(reason !== '' && { reason }), history };
  }

  /**
   * Reads first the accounts, side by side, then the transfers whose marks they show, then the index. A transfer may
   * finish after the accounts were read and before it is read itself. If the accounts have not changed in between, it
   * held nothing; a second audit shows that.
   */
  async audit({ accounts }: RequestOf<typeof Audit>): Promise<ReplyOf<typeof Audit>> {
    this.#coordinator.start();
    for (const [index, account] of accounts.entries()) keyPart(`accounts.${index}`, account);
    const records = await Promise.all(accounts.map((account) => this.#accounts.read(account)));
    const balances: number[] = [];
    const applied = new Map<string, Map<string, Set<number>>>();
    for (const [index, { content }] of records.entries()) {
      const account = accounts[index] as string;
      if (content === undefined || !exists(content.content))
        throw RpcError.of('key-does-not-exist', `there is no account ${account}`);
      balances.push(content.content.balance);
      for (const mark of content.marks) {
        const [saga, step, what] = mark;
        if (isEnded(mark)) continue;
        const ofSaga = applied.get(saga) ?? new Map<string, Set<number>>();
        applied.set(saga, ofSaga);
        const steps = ofSaga.get(account) ?? new Set<number>();
        ofSaga.set(account, steps);
        if (what === 'applied') steps.add(step);
      }
    }
    const held = new Map<string, number>();
    await Promise.all(
      [...applied].map(async ([saga, steps]) => {
        const record = await this.#coordinator.read(saga);
        if (record === undefined || isTerminal(record)) return;
        const input = TransferInput.parse(record.input);
        let sum = 0;
        for (const [account, own] of steps) sum += heldBy(input, account, own);
        held.set(saga, sum);
      }),
    );
    for (const saga of await this.#listIndexed()) if (!held.has(saga)) held.set(saga, 0);
    return {
      balances,
      versions: records.map(({ ver }) => ver),
      unfinished: [...held].map(([request_id, amount]) => ({ request_id, held: amount })),
    };
  }

  /** Every id in an index. */
  async #listIndexed(): Promise<ReadonlySet<string>> {
    const members = await this.#members.ids();
    const indices = await Promise.all(members.map((member) => readOrThrow(this.#store.indices, indexKey(member))));
    return new Set(indices.flatMap(({ content }) => (content?.sagas ?? []).map(([id]) => id)));
  }

  /** The finished sagas among those with these marks. */
  async #findFinished(marks: readonly Mark[]): Promise<ReadonlySet<string>> {
    const sagas = [...new Set(marks.map(([saga]) => saga))];
    const records = await Promise.all(sagas.map((saga) => this.#coordinator.read(saga)));
    return new Set(
      sagas.filter((_, index) => {
        const record = records[index];
        return record === undefined ? this.#finished.has(sagas[index] as string) : isTerminal(record);
      }),
    );
  }
}

/** The account as closed; undefined: it is closed already. Throws if it cannot be closed. */
function closed(
  account: string,
  record: ParticipantRecord<Account>,
  finished: ReadonlySet<string>,
): ParticipantRecord<Account> | undefined {
  const { content, marks } = record;
  if (!exists(content)) throw RpcError.of('key-does-not-exist', `there is no account ${account}`);
  if (content.closed) return undefined;
  const waiting = marks.find((mark) => !isEnded(mark) && !finished.has(mark[0]));
  if (waiting !== undefined)
    throw RpcError.of('temporarily-unavailable', `transfer ${waiting[0]} is working on account ${account}`);
  if (content.balance > 0)
    throw RpcError.of('precondition-failed', `account ${account} is not empty: it has ${content.balance}`);
  return { ...record, content: { ...content, closed: true } };
}

export const sagaNode: ServedWorkload = {
  name: 'saga',
  rpcs: [AccountOpen, AccountClose, AccountErase, Transfer, TransferStatus, Audit],
  start: startTransfers,
};
