/** The schema of an object whose keys are any texts: a sender chooses them. */

import * as z from 'zod';
import { isRecord } from './message.ts';

/**
 * As `z.record(z.string(), value)`, which leaves out a member `__proto__`. The object itself is the result: what the
 * schema of the values would add or leave out stays as it is.
 */
export function mapOf<Value>(value: z.ZodType<Value>): z.ZodType<Readonly<Record<string, Value>>> {
  const schema = z.unknown().superRefine((given, context) => {
    if (!isRecord(given)) {
      context.addIssue({ code: 'invalid_type', expected: 'record', input: given });
      return;
    }
    for (const [key, member] of Object.entries(given)) {
      const { error } = value.safeParse(member);
      for (const issue of error?.issues ?? []) context.addIssue({ ...issue, path: [key, ...issue.path] } as never);
    }
  });
  // For the reference of the messages.
  return schema.meta({ type: 'object', additionalProperties: {} }) as z.ZodType<Readonly<Record<string, Value>>>;
}
