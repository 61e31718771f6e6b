/** Sagas that a node is driving, one for each id. Another request for the same saga waits for the same end. */

import { BoundedMap } from '../protocol/bounded-map.ts';
import { SAGA_LIMITS } from './limits.ts';
import type { SagaRecord } from './record.ts';

export interface SagaAtWork {
  /** The digest of the request that began it; '' if it was taken over. */
  readonly digest: string;
  /** Resolves to the terminal record. Rejects if its end is unknown, or if it has not begun. */
  readonly end: Promise<SagaRecord>;
}

export class SagasAtWork {
  readonly #active = new Map<string, SagaAtWork>();
  readonly #answers: BoundedMap<string, SagaRecord>;
  readonly #onFinished: (id: string) => void;

  /**
   * @param onFinished called for each saga that reaches its end here
   * @param answersMax finished sagas whose records are kept for repeated requests
   */
  constructor(onFinished: (id: string) => void, answersMax = SAGA_LIMITS.answers) {
    this.#answers = new BoundedMap(answersMax);
    this.#onFinished = onFinished;
  }

  get size(): number {
    return this.#active.size;
  }

  get(id: string): SagaAtWork | undefined {
    return this.#active.get(id);
  }

  has(id: string): boolean {
    return this.#active.has(id);
  }

  /** The terminal record of a saga that ended here recently. It is what the store has. */
  answerOf(id: string): SagaRecord | undefined {
    return this.#answers.get(id);
  }

  /** From now on the node is driving it, until it ends. */
  add(id: string, digest: string, end: Promise<SagaRecord>): SagaAtWork {
    const saga = { digest, end };
    this.#active.set(id, saga);
    end.then(
      (record) => {
        this.#active.delete(id);
        this.#answers.set(id, record);
        this.#onFinished(id);
      },
      () => this.#active.delete(id),
    );
    return saga;
  }
}
