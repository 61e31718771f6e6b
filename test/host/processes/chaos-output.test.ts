/** That nothing comes between the parts of a line. */

import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { ChaosOutput } from '../../../src/host/processes/chaos-output.ts';
import { LineOutput } from '../../../src/host/stdio/line-output.ts';

function opened() {
  const stream = new PassThrough().setEncoding('utf8');
  const lines = new LineOutput(stream, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });
  let closes = 0;
  const output = new ChaosOutput(lines, () => void closes++);
  const text = async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return stream.read() ?? '';
  };
  return { output, text, closes: () => closes };
}

it('lines that come while a line has begun wait for its end, and the line is written once', async () => {
  const { output, text } = opened();
  output.write('one');
  output.writePart('tw');
  output.write('three');
  expect(output.lineBegun).toBe(true);
  expect(await text()).toBe('one\ntw');
  output.endLine('two', 2, () => output.write('two'));
  output.write('two');
  expect(output.lineBegun).toBe(false);
  expect(await text()).toBe('o\nthree\ntwo\n');
});

it('a line that its handler holds back is still ended, and an equal line later is written', async () => {
  const { output, text } = opened();
  output.writePart('tw');
  output.endLine('two', 2, () => {});
  output.write('two');
  expect(await text()).toBe('two\ntwo\n');
});

it('an empty part begins no line', async () => {
  const { output, text } = opened();
  output.writePart('');
  output.write('one');
  expect(await text()).toBe('one\n');
});

it('a close lets earlier output leave, and drops later output', async () => {
  const { output, text, closes } = opened();
  output.write('one');
  output.close();
  output.close();
  output.write('two');
  output.writePart('three');
  expect(await text()).toBe('one\n');
  expect(closes()).toBe(1);
});
