/** Engines that are wrong in one way each, and the check that notices. The right engine passes all checks. */

import { describe, expect, it } from 'vitest';
import type { StoreRules } from '../../../src/cli/store-option.ts';
import type { EtcdOptions } from '../../../src/host/etcd/engine.ts';
import { ETCD_MUTANTS, type EtcdMutantName } from '../../fixtures/mutants/engines/etcd.ts';
import { holdBack, openScripted, SHORT_TIMEOUT_MS, tokenOf, wireKey } from '../../support/etcd-engine.ts';
import { NO_SPACE } from '../../support/scripted-gateway.ts';

type Check = (rules: StoreRules) => Promise<void>;

async function openWrong(options: Partial<EtcdOptions>, { etcd = {}, engine: alter }: StoreRules) {
  const { gateway, engine } = await openScripted(options, etcd);
  return { gateway, engine: alter?.(engine) ?? engine };
}

/** What is `unavailable` must never take effect. */
const claimsNothingAfterATimeout: Check = async (rules) => {
  const { gateway, engine } = await openWrong({ timeoutMs: SHORT_TIMEOUT_MS }, rules);
  const { held, release } = holdBack();
  gateway.next(held);
  const result = await engine.replace('k', null, 'one');
  release();
  await expect.poll(() => engine.read('k')).toMatchObject({ text: 'one' });
  expect(result.kind).toBe('silent');
};

const claimsNothingOfAFullDatabase: Check = async (rules) => {
  const { gateway, engine } = await openWrong({}, rules);
  gateway.next({ ...NO_SPACE, isDone: true });
  const result = await engine.replace('k', null, 'one');
  expect(await engine.read('k')).toMatchObject({ text: 'one' });
  expect(result.kind).toBe('silent');
};

const tellsOutcomesApart: Check = async (rules) => {
  const { gateway, engine } = await openWrong({}, rules);
  tokenOf(await engine.replace('taken', null, 'one'));
  gateway.requests.length = 0;
  const keys = ['new', 'taken', 'newer'];
  const results = await Promise.all(keys.map((key) => engine.replace(key, null, 'two')));
  expect(gateway.requests).toHaveLength(1);
  const reads = await Promise.all(keys.map((key) => engine.read(key)));
  expect(reads).toMatchObject([{ text: 'two' }, { text: 'one' }, { text: 'two' }]);
  expect(results.map(({ kind }) => kind)).toEqual(['ok', 'refused', 'ok']);
};

const readsTheNewest: Check = async (rules) => {
  const { gateway, engine } = await openWrong({}, rules);
  const token = tokenOf(await engine.replace('k', null, 'one'));
  gateway.store.lagging = new Map(gateway.store.entries);
  await engine.replace('k', token, 'two');
  expect(await engine.read('k')).toMatchObject({ text: 'two' });
  expect(await Promise.all(['k', 'other'].map((key) => engine.read(key)))).toMatchObject([{ text: 'two' }, {}]);
};

const comparesWithTheVersion: Check = async (rules) => {
  const { engine } = await openWrong({}, rules);
  const first = tokenOf(await engine.replace('k', null, 'one'));
  const second = tokenOf(await engine.replace('k', first, 'two'));
  tokenOf(await engine.replace('k', second, 'one'));
  const result = await engine.replace('k', first, 'three');
  expect(await engine.read('k')).toMatchObject({ text: 'one' });
  expect(result.kind).toBe('refused');
};

const doesNotOverwriteOthers: Check = async (rules) => {
  const { engine } = await openWrong({}, rules);
  const token = tokenOf(await engine.replace('k', null, 'one'));
  tokenOf(await engine.replace('k', token, 'two'));
  const result = await engine.replace('k', token, 'three');
  expect(await engine.read('k')).toMatchObject({ text: 'two' });
  expect(result.kind).toBe('refused');
};

const leavesWhatIsUnknownAsItIs: Check = async (rules) => {
  const { gateway, engine } = await openWrong({}, rules);
  const token = tokenOf(await engine.replace('k', null, 'one'));
  const { store } = gateway;
  gateway.next('lose', () => {
    const modRevision = ++store.revision;
    store.entries.set(wireKey('k'), { value: btoa('of another'), createRevision: 1, modRevision });
    return true;
  });
  const result = await engine.replace('k', token, 'two');
  expect(await engine.read('k')).toMatchObject({ text: 'of another' });
  expect(result.kind).toBe('silent');
};

const CHECKS: Readonly<Record<EtcdMutantName, Check>> = {
  'timeout-taken-for-failure': claimsNothingAfterATimeout,
  'no-space-taken-for-definite': claimsNothingOfAFullDatabase,
  'serializable-reads': readsTheNewest,
  'compare-by-value': comparesWithTheVersion,
  'compare-by-existence': doesNotOverwriteOthers,
  'retry-with-another-token': leavesWhatIsUnknownAsItIs,
  'one-outcome-for-the-group': tellsOutcomesApart,
};

describe('an engine that is wrong', () => {
  it.each(Object.entries(CHECKS))('is found: %s', async (name, check) => {
    await check({});
    await expect(check(ETCD_MUTANTS[name as EtcdMutantName]())).rejects.toThrow(/expected/);
  });
});
