/** What models forbid and anomalies rule out: Elle's tables, as results and options show them. */

import { describe, expect, it } from 'vitest';
import { boundary, checkModels, forbiddenAnomalies } from '../../../src/checkers/elle/consistency-models.ts';
import { modelsAsked } from '../../../src/checkers/elle/txn-options.ts';

const FINDABLE =
  /^(G0|G1[abc]|G-single-item|G-nonadjacent-item|G2-item)$|internal|lost|dirty|dupl|cyclic-v|incomp|future/;

const RC = 'G0 G1a G1b G1c cyclic-versions dirty-update duplicate-elements future-read incompatible-order';

describe('consistency models', () => {
  it.each([
    ['read-uncommitted', 'G0 cyclic-versions duplicate-elements'],
    ['read-committed', RC],
    ['monotonic-atomic-view', RC],
    ['read-atomic', `${RC} internal`],
    ['cursor-stability', `${RC} lost-update`],
    ['parallel-snapshot-isolation', `${RC} internal lost-update`],
    ['consistent-view', `${RC} lost-update G-single-item`],
    ['snapshot-isolation', `${RC} internal lost-update G-single-item G-nonadjacent-item`],
    ['repeatable-read', `${RC} lost-update G-single-item G-nonadjacent-item G2-item`],
    ['serializable', `${RC} internal lost-update G-single-item G-nonadjacent-item G2-item`],
    ['strict-serializable', `${RC} internal lost-update G-single-item G-nonadjacent-item G2-item`],
  ])('%s forbids %s', (model, anomalies) => {
    const found = [...forbiddenAnomalies([model])].filter((anomaly) => FINDABLE.test(anomaly));
    expect(found.sort()).toEqual(anomalies.split(' ').sort());
  });

  it.each([
    ['G0', 'read-uncommitted'],
    ['G1a', 'read-committed'],
    ['internal', 'read-atomic'],
    ['lost-update', 'cursor-stability update-atomic'],
    ['G-single-item', 'consistent-view repeatable-read'],
    ['G-nonadjacent-item', 'repeatable-read snapshot-isolation'],
    ['G-single-item-process', 'strong-session-snapshot-isolation'],
    ['G2-item-realtime', 'strong-serializable'],
  ])('%s rules out %s first', (anomaly, models) => {
    expect(boundary([anomaly]).not).toEqual(models.split(' '));
  });

  it('are named with commas between, with spaces or without', () => {
    const consistencyModels = ['serializable,read-atomic', 'PL-2 , strict-serializable'];
    expect(modelsAsked({ consistencyModels, strict: false })).toEqual([
      'serializable',
      'read-atomic',
      'PL-2',
      'strict-serializable',
    ]);
  });

  it.each(['linearizable', 'sequential', 'causal', 'PRAM', 'view-serializable', '1SR', 'session-serializable'])(
    'that forbid nothing are refused: %s',
    (model) => {
      expect(() => checkModels(['serializable', model])).toThrow(
        `the consistency model "${model}" forbids nothing that a history of transactions shows`,
      );
    },
  );

  it('that do not exist are refused, with those that do', () => {
    expect(() => checkModels(['serialisable'])).toThrow(
      /^"serialisable" is no consistency model. Those that can be judged: .*snapshot-isolation/,
    );
    expect(() => modelsAsked({ consistencyModels: [''], strict: false })).toThrow('"" is no consistency model');
    expect(() => checkModels([])).toThrow('no consistency model is named');
  });
});
