import { describe, expect, it } from 'vitest';
import { continueTrace, traceIdOf } from '../../../src/host/http/trace.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('a trace', () => {
  it('is begun with ids of its own, which never recur', () => {
    const seen = new Set<string>();
    for (let count = 0; count < 1000; count++) {
      const traceparent = continueTrace(undefined);
      expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      seen.add(traceIdOf(traceparent)).add(traceparent.split('-')[2] as string);
    }
    expect(seen.size).toBe(2000);
  });

  it.each(['00', '01', 'cc'])('of version %s is continued with a span of its own', (version) => {
    const continued = continueTrace(`${version}-${TRACE}-${SPAN}-01`);
    expect(continued).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(continued).not.toContain(SPAN);
    expect(traceIdOf(continued)).toBe(TRACE);
  });

  it.each([
    '',
    'no trace',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  ])('is begun anew in place of %j', (incoming) => {
    expect(traceIdOf(continueTrace(incoming))).not.toBe(TRACE);
    expect(continueTrace(incoming)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});
