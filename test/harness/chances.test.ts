/** Which kinds of operations had a chance to succeed. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Chances } from '../../src/harness/chances.ts';

let calm: boolean;
let chances: Chances;

beforeEach(() => {
  calm = true;
  chances = new Chances({ isCalm: () => calm });
});

describe('a kind of operation', () => {
  it('had a chance when one of them ran undisturbed', () => {
    const mark = chances.begin('echo');
    expect(chances.has('echo')).toBe(false);
    chances.end('echo', mark);
    expect(chances.has('echo')).toBe(true);
    expect(chances.has('generate')).toBe(false);
  });

  it('had none when a fault was in force as it began', () => {
    calm = false;
    const mark = chances.begin('echo');
    calm = true;
    chances.end('echo', mark);
    expect(chances.has('echo')).toBe(false);
  });

  it('had none when a fault was in force as it ended', () => {
    const mark = chances.begin('echo');
    calm = false;
    chances.end('echo', mark);
    expect(chances.has('echo')).toBe(false);
  });

  it('had none when a fault began and ended meanwhile', () => {
    const mark = chances.begin('echo');
    chances.disturb();
    chances.end('echo', mark);
    expect(chances.has('echo')).toBe(false);
  });

  it('keeps the chance that it had', () => {
    chances.end('echo', chances.begin('echo'));
    const mark = chances.begin('echo');
    chances.disturb();
    chances.end('echo', mark);
    expect(chances.has('echo')).toBe(true);
  });
});
