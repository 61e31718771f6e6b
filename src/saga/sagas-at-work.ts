/** What a node is busy with, a saga an id: whoever asks for the same one meanwhile waits for the same end. */

import { BoundedMap } from '../protocol/bounded-map.ts';
import type { SagaRecord } from './record.ts';

/** Finished sagas whose records are kept at hand for those who ask again. */
const ANSWERS_MAX = 4096;

export interface SagaAtWork {
  /** Of the request for which it was begun; '' if it was taken over. */
  readonly digest: string;
  /** Resolves to the terminal record; rejects when it is not known how it ends, or has not begun. */
  readonly end: Promise<SagaRecord>;
}

export class SagasAtWork {
  readonly #active = new Map<string, SagaAtWork>();
  readonly #answers = new BoundedMap<string, SagaRecord>(ANSWERS_MAX);
  readonly #onFinished: (id: string) => void;

  /** @param onFinished told of each saga that has come to its end here */
  constructor(onFinished: (id: string) => void) {
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

  /** The terminal record of a saga that has come to its end here lately: an answer is what the store has. */
  answerOf(id: string): SagaRecord | undefined {
    return this.#answers.get(id);
  }

  /** From now on the node is busy with it, until it ends. */
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
