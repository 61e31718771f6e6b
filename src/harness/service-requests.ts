/**
 * Requests that services do not understand. Maelstrom's services do not answer a request of unknown type, and read a
 * missing field as null. Neither is a violation, but mostly a mistake of the node, and nothing else in a run shows it.
 */

import type { CheckResult } from '../checkers/checker.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';

type Body = Readonly<Record<string, unknown>>;
/** The fields of each type of request. */
type Requests = ReadonlyMap<unknown, readonly string[]>;

const STORE: Requests = new Map([
  ['read', ['key']],
  ['write', ['key', 'value']],
  ['cas', ['key', 'from', 'to']],
]);
const TIMESTAMPS: Requests = new Map([['ts', []]]);

/** How many different requests are kept. All are counted. */
const KINDS_MAX = 20;
const TYPE_LENGTH_MAX = 60;
const LINE_LENGTH_MAX = 500;
/** Of the line in the sentence for the verdict. */
const EXAMPLE_LENGTH_MAX = 200;

/**
 * What is wrong with a request to a service, as the end of the sentence `n0 sent lin-kv a request …`; undefined if
 * nothing is.
 */
export function findRequestFlaw(service: string, body: Body): string | undefined {
  const requests = service === 'lin-tso' ? TIMESTAMPS : STORE;
  const { type } = body;
  const known = requests.get(type);
  if (known === undefined) {
    const what =
      type === undefined ? 'without a type' : `of the type ${excerpt(stringifyExact(type), TYPE_LENGTH_MAX)}`;
    return `${what}, which gets no answer; ${service} answers ${joined([...requests.keys()] as string[])}`;
  }
  if (!known.some((name) => body[name] === undefined)) return undefined;
  const missing = known.filter((name) => body[name] === undefined);
  return `of the type "${type}" without ${joined(missing)}, which ${service} takes for null`;
}

/** `read, write and cas` */
function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

interface Noted {
  readonly node: string;
  readonly service: string;
  readonly flaw: string;
  readonly line: string;
  count: number;
}

/** The requests of a run that services did not understand. */
export class ServiceRequests {
  readonly #noted = new Map<string, Noted>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  note(node: string, service: string, flaw: string, body: Body): void {
    this.#count++;
    const kind = `${node} ${service} ${flaw}`;
    const noted = this.#noted.get(kind);
    if (noted !== undefined) noted.count++;
    else if (this.#noted.size < KINDS_MAX)
      this.#noted.set(kind, { node, service, flaw, line: excerpt(stringifyExact(body), LINE_LENGTH_MAX), count: 1 });
  }

  /** Always valid: the most frequent first. The summary is for a run that is not valid: this may be the cause. */
  result(): CheckResult {
    const requests = [...this.#noted.values()]
      .sort((left, right) => right.count - left.count)
      .map(({ node, service, flaw, line, count }) => {
        const what = count === 1 ? 'a request' : `${count} requests`;
        return { text: `${node} sent ${service} ${what} ${flaw}`, line, count };
      });
    const [first] = requests;
    const summary =
      first === undefined ? {} : { summary: `${first.text}: ${excerpt(first.line, EXAMPLE_LENGTH_MAX)}.` };
    return { 'valid?': true, count: this.#count, requests, ...summary };
  }
}
