/** Net: message counts under Jepsen's names, and messages per operation invoked. */

import { describe, expect, it } from 'vitest';
import { type NetStatistics, netChecker } from '../../src/checkers/net.ts';
import { handwritten, info, invoke, nemesis, ok, THREE_NODES } from '../support/histories.ts';

const STATISTICS: NetStatistics = {
  all: { sendCount: 12, recvCount: 10, msgCount: 11 },
  clients: { sendCount: 6, recvCount: 6, msgCount: 6 },
  servers: { sendCount: 6, recvCount: 4, msgCount: 5 },
};

describe('net', () => {
  it('leaves the messages per operation out when nothing was invoked', () => {
    const history = handwritten(nemesis('start-partition', 'one'));
    expect(netChecker(() => STATISTICS).check(THREE_NODES, history)).toEqual({
      all: { 'send-count': 12, 'recv-count': 10, 'msg-count': 11 },
      clients: { 'send-count': 6, 'recv-count': 6, 'msg-count': 6 },
      servers: { 'send-count': 6, 'recv-count': 4, 'msg-count': 5 },
      'valid?': true,
    });
  });

  it('divides by the operations invoked, completed or not', () => {
    const history = handwritten(
      invoke(0, 'echo'),
      ok(0, 'echo'),
      invoke(1, 'echo'),
      info(1, 'echo'),
      nemesis('stop'),
      invoke(0, 'a'),
      invoke(2, 'a'),
    );
    expect(netChecker(() => STATISTICS).check(THREE_NODES, history)).toEqual({
      all: { 'send-count': 12, 'recv-count': 10, 'msg-count': 11, 'msgs-per-op': 2.75 },
      clients: { 'send-count': 6, 'recv-count': 6, 'msg-count': 6 },
      servers: { 'send-count': 6, 'recv-count': 4, 'msg-count': 5, 'msgs-per-op': 1.25 },
      'valid?': true,
    });
  });

  it('asks for the statistics only when the run is checked', () => {
    let asked = 0;
    const checker = netChecker(() => {
      asked++;
      return STATISTICS;
    });
    expect(asked).toBe(0);
    checker.check(THREE_NODES, handwritten());
    expect(asked).toBe(1);
  });
});
