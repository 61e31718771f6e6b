/**
 * Lines of files that prove that they are whole: `<checksum> <length> <body>`. The length counts the characters of the
 * body, and the checksum (CRC-32C, RFC 3720) covers them. All of it is ASCII, so that an offset is one of characters
 * and of bytes.
 */

import { crc32c } from './crc32c.ts';

/**
 * @param body ASCII, without a line feed
 * @param head what the body begins with; a long body need not be copied behind it
 */
export function checkedLine(body: string, head = ''): string {
  return `${asDigits(crc32c(body, crc32c(head)))} ${head.length + body.length} ${head}${body}\n`;
}

/** The body of a line without its end. Undefined: the line is not whole, or damaged. */
export function parseCheckedLine(line: string): string | undefined {
  const match = /^([0-9a-f]{8}) ([1-9][0-9]*) /.exec(line);
  if (match === null) return undefined;
  const body = line.slice(match[0].length);
  return body.length === Number(match[2]) && asDigits(crc32c(body)) === match[1] ? body : undefined;
}

/** A value as JSON in ASCII. */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!BEYOND_ASCII.test(json)) return json;
  return json.replace(BEYOND_ASCII_ALL, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const BEYOND_ASCII = /[\x7f-\uffff]/;
const BEYOND_ASCII_ALL = /[\x7f-\uffff]/g;

function asDigits(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
