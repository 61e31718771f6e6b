/** The opening of an account where accounts of its name were erased. */

import { expect, it } from 'vitest';
import { opened } from '../../../src/workloads/saga/opening.ts';

it('is refused after a thousand erasures', () => {
  const open = (times: number) => {
    const requests = Array.from({ length: times }, (_, index) => `e${index}`);
    const erased = { times, requests, openings: ['old'], redeemed: [], brought: [] };
    return opened({ content: null, marks: [] }, { account: 'ann', balance: 1, token: 't', opener: 'new', erased });
  };
  expect(open(999)?.content).toMatchObject({ balance: 1, opener: 'new' });
  expect(() => open(1000)).toThrow('accounts ann were erased 1000 times');
});
