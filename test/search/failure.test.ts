import { describe, expect, it } from 'vitest';
import { failsAlike, failureSignature, tellingWays } from '../../src/search/failure.ts';

const violation = (rule: string) => ({ node: 'n0', rule, text: rule });
const FAILED = {
  'valid?': false,
  stats: { 'valid?': false },
  availability: { 'valid?': true },
  net: { 'valid?': true },
  protocol: { 'valid?': false, violations: [violation('exit'), violation('msg-id-reuse'), violation('exit')] },
  recovery: { 'valid?': false },
  workload: { 'valid?': false },
} as const;

describe('the signature of a failure', () => {
  it('names the failed checkers and each broken rule, what says most first', () => {
    expect(failureSignature(FAILED)).toEqual([
      'protocol:exit',
      'protocol:msg-id-reuse',
      'workload',
      'recovery',
      'stats',
    ]);
  });

  it('is empty for a run that is valid or undecided', () => {
    expect(failureSignature({ 'valid?': true, workload: { 'valid?': true } })).toEqual([]);
    expect(failureSignature({ 'valid?': 'unknown', workload: { 'valid?': 'unknown' } })).toEqual([]);
  });

  it('names the protocol as a whole where no rule is named', () => {
    expect(failureSignature({ 'valid?': false, protocol: { 'valid?': false } })).toEqual(['protocol']);
  });
});

describe('the ways that tell', () => {
  it('leave out mere symptoms as long as there is a cause', () => {
    expect(tellingWays(['workload', 'recovery', 'stats'])).toEqual(['workload']);
    expect(tellingWays(['recovery', 'stats'])).toEqual(['recovery']);
    expect(tellingWays([])).toEqual([]);
  });

  it('are met by a run that fails in one of them, and by no other', () => {
    expect(failsAlike(['workload'], FAILED)).toBe(true);
    expect(failsAlike(['protocol:leak'], FAILED)).toBe(false);
    expect(failsAlike([], FAILED)).toBe(false);
  });
});
