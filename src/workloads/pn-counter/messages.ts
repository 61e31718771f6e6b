/** The messages of g-counter and pn-counter, as Maelstrom defines them. */

import * as z from 'zod';
import { isExactInteger } from '../../protocol/exact-json.ts';
import { defineRpc } from '../../protocol/rpc.ts';

/** A JSON number without a fraction; 3.0 is none, as in Maelstrom. */
const Integer = z.custom<unknown>(isExactInteger, 'expected an integer');

export const Add = defineRpc('add', 'Adds a number to the counter.', { delta: Integer }, {});

export const Read = defineRpc('read', 'Answers with the sum that the node knows.', {}, { value: Integer });
