/** `GET /audit`: what changed money, vouchers or ids, and who asked for it. The host answers it from the store. */

import * as z from 'zod';
import { type AuditReader, findChanges, parseCursor } from '../audit/query.ts';
import { RpcError } from '../protocol/errors.ts';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { parseTimestamp } from '../protocol/timestamp.ts';
import { auditedForms, isAudited } from './audited.ts';
import { inputCheck, type RawInput } from './input.ts';
import { problemOfError } from './problems.ts';
import type { RouteDescription } from './route.ts';
import { REQUEST_ID_LENGTH_MAX } from './routes/fields.ts';
import { type Answer, JSON_TYPE, problemAnswer } from './service.ts';

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
const TEXT_LENGTH_MAX = 1024;

const Time = z
  .string()
  .refine((text) => parseTimestamp(text) !== undefined, 'expected a day such as 2026-01-31, or 2026-01-31T23:59:59Z')
  .exactOptional();
const Text = z.string().min(1).max(TEXT_LENGTH_MAX);

export const AUDIT_ROUTE: RouteDescription = {
  method: 'GET',
  path: '/audit',
  scope: 'audit',
  summary: 'Who changed money, vouchers or ids, with which outcome. With `--audit`.',
  query: [],
  fields: {
    from: Time.describe('The earliest time.'),
    to: Time.describe('The time before which it was.'),
    who: Text.describe('The subject of a token after `sub:`, or an address.').exactOptional(),
    what: z.string().refine(isAudited, 'expected the type of a message that is audited').exactOptional(),
    about: Text.describe('The name of an account or a user, a phone number, or a key.').exactOptional(),
    request_id: z.string().min(1).max(REQUEST_ID_LENGTH_MAX).exactOptional(),
    after: z
      .string()
      .refine((text) => parseCursor(text) !== undefined, 'expected `next` of an earlier answer')
      .exactOptional(),
    limit: z.int().min(1).max(LIMIT_MAX).describe(`Default: ${LIMIT_DEFAULT}.`).exactOptional(),
  },
  status: 200,
  reply: z.object({
    changes: z.array(
      z.object({
        id: z.string(),
        time: z.string(),
        who: z.string(),
        what: z.string(),
        route: z.string(),
        with: z.record(z.string(), z.unknown()),
        request_id: z.string().optional(),
        trace: z.string(),
        outcome: z.string().nullable().describe('Null: under way, or the instance ended before it could tell.'),
        result: z.record(z.string(), z.unknown()).optional(),
        ended: z.string().optional(),
      }),
    ),
    next: z.string().optional().describe('There may be more: ask again, with this as `after`.'),
  }),
  failures: {},
};

interface Input {
  readonly from?: string;
  readonly to?: string;
  readonly who?: string;
  readonly what?: string;
  readonly about?: string;
  readonly request_id?: string;
  readonly after?: string;
  readonly limit?: number;
}

export class AuditRoute {
  readonly #reader: AuditReader;
  readonly #personal: PersonalHash;
  /** What the node is given in place of a longer request id. */
  readonly #requestIdOf: (text: string) => string;
  readonly #check = inputCheck(AUDIT_ROUTE);

  constructor(reader: AuditReader, personal: PersonalHash, requestIdOf: (text: string) => string) {
    this.#reader = reader;
    this.#personal = personal;
    this.#requestIdOf = requestIdOf;
  }

  /** Never rejects for reasons of the store. @param path as it came, for problems */
  async answer(raw: RawInput, path: string): Promise<Answer> {
    const checked = this.#check(raw);
    if (checked.kind === 'problem') return problemAnswer(checked.problem, path);
    const {
      from = '',
      to = '',
      who,
      what,
      about,
      request_id: id,
      after,
      limit = LIMIT_DEFAULT,
    } = checked.value as Input;
    const forms = (text: string | undefined) => (text === undefined ? undefined : auditedForms(text, this.#personal));
    const [whoForms, idForms] = [forms(who), forms(id === undefined ? undefined : this.#requestIdOf(id))];
    const hashed = about === undefined ? undefined : JSON.stringify(this.#personal(about));
    try {
      const found = await findChanges(this.#reader, {
        fromMs: parseTimestamp(from) ?? Number.NEGATIVE_INFINITY,
        toMs: parseTimestamp(to) ?? Number.POSITIVE_INFINITY,
        limit,
        after,
        matches: (entry) =>
          (whoForms?.has(entry.who) ?? true) &&
          (what === undefined || entry.what === what) &&
          (idForms === undefined || (entry.request_id !== undefined && idForms.has(entry.request_id))) &&
          (hashed === undefined || JSON.stringify(entry.with).includes(hashed)),
      });
      return { status: 200, type: JSON_TYPE, body: JSON.stringify(found) };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return problemAnswer(problemOfError({ code: error.code, text: error.message }, 'later'), path);
    }
  }
}
