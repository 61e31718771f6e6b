import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { onTextLine, PIECE_LENGTH_MAX } from '../../../src/host/stdio/text-lines.ts';
import { settle } from '../../support/virtual-time.ts';

async function linesOf(chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  onTextLine(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await settle();
  return lines;
}

it('gives every line without its newline, also the last one', async () => {
  const [first, second] = [Buffer.from('ü\r\n').subarray(0, 1), Buffer.from('ü\r\n').subarray(1)];
  expect(await linesOf(['one\n\ntw', 'o\n', first, second, 'three'])).toEqual(['one', '', 'two', 'ü', 'three']);
});

it('gives a very long line in pieces', async () => {
  const piece = 'x'.repeat(PIECE_LENGTH_MAX);
  expect(await linesOf([piece, piece, 'end\n'])).toEqual([piece, piece, 'end']);
});
