/** An engine in this process as a client sees one over a network that may lose a request or an answer. */

import type { StoreEngine } from '../../src/kv/store.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import type { EngineWorld } from '../kv/store-conformance.ts';

const SILENCE = RpcError.of('timeout', 'no answer');
const SILENT = { kind: 'silent', error: SILENCE } as const;
const FAILED = { kind: 'failed', error: SILENCE } as const;

/**
 * The world of one engine.
 *
 * @param run lets time pass until the work is done
 * @param alter makes an engine wrong
 */
export function worldOf(
  engine: StoreEngine,
  run: EngineWorld['run'] = (work) => work,
  alter: (engine: StoreEngine) => StoreEngine = (same) => same,
): EngineWorld {
  let lost: 'request' | 'answer' | undefined;
  let isCut = false;
  const front: StoreEngine = {
    name: engine.name,
    read: async (key) => (isCut ? FAILED : engine.read(key)),
    replace: async (key, from, text) => {
      const loss = lost;
      lost = undefined;
      if (isCut || loss === 'request') return SILENT;
      const result = await engine.replace(key, from, text);
      return loss === 'answer' ? SILENT : result;
    },
    list: async (prefix, after, limit) => (isCut ? FAILED : engine.list(prefix, after, limit)),
    remove: async (key, from) => (isCut ? SILENT : engine.remove(key, from)),
    figures: () => engine.figures(),
    close: () => engine.close(),
  };
  return {
    open: () => alter(front),
    run,
    loseNext: (what) => {
      lost = what;
    },
    cut: () => {
      isCut = true;
    },
  };
}

/** An engine or a folder with some calls replaced. */
export function replacing<Port extends object>(port: Port, own: Partial<Port>): Port {
  return new Proxy(port, {
    get: (_, name) => {
      const member = Reflect.get(name in own ? own : port, name);
      return typeof member === 'function' ? member.bind(port) : member;
    },
  });
}
