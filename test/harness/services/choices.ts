/**
 * Tests the random services without luck. A run is repeated for every combination of answers of its random source, as
 * in a model checker. Or a combination is searched that explains a recording.
 */

import type { Service } from '../../../src/harness/services/registry.ts';
import { canonicalKey, stringifyExact } from '../../../src/protocol/exact-json.ts';
import type { RandomSource } from '../../../src/protocol/random.ts';
import type { Exchange } from './transcript.ts';

/** Answers from a script, then with zeros, and remembers what it was asked. */
class ScriptedRandom implements RandomSource {
  readonly answered: number[] = [];
  readonly bounds: number[] = [];
  readonly #script: readonly number[];

  constructor(script: readonly number[]) {
    this.#script = script;
  }

  integer(bound: number): number {
    const answer = this.#script[this.answered.length] ?? 0;
    this.answered.push(answer);
    this.bounds.push(bound);
    return answer;
  }
}

/** A source with the given answers. */
export function scripted(...answers: number[]): RandomSource {
  return new ScriptedRandom(answers);
}

/** The exact probability of each outcome of a run, by the outcome's canonical text. */
export function distribution(run: (random: RandomSource) => unknown): Record<string, number> {
  const probabilities: Record<string, number> = {};
  let script: number[] | undefined = [];
  while (script !== undefined) {
    const random = new ScriptedRandom(script);
    const outcome = canonicalKey(run(random));
    const probability = random.bounds.reduce((product, bound) => product / bound, 1);
    probabilities[outcome] = (probabilities[outcome] ?? 0) + probability;
    script = nextScript(random);
  }
  return probabilities;
}

/** Counts up the last answer that can still grow; undefined after the last combination. */
function nextScript({ answered, bounds }: ScriptedRandom): number[] | undefined {
  const position = answered.findLastIndex((answer, index) => answer + 1 < (bounds[index] as number));
  return position < 0 ? undefined : [...answered.slice(0, position), (answered[position] as number) + 1];
}

/** Whether some random choices make a new service give every recorded answer, byte for byte. */
export function explains(create: (random: RandomSource) => Service, exchanges: readonly Exchange[]): boolean {
  let script: number[] = [];
  for (;;) {
    const random = new ScriptedRandom(script);
    const service = create(random);
    const agrees = exchanges.every(({ source, body, reply }) => replyText(service, source, body) === reply);
    if (agrees) return true;
    const next = nextScript(random);
    if (next === undefined) return false;
    script = next;
  }
}

/** The body of a reply as the harness sends it. */
export function replyText(service: Service, source: string, body: Record<string, unknown>): string | undefined {
  const reply = service.handle(source, body);
  return reply && stringifyExact({ ...reply, in_reply_to: body.msg_id });
}
