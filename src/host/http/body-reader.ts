/** Receives the bodies of requests, within the limits of one and of all together. */

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { type Problem, unavailable } from '../../api/problems.ts';
import type { HttpLimits } from './limits.ts';
import { bodyTooLarge } from './request-line.ts';

export class BodyReader {
  readonly #limits: Pick<HttpLimits, 'bodyBytesMax' | 'bodiesBytesMax'>;
  #heldBytes = 0;

  constructor(limits: Pick<HttpLimits, 'bodyBytesMax' | 'bodiesBytesMax'>) {
    this.#limits = limits;
  }

  /** Of all bodies that are being received. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Calls back once, with the text or what is wrong; not at all if the client goes away. */
  read(request: IncomingMessage, callback: (body: string | Problem) => void): void {
    const { bodyBytesMax, bodiesBytesMax } = this.#limits;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const end = (body?: string | Problem) => {
      if (isOver) return;
      isOver = true;
      this.#heldBytes -= bytes;
      chunks.length = 0;
      if (body !== undefined) callback(body);
    };
    request.on('data', (chunk: Buffer) => {
      if (isOver) return;
      bytes += chunk.length;
      this.#heldBytes += chunk.length;
      if (bytes > bodyBytesMax) end(bodyTooLarge(bodyBytesMax));
      else if (this.#heldBytes > bodiesBytesMax) end(unavailable('the server is receiving too many large bodies'));
      else chunks.push(chunk);
    });
    request.on('end', () => end(decode(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))));
    request.on('close', () => end());
    request.on('error', () => end());
  }
}

function decode(body: Buffer): string | Problem {
  if (isUtf8(body)) return body.toString('utf8');
  return { status: 400, code: 'body_invalid', detail: 'the body is not UTF-8' };
}
