/** Questions to a member of etcd over its JSON gateway, and what it says of itself. */

import * as z from 'zod';

const ASK_MS_MAX = 1000;

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 1 s. */
  readonly timeoutMs?: number;
}

/** The answer to a request of the gateway; undefined if there is none in time, or an error. Never rejects. */
export async function askEtcd(
  url: string,
  path: string,
  body: object,
  { headers = {}, timeoutMs = ASK_MS_MAX }: AskOptions = {},
): Promise<Record<string, unknown> | undefined> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers, signal });
    const answer = (await response.json()) as Record<string, unknown>;
    return response.ok ? answer : undefined;
  } catch {
    return undefined;
  }
}

const Status = z
  .object({
    header: z.object({ member_id: z.string() }),
    leader: z.string().optional(),
    raftTerm: z.string().optional(),
    dbSize: z.string().optional(),
    errors: z.array(z.string()).optional(),
  })
  .transform(({ header, leader = '0', raftTerm = '0', dbSize = '0', errors = [] }) => ({
    memberId: header.member_id,
    /** The id of the member that leads, as this one knows; "0" if none does. */
    leader,
    term: Number(raftTerm),
    /** The size of its database, bytes, with room that was freed. */
    dbBytes: Number(dbSize),
    /** What is wrong with it, such as an alarm. */
    errors,
  }));

export type EtcdStatus = z.output<typeof Status>;

/** Undefined if the member does not answer. */
export async function readStatus(url: string): Promise<EtcdStatus | undefined> {
  return Status.safeParse(await askEtcd(url, '/v3/maintenance/status', {})).data;
}

/**
 * The member that leads: of those that say it of themselves, the one with the highest term. A leader that is cut off or
 * stopped does not know of the next one.
 */
export function findLeader(statuses: ReadonlyMap<string, EtcdStatus>): string | undefined {
  const claims = [...statuses].filter(([, { memberId, leader }]) => memberId === leader);
  return claims.sort(([, one], [, other]) => other.term - one.term)[0]?.[0];
}
