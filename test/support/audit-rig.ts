/** An audit on any engine, written by as many instances as a test wants, in virtual time. */

import { auditDocuments } from '../../src/audit/begin-chain.ts';
import type { ChainHash } from '../../src/audit/entry.ts';
import { AuditExpiry } from '../../src/audit/expiry.ts';
import { findChanges, type Query } from '../../src/audit/query.ts';
import { AuditTrail, type Change, type TrailOptions } from '../../src/audit/trail.ts';
import { type Anchor, type Verified, verifyAudit } from '../../src/audit/verify.ts';
import { keyedChainHash } from '../../src/host/audit-hash.ts';
import { newUuid } from '../../src/host/http/names.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreEngine } from '../../src/kv/store.ts';
import type { LogFields } from '../../src/node/environment.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { VirtualTime } from './virtual-time.ts';

/** 2026-01-01. */
const BEGIN_MS = 1_767_225_600_000;
/** So much time passes at once while something is waited for. */
const STEP_MS = 100;
export const AUDIT_SECRET = 'the secret of the audit in tests.';

export function changeOf(number: number, more: Partial<Change> = {}): Change {
  return {
    who: 'sub:shop',
    what: 'transfer',
    route: 'POST /api/v1/transfers',
    with: { from: 'p-a', to: 'p-b', amount: number },
    request_id: `r-${number}`,
    trace: number.toString(16).padStart(32, '0'),
    ...more,
  };
}

export class AuditRig {
  readonly time = new VirtualTime();
  readonly engine: StoreEngine;
  readonly hash: ChainHash;
  readonly logged: (readonly [message: string, fields: LogFields | undefined])[] = [];
  readonly #random = new SeededRandom(1);
  #chainCount = 0;

  constructor(engine: StoreEngine = new MemoryEngine(), hash = keyedChainHash(Buffer.from(AUDIT_SECRET))) {
    this.engine = engine;
    this.hash = hash;
  }

  get context() {
    const ignore = () => {};
    const clock = { wallMs: () => BEGIN_MS + this.time.now(), monotonicMs: () => this.time.now() };
    return {
      clock,
      randomUint32: () => this.#random.integer(2 ** 32),
      sleep: (ms: number) => new Promise<boolean>((resolve) => this.time.schedule(ms, () => resolve(true))),
      log: {
        debug: ignore,
        info: ignore,
        warn: ignore,
        error: (message: string, fields?: LogFields) => this.logged.push([message, fields]),
      },
    };
  }

  /** Another one, on a copy of everything in the store. */
  async copy(): Promise<AuditRig> {
    const engine = new MemoryEngine();
    const list = await this.engine.list('', undefined, 1000);
    for (const key of list.kind === 'ok' ? list.keys : []) {
      const read = await this.engine.read(key);
      if (read.kind === 'found') await engine.replace(key, null, read.text);
    }
    return new AuditRig(engine, this.hash);
  }

  /** @param engine the store as this instance sees it */
  trail(engine = this.engine): AuditTrail {
    return new AuditTrail({ ...this.trailOptions(), kv: engine });
  }

  trailOptions(): TrailOptions {
    const newChain = () => newUuid(BEGIN_MS + ++this.#chainCount);
    const instance = `i-${this.#chainCount}`;
    return { kv: this.engine, context: this.context, hash: this.hash, instance, newChain };
  }

  /** Makes changes `from` to `to`, one after the other, each with its outcome. */
  async change(trail: AuditTrail, from: number, to: number): Promise<void> {
    for (let number = from; number <= to; number++) {
      const ticket = await this.settled(trail.begin(changeOf(number)));
      trail.end(ticket, { outcome: 'committed' });
    }
    await this.time.advance(2000);
  }

  /** A promise that may wait for time to pass. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    while (!isSettled) await this.time.advance(STEP_MS);
    return promise;
  }

  verify(anchors: readonly Anchor[] = []): Promise<Verified> {
    return verifyAudit(this.engine, this.hash, anchors);
  }

  find(query: Partial<Query> = {}) {
    const documents = auditDocuments({ kv: this.engine, context: this.context });
    const all = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, limit: 1000, after: undefined };
    return findChanges({ engine: this.engine, documents }, { ...all, matches: () => true, ...query });
  }

  expiry(retainMs: number, engine = this.engine): AuditExpiry {
    return new AuditExpiry({ engine, context: this.context, hash: this.hash, retainMs });
  }
}
