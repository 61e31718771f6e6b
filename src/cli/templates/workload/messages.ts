/**
 * tally: adds numbers up.
 *
 *     {"type": "add", "id": 7, "delta": 5} → {"type": "add_ok"}
 *     {"type": "read"} → {"type": "read_ok", "value": 5}
 */

import { defineRpc } from 'snowstorm';
import * as z from 'snowstorm/zod';

export const Add = defineRpc('add', 'Adds a number, once for each id.', { id: z.int(), delta: z.int().min(1) }, {});
export const Read = defineRpc('read', 'The sum of all added numbers.', {}, { value: z.int() });
