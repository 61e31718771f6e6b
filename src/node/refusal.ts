/**
 * What can be said about a refused message: whom to answer, if possible, and how a log shows it. Nothing in such a
 * message is trusted.
 */

import { excerpt } from '../protocol/excerpt.ts';
import { isRecord } from '../protocol/message.ts';

const EXCERPT_LENGTH = 200;

/** Whom to answer, if `message` is a request that can be answered. */
export function originOf(message: unknown): { src: string; dest: string; messageId: number } | undefined {
  if (!isRecord(message) || !isRecord(message.body)) return undefined;
  const { src, dest, body } = message;
  if (typeof src !== 'string' || src === '' || body.in_reply_to !== undefined) return undefined;
  if (!Number.isSafeInteger(body.msg_id)) return undefined;
  return { src, dest: typeof dest === 'string' ? dest : '', messageId: body.msg_id as number };
}

/** The beginning of a message, for a log. */
export function describeMessage(message: unknown): string {
  try {
    return excerptWithLength(JSON.stringify(message) ?? String(message));
  } catch {
    return 'a message that is nested too deep to print';
  }
}

/** The beginning of a text, and how long it is if that is not all. */
export function excerptWithLength(text: string): string {
  return excerpt(text, EXCERPT_LENGTH, `… (${text.length} characters)`);
}
