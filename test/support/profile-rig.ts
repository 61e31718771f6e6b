/** Nodes that serve vouchers and transfers on one scripted lin-kv, where the wallet of a user is an account. */

import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { Mark, ParticipantRecord } from '../../src/saga/marks.ts';
import { type Account, accountKey } from '../../src/workloads/saga/accounts.ts';
import { AccountWallets } from '../../src/workloads/voucher/account-wallets.ts';
import { createVoucherParts } from '../../src/workloads/voucher/node.ts';
import { SagaNode, type Versioned } from './saga-rig.ts';
import { VoucherNode, VoucherRig } from './voucher-rig.ts';

export interface ProfileNode {
  readonly vouchers: VoucherNode;
  readonly transfers: SagaNode;
  readonly kill: () => void;
}

export class ProfileRig extends VoucherRig {
  /** A node that serves both. */
  beginProfiles(nodeId: string, nodeIds: readonly string[] = [nodeId]): ProfileNode {
    const started = this.start(nodeId);
    const context = { ...started.context, nodeIds };
    const kv = new LinKvStore(context);
    const parts = createVoucherParts(context, kv, undefined, { wallets: new AccountWallets(context, kv) });
    return {
      vouchers: new VoucherNode(context, started.kill, parts),
      transfers: new SagaNode({ ...started, context }, {}),
      kill: started.kill,
    };
  }

  account(name: string): Versioned<ParticipantRecord<Account>> | undefined {
    return this.stored(accountKey(name)) as Versioned<ParticipantRecord<Account>> | undefined;
  }

  /** Puts an account in its place, past the wire. */
  putAccount(name: string, own: Partial<Account>, marks: readonly Mark[] = [], ver = 1): void {
    const content = { balance: 0, opened: 0, closed: false, token: 'rig', ...own };
    this.put(accountKey(name), { content, marks }, ver);
  }
}
