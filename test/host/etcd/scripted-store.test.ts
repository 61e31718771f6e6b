/** The engine as a store, on a gateway in this process. `etcd-store.test.ts` does the same on a real etcd. */

import { describe, onTestFinished } from 'vitest';
import { EtcdEngine } from '../../../src/host/etcd/engine.ts';
import { describeEngine } from '../../kv/store-conformance.ts';
import { ScriptedGateway, type SeenRequest } from '../../support/scripted-gateway.ts';

const CLIENTS = 9;

describe('the engine on a scripted gateway', () => {
  describeEngine(async () => {
    const gateway = await ScriptedGateway.start();
    const options = { endpoints: [gateway.url], prefix: 'shop/', timeoutMs: 20_000, compactEveryMs: 0 };
    const engines = await Promise.all(Array.from({ length: CLIENTS }, () => EtcdEngine.open(options)));
    onTestFinished(async () => {
      await Promise.all(engines.map((engine) => engine.close()));
      await gateway.close();
    });
    let opened = 0;
    return {
      open: () => engines[opened++ % CLIENTS] as EtcdEngine,
      run: (work) => work,
      loseNext: (what) => gateway.next(what === 'request' ? 'lose' : 'lose-answer', isWrite),
      cut: () => {
        gateway.decide = () => 'lose';
      },
    };
  });
});

function isWrite({ body }: SeenRequest): boolean {
  return body.success?.[0]?.request_range === undefined && body.success !== undefined;
}
