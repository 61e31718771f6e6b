/** Who made a connection to a member of etcd, and what holds it. */

import { describe, expect, it } from 'vitest';
import { Links } from '../../../src/host/deployment/links.ts';
import { PeerPassage } from '../../../src/host/deployment/peer-passage.ts';

const STREAM =
  'GET /raft/stream/message/2a HTTP/1.1\r\nHost: e2\r\nX-Server-From: 2a\r\nX-Server-Version: 3.4.23\r\n\r\n';
const PROBE = 'GET /raft/probing HTTP/1.1\r\nHost: e2\r\nUser-Agent: Go-http-client/1.1\r\n\r\n';

function start() {
  const links = new Links(() => {});
  let knownCount = 0;
  const passage = new PeerPassage({
    dest: 'e2',
    members: ['e1', 'e2', 'e3'],
    links,
    nameOf: (id) => (id === '2a' ? 'e1' : undefined),
    onKnown: () => knownCount++,
  });
  const isHeld = () => [passage.conditions('out').isHeld, passage.conditions('back').isHeld];
  return { links, passage, isHeld, knownCount: () => knownCount };
}

describe('a connection between members', () => {
  it('is known by its first request that names a member, however it is cut', () => {
    for (const text of [STREAM, PROBE + STREAM, PROBE.repeat(1000) + STREAM]) {
      for (let at = Math.max(1, text.length - STREAM.length); at < text.length; at++) {
        const { passage, knownCount } = start();
        passage.read('out', Buffer.from(text.slice(0, at)));
        passage.read('back', Buffer.from('\r\nX-Server-From: 99\r\n'));
        passage.read('out', Buffer.from(text.slice(at)));
        expect(passage.source, `cut at ${at}`).toBe('e1');
        expect(knownCount()).toBe(1);
        passage.read('out', Buffer.from('\r\nX-Server-From: 99\r\n'));
        expect(passage.source).toBe('e1');
      }
    }
  });

  it('is held by the cuts between its two ends, each in its direction', () => {
    const { links, passage, isHeld } = start();
    passage.read('out', Buffer.from(STREAM));
    links.cut('e3', 'e2');
    links.cut('e1', 'e3');
    expect(isHeld()).toEqual([false, false]);
    links.cut('e1', 'e2');
    expect(isHeld()).toEqual([true, false]);
    links.mend('e1', 'e2');
    links.cut('e2', 'e1');
    expect(isHeld()).toEqual([false, true]);
    links.delay('e1', 'e2', 20);
    expect(passage.conditions('out')).toEqual({ isHeld: false, delayMs: 20 });
  });

  it('that is not known is held by every cut of its destination from or to another member', () => {
    const { links, passage, isHeld } = start();
    passage.read('out', Buffer.from(PROBE));
    links.cut('e1', 'e3');
    links.cut('n1', 'e2');
    expect(isHeld()).toEqual([false, false]);
    links.cut('e2', 'e3');
    expect(isHeld()).toEqual([true, true]);
    links.mend('e2', 'e3');
    links.cut('e3', 'e2');
    expect(isHeld()).toEqual([true, true]);
  });
});
