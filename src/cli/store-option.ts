/** The option `--store` of services: which engine keeps what they are told. */

import { MemoryEngine } from '../kv/memory-engine.ts';
import type { StoreEngine } from '../kv/store.ts';
import type { Option } from './options.ts';

/** A store that is not open yet. */
export interface StoreChoice {
  /** As the user wrote it. */
  readonly text: string;
  /** Rejects with a sentence that says why it cannot be had. */
  readonly open: () => Promise<StoreEngine>;
}

interface StoreKind {
  /** How it is written in `--help`. */
  readonly form: string;
  readonly fits: (text: string) => boolean;
  /** Throws an Error that says what is wrong with the text. */
  readonly choose: (text: string) => () => Promise<StoreEngine>;
}

/** The first that fits is taken. */
const STORE_KINDS: readonly StoreKind[] = [
  { form: 'memory', fits: (text) => text === 'memory', choose: () => async () => new MemoryEngine() },
];

const FORMS = STORE_KINDS.map(({ form }) => form);

export const storeOption: Option<StoreChoice> = {
  value: FORMS.join('|'),
  text: `Where everything is kept. memory: nowhere, for trying it out; nothing outlives the process.`,
  absent: chooseStore('memory'),
  parse: chooseStore,
};

function chooseStore(text: string): StoreChoice {
  const kind = STORE_KINDS.find(({ fits }) => fits(text));
  if (kind === undefined) throw new Error(`expected ${FORMS.join(' or ')}`);
  return { text, open: kind.choose(text) };
}
