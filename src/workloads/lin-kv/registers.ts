/**
 * The state machine: registers, and what became of the requests that nodes still ask for. It is the same function on
 * every node, so all agree on every answer.
 *
 * A request that is forwarded again, to another leader, may be in the log twice. It happens once: its number says which
 * it is, and its result is kept until its node says that it knows it (Ongaro 2014, 6.3).
 */

import { canonicalKey, exactEquals, parseExact, stringifyExact } from '../../protocol/exact-json.ts';

export const OK = 0;
export const NOT_FOUND = 20;
export const OTHER_VALUE = 22;

/** A change, as it is in the log. */
export interface Command {
  /** The node that a client asked, which of its disks and lives, and the number of the request in it. */
  readonly node: string;
  readonly incarnation: number;
  readonly epoch: number;
  readonly seq: number;
  /** The node asks for no earlier request again. */
  readonly low: number;
  readonly f: 'write' | 'cas';
  /** Key and value, or key, from and to. */
  readonly args: readonly unknown[];
}

export function encodeCommand({ node, incarnation, epoch, seq, low, f, args }: Command): string {
  return stringifyExact([node, incarnation, epoch, seq, low, f, ...args]);
}

function decodeCommand(text: string): Command {
  const [node, incarnation, epoch, seq, low, f, ...args] = parseExact(text) as [
    string,
    number,
    number,
    number,
    number,
    'write',
    ...unknown[],
  ];
  return { node, incarnation, epoch, seq, low, f, args };
}

/** Which request it is. */
export type RequestName = Pick<Command, 'node' | 'incarnation' | 'epoch' | 'seq'>;

/** What a node has asked for in its last life with one disk. */
interface Session {
  epoch: number;
  low: number;
  readonly codes: Map<number, number>;
}

/** What became of a request: a code; `unknown`: it is new; `over`: its node does not ask any more. */
export type Outcome = number | 'unknown' | 'over';

export class Registers {
  #values = new Map<string, unknown>();
  /** By node and incarnation. That of a lost disk stays: its late requests must not be taken for new ones. */
  #sessions = new Map<string, Session>();

  /** The value of a register, with {@link OK} or {@link NOT_FOUND}. */
  read(key: unknown): { readonly code: number; readonly value?: unknown } {
    const name = canonicalKey(key);
    return this.#values.has(name) ? { code: OK, value: this.#values.get(name) } : { code: NOT_FOUND };
  }

  outcomeOf({ node, incarnation, epoch, seq }: RequestName): Outcome {
    const session = this.#sessions.get(sessionOf(node, incarnation));
    if (session === undefined || epoch > session.epoch) return 'unknown';
    if (epoch < session.epoch || seq < session.low) return 'over';
    return session.codes.get(seq) ?? 'unknown';
  }

  /** Carries out an entry of the log, unless it was carried out before. */
  apply(text: string): { readonly command: Command; readonly outcome: Outcome } {
    const command = decodeCommand(text);
    const known = this.outcomeOf(command);
    if (known !== 'unknown') return { command, outcome: known };
    const code = this.#perform(command);
    this.#remember(command, code);
    return { command, outcome: code };
  }

  #perform({ f, args: [key, ...args] }: Command): number {
    const name = canonicalKey(key);
    if (f === 'cas') {
      if (!this.#values.has(name)) return NOT_FOUND;
      if (!exactEquals(this.#values.get(name), args[0])) return OTHER_VALUE;
    }
    this.#values.set(name, args.at(-1) ?? null);
    return OK;
  }

  #remember({ node, incarnation, epoch, seq, low }: Command, code: number): void {
    const name = sessionOf(node, incarnation);
    let session = this.#sessions.get(name);
    if (session === undefined || session.epoch < epoch) {
      session = { epoch, low: 1, codes: new Map() };
      this.#sessions.set(name, session);
    }
    session.codes.set(seq, code);
    if (low <= session.low) return;
    // Reads have numbers, too, and leave no code. So there may be far more numbers than codes.
    for (const known of session.codes.keys()) if (known < low) session.codes.delete(known);
    session.low = low;
  }

  snapshot(): string {
    const sessions = [...this.#sessions].map(([name, { epoch, low, codes }]) => [name, epoch, low, [...codes]]);
    return stringifyExact({ values: [...this.#values], sessions });
  }

  restore(snapshot: string): void {
    const { values, sessions } = parseExact(snapshot) as {
      readonly values: [string, unknown][];
      readonly sessions: [string, number, number, [number, number][]][];
    };
    this.#values = new Map(values);
    this.#sessions = new Map(
      sessions.map(([name, epoch, low, codes]) => [name, { epoch, low, codes: new Map(codes) }]),
    );
  }
}

function sessionOf(node: string, incarnation: number): string {
  return `${node} ${incarnation}`;
}
