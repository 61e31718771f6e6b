/** Which kinds of operations had a chance to succeed. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Chances } from '../../src/harness/chances.ts';
import type { Completion } from '../../src/harness/client.ts';

const RECOVERY_MS_MAX = 10_000;
const OK: Completion = { type: 'ok', value: null };
const LOST: Completion = { type: 'info', value: null, error: 'net-timeout' };
const failWith = (name: string): Completion => ({ type: 'fail', value: null, error: [name, 'not now'] });

let calm: boolean;
let nowMs: number;
let chances: Chances;

beforeEach(() => {
  calm = true;
  nowMs = 0;
  chances = new Chances({ isCalm: () => calm, nowMs: () => nowMs, recoveryMsMax: RECOVERY_MS_MAX });
});

function perform(f: string, completion: Completion, nodeId = 'n0', meanwhile = () => {}): void {
  const mark = chances.begin(nodeId, f);
  meanwhile();
  chances.end(nodeId, f, mark, completion);
}

/** The node shows that it serves. */
function serve(nodeId = 'n0'): void {
  perform('echo', OK, nodeId);
}

describe('a kind of operation', () => {
  it.each([LOST, failWith('temporarily-unavailable'), failWith('abort')])(
    'had a chance when one of them ran undisturbed on a node that serves: $type $error',
    (completion) => {
      serve();
      expect(chances.has('cas')).toBe(false);
      perform('cas', completion);
      expect(chances.has('cas')).toBe(true);
      expect(chances.has('generate')).toBe(false);
    },
  );

  it('had none when a fault was in force as it began', () => {
    serve();
    calm = false;
    perform('cas', LOST, 'n0', () => {
      calm = true;
    });
    expect(chances.has('cas')).toBe(false);
  });

  it('had none when a fault was in force as it ended', () => {
    serve();
    perform('cas', LOST, 'n0', () => {
      calm = false;
    });
    expect(chances.has('cas')).toBe(false);
  });

  it('had none when a fault began and ended meanwhile', () => {
    serve();
    perform('cas', LOST, 'n0', () => chances.disturb());
    expect(chances.has('cas')).toBe(false);
  });

  it('keeps the chance that it had', () => {
    serve();
    perform('cas', LOST);
    perform('cas', LOST, 'n0', () => chances.disturb());
    expect(chances.has('cas')).toBe(true);
  });
});

describe('a node', () => {
  it('that has not served since the last disturbance may still be recovering', () => {
    serve();
    chances.disturb();
    perform('cas', LOST);
    expect(chances.has('cas')).toBe(false);
    serve();
    perform('cas', LOST);
    expect(chances.has('cas')).toBe(true);
  });

  it('has not served since a disturbance if what it served began before', () => {
    perform('echo', OK, 'n0', () => chances.disturb());
    perform('cas', LOST);
    expect(chances.has('cas')).toBe(false);
  });

  it('says nothing of another one', () => {
    serve('n1');
    perform('cas', LOST, 'n0');
    expect(chances.has('cas')).toBe(false);
  });

  it('that never serves has recovered when the time for it is over', () => {
    nowMs = 500;
    chances.disturb();
    nowMs += RECOVERY_MS_MAX - 1;
    perform('cas', LOST);
    expect(chances.has('cas')).toBe(false);
    nowMs += 1;
    perform('cas', LOST);
    expect(chances.has('cas')).toBe(true);
  });
});

describe('a refusal that rests on the data', () => {
  it.each(['key-does-not-exist', 'key-already-exists', 'precondition-failed'])(
    'is no chance that was missed: %s',
    (name) => {
      serve();
      for (let count = 0; count < 49; count++) perform('cas', failWith(name));
      expect(chances.has('cas')).toBe(false);
    },
  );

  it('is one when there are very many of them', () => {
    serve();
    for (let count = 0; count < 50; count++) perform('cas', failWith('precondition-failed'));
    expect(chances.has('cas')).toBe(true);
  });

  it('does not count with those of another kind', () => {
    serve();
    for (let count = 0; count < 98; count++)
      perform(count % 2 === 0 ? 'cas' : 'redeem', failWith('precondition-failed'));
    expect(chances.has('cas')).toBe(false);
    expect(chances.has('redeem')).toBe(false);
  });
});
