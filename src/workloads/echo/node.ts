/** What a node serves of echo. */

import { handler } from '../../node/context.ts';
import type { ServedWorkload } from '../served-workload.ts';
import { Echo } from './messages.ts';

export const echoNode: ServedWorkload = {
  name: 'echo',
  rpcs: [Echo],
  start: async () => [handler(Echo, (request) => ({ echo: request.echo }))],
};
