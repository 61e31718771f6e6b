/**
 * What an audit records of requests: of each message that changes money, vouchers or ids, which parameters. Names of
 * accounts and people, and keys of assignments, appear as keyed hashes. All other texts are the callers' own words, so
 * they are hashed as well if they contain such a name, or may be a phone number.
 *
 * `generate` is left out: an id that is not assigned to anything changes nothing in the store, and is unique by itself.
 */

import type { Json } from '../audit/entry.ts';
import type { AuditTrail, Change, Outcome, Ticket } from '../audit/trail.ts';
import { isDefinite, RpcError } from '../protocol/errors.ts';
import type { Body } from '../protocol/message.ts';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { GuidAssign } from '../workloads/ids/messages.ts';
import { AccountClose, AccountErase, AccountOpen, Transfer } from '../workloads/saga/messages.ts';
import { Redeem, VoucherCreate } from '../workloads/voucher/messages.ts';
import type { NodeClient, NodeReply } from './node-client.ts';
import { mayBePhoneNumber } from './routes/fields.ts';

/** A name that is shorter is found in too many texts that have nothing to do with it. */
const CONTAINED_LENGTH_MIN = 3;
/** Longer texts are hashed. The digest of a request id is shorter. */
const SHOWN_LENGTH_MAX = 128;

/** From whom a request came, and how. */
export interface Origin {
  /** `sub:` and the subject of a token, or an address. */
  readonly who: string;
  /** Method and path, as in the table of routes. */
  readonly route: string;
  /** 32 hexadecimal digits. */
  readonly trace: () => string;
}

type Fields = Readonly<Record<string, unknown>>;
type Parameters = readonly (readonly [name: string, kind: 'name' | 'text' | 'number' | 'legs'])[];

/** By the type of the message: its parameters, but for the request id. */
const AUDITED: Readonly<Record<string, Parameters>> = {
  [Transfer.type]: [
    ['from', 'name'],
    ['to', 'name'],
    ['amount', 'number'],
    ['legs', 'legs'],
  ],
  [AccountOpen.type]: [
    ['account', 'name'],
    ['balance', 'number'],
  ],
  [AccountClose.type]: [['account', 'name']],
  [AccountErase.type]: [['account', 'name']],
  [VoucherCreate.type]: [
    ['code', 'text'],
    ['amount', 'number'],
    ['limit', 'number'],
    ['shards', 'number'],
  ],
  [Redeem.type]: [
    ['code', 'text'],
    ['user', 'name'],
  ],
  [GuidAssign.type]: [
    ['service', 'text'],
    ['key', 'name'],
  ],
};

export function isAudited(type: string): boolean {
  return Object.hasOwn(AUDITED, type);
}

/** The node, as requests reach it. */
export interface Asked {
  /** Never rejects. */
  ask(body: Body, origin: Origin): NodeReply | Promise<NodeReply>;
}

/** Records changes before the node hears of them, and their outcomes. */
export class AuditedClient implements Asked {
  readonly #client: Pick<NodeClient, 'ask'>;
  readonly #trail: Pick<AuditTrail, 'begin' | 'end'> | undefined;
  readonly #personal: PersonalHash;

  /** @param trail undefined: nothing is recorded */
  constructor(
    client: Pick<NodeClient, 'ask'>,
    trail: Pick<AuditTrail, 'begin' | 'end'> | undefined,
    personal: PersonalHash,
  ) {
    this.#client = client;
    this.#trail = trail;
    this.#personal = personal;
  }

  ask(body: Body, origin: Origin): NodeReply | Promise<NodeReply> {
    if (this.#trail === undefined || !isAudited(body.type)) return this.#client.ask(body);
    return this.#askAudited(this.#trail, body, origin);
  }

  async #askAudited(trail: Pick<AuditTrail, 'begin' | 'end'>, body: Body, origin: Origin): Promise<NodeReply> {
    let ticket: Ticket;
    try {
      ticket = await trail.begin(describeChange(body, origin, this.#personal));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { kind: 'error', error: { code: error.code, text: error.message } };
    }
    const reply = await this.#client.ask(body);
    trail.end(ticket, outcomeOf(reply));
    return reply;
  }
}

function describeChange(body: Body, { who, route, trace }: Origin, personal: PersonalHash): Change {
  const fields: Fields = body;
  const parameters = AUDITED[body.type] as Parameters;
  const names: string[] = [];
  for (const [name, kind] of parameters) {
    if (kind === 'name') names.push(fields[name] as string);
    else if (kind === 'legs') for (const { account } of (fields[name] ?? []) as readonly Leg[]) names.push(account);
  }
  const shown = (text: string) => (isShown(text, names) ? text : personal(text));
  const told: Record<string, Json> = {};
  for (const [name, kind] of parameters) {
    const value = fields[name];
    if (value === undefined) continue;
    if (kind === 'name') told[name] = personal(value as string);
    else if (kind === 'text') told[name] = shown(value as string);
    else if (kind === 'number') told[name] = value as number;
    else told[name] = (value as readonly Leg[]).map(({ account, amount }) => ({ account: personal(account), amount }));
  }
  const change = { who: shownWho(who, names, personal), what: body.type, route, with: told, trace: trace() };
  const { request_id: requestId } = fields;
  return typeof requestId === 'string' ? { ...change, request_id: shown(requestId) } : change;
}

type Leg = { readonly account: string; readonly amount: number };

/** Names may have holes, for parameters that were not given. */
function isShown(text: string, names: readonly (string | undefined)[]): boolean {
  if (text.length > SHOWN_LENGTH_MAX) return false;
  if (mayBePhoneNumber(text)) return false;
  for (const name of names)
    if (name !== undefined && (text === name || (name.length >= CONTAINED_LENGTH_MIN && text.includes(name))))
      return false;
  return true;
}

const SUBJECT = 'sub:';

/** An address is no name. A subject may be the name of the account that the request is about. */
function shownWho(who: string, names: readonly string[], personal: PersonalHash): string {
  if (!who.startsWith(SUBJECT)) return who;
  const subject = who.slice(SUBJECT.length);
  return isShown(subject, names) ? who : SUBJECT + personal(subject);
}

/** The texts under which an audit may have a text that was asked for. */
export function auditedForms(text: string, personal: PersonalHash): ReadonlySet<string> {
  const forms = [text, personal(text)];
  if (text.startsWith(SUBJECT)) forms.push(SUBJECT + personal(text.slice(SUBJECT.length)));
  return new Set(forms);
}

/** What a reply says of its effect. */
const RESULTS = ['redemption', 'credited', 'id', 'reason'] as const;
const DEFAULT_OUTCOME = 'ok';

function outcomeOf(reply: NodeReply): Outcome {
  if (reply.kind === 'error') {
    const { code } = reply.error;
    return { outcome: isDefinite(code) ? 'refused' : 'unknown', result: { code } };
  }
  const fields: Fields = reply.body;
  const { outcome = DEFAULT_OUTCOME } = fields as { readonly outcome?: string };
  let result: Record<string, Json> | undefined;
  for (const name of RESULTS) {
    if (fields[name] === undefined) continue;
    result ??= {};
    result[name] = fields[name] as Json;
  }
  return result === undefined ? { outcome } : { outcome, result };
}
