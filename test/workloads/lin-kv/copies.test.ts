/** Which requests are copies of one. */

import { expect, it } from 'vitest';
import { Copies } from '../../../src/workloads/lin-kv/copies.ts';
import { ManualClock } from '../../support/manual-clock.ts';

it('asks once for a request and its copies, and again for another request under its number', async () => {
  const copies = new Copies(new ManualClock());
  let asked = 0;
  const share = (src: string, messageId: number | undefined, request: object) =>
    copies.share(src, messageId, request, async () => {
      asked++;
      return {};
    });
  const five = { f: 'write', args: ['b', 5] };
  await share('c1', 7, five);
  await share('c1', 7, { ...five });
  expect(asked).toBe(1);
  await share('c1', 7, { f: 'write', args: ['b', 6] });
  expect(asked).toBe(2);
  await share('c1', 7, { f: 'cas', args: ['b', 5] });
  await share('c2', 7, five);
  await share('c1', undefined, five);
  await share('c1', undefined, five);
  expect(asked).toBe(6);
});
