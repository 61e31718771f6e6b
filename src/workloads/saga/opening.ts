/** The opening of an account, from any version of its document. Where none is, or where a credit has made one. */

import { RpcError } from '../../protocol/errors.ts';
import type { ParticipantRecord } from '../../saga/marks.ts';
import type { ErasedRecord } from '../erasure/erased.ts';
import { type Account, exists, revived, UNOPENED } from './accounts.ts';

/** Erasures of a name after which no request opens another account: each account lists all erasures before it. */
const ERASED_MAX = 1000;

interface Opening {
  readonly account: string;
  readonly balance: number;
  /** Unique to this request. */
  readonly token: string;
  /** Stands for the request id; undefined: it has none. */
  readonly opener: string | undefined;
  /** What is known of erased accounts of this name. */
  readonly erased: ErasedRecord | undefined;
}

/** The document after the opening; undefined: it is opened already. Throws if it cannot be. */
export function opened(record: ParticipantRecord<Account>, opening: Opening): ParticipantRecord<Account> | undefined {
  const { content } = record;
  const { account, balance, token, opener, erased } = opening;
  const own = { token, ...(opener !== undefined && { opener }) };
  if (!exists(content)) {
    requireNew(content, opening);
    const requests = content?.erased ?? erased?.requests;
    const before = revived({ ...UNOPENED, ...(requests && { erased: requests }) });
    return { ...record, content: { ...before, balance, opened: balance, ...own } };
  }
  // Opened by this very request, and changed by others since.
  if (content.token === token) return undefined;
  if (content.erasing !== undefined) throw RpcError.of('temporarily-unavailable', `account ${account} is being erased`);
  const isOpened = content.token !== UNOPENED.token;
  if (isOpened && content.opened !== balance)
    throw RpcError.of('key-already-exists', `account ${account} was opened with another balance`);
  if (content.closed) throw RpcError.of('precondition-failed', `account ${account} is closed`);
  if (!isOpened) {
    requireNew(content, opening);
    return { ...record, content: { ...content, balance: content.balance + balance, opened: balance, ...own } };
  }
  if (opener !== undefined && content.opener !== undefined && content.opener !== opener)
    throw RpcError.of('key-already-exists', `account ${account} was opened by another request`);
  return undefined;
}

/** After an erasure an opening must be a new one for certain. Throws if it may be a late copy of an old one. */
function requireNew(content: Account | null, { account, opener, erased }: Opening): void {
  if ((content?.erased?.length ?? 0) > (erased?.times ?? 0))
    throw RpcError.of('temporarily-unavailable', `account ${account} was erased just now`);
  if (erased === undefined) return;
  if (opener === undefined)
    throw RpcError.of(
      'precondition-failed',
      `an account ${account} was erased: only a request with a request_id can open another one, so that it is not ` +
        'taken for a late copy of an old request',
    );
  if (erased.openings.includes(opener))
    throw RpcError.of('precondition-failed', `this request has opened an account ${account} that was erased since`);
  if (erased.times >= ERASED_MAX)
    throw RpcError.of(
      'precondition-failed',
      `accounts ${account} were erased ${ERASED_MAX} times: none is opened more`,
    );
}
