/** Engines on a scripted gateway or a real member, which are closed when their test is over. */

import { onTestFinished } from 'vitest';
import { EtcdEngine, type EtcdOptions, type EtcdRules } from '../../src/host/etcd/engine.ts';
import type { StoreReplace, Token } from '../../src/kv/store.ts';
import { ScriptedGateway, type ScriptedStore } from './scripted-gateway.ts';

/** For what must not be answered: a test waits for it. */
export const SHORT_TIMEOUT_MS = 250;
/** For what must be answered, on a slow machine too. */
const LONG_TIMEOUT_MS = 20_000;

/** The prefix of tests. */
export const PREFIX = 'shop/';

export async function openEngine(
  endpoints: readonly string[],
  options: Partial<EtcdOptions> = {},
  rules: EtcdRules = {},
): Promise<EtcdEngine> {
  const settings = {
    endpoints,
    prefix: PREFIX,
    timeoutMs: LONG_TIMEOUT_MS,
    openTimeoutMs: LONG_TIMEOUT_MS,
    ...options,
  };
  const engine = await EtcdEngine.open({ compactEveryMs: 0, ...settings }, rules);
  onTestFinished(() => engine.close());
  return engine;
}

export async function startGateway(store?: ScriptedStore): Promise<ScriptedGateway> {
  const gateway = await ScriptedGateway.start(store);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** An engine on a gateway of its own, whose requests so far are forgotten. */
export async function openScripted(
  options: Partial<EtcdOptions> = {},
  rules: EtcdRules = {},
): Promise<{ readonly gateway: ScriptedGateway; readonly engine: EtcdEngine }> {
  const gateway = await startGateway();
  const engine = await openEngine([gateway.url], options, rules);
  gateway.requests.length = 0;
  return { gateway, engine };
}

/** A promise, and what settles it. */
export function holdBack(): { readonly held: Promise<void>; readonly release: () => void } {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { held, release };
}

export function tokenOf(result: StoreReplace): Token {
  if (result.kind !== 'ok') throw new Error(`it was ${result.kind}: ${result.error.message}`);
  return result.token;
}

/** As the gateway carries keys of tests. */
export function wireKey(key: string): string {
  return Buffer.from(PREFIX + key).toString('base64');
}
