import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineOutput, WAITING_BYTES_MAX } from '../../../src/host/stdio/line-output.ts';
import { settle } from '../../support/virtual-time.ts';

/** A reader that takes a write only on demand. */
class SlowReader extends Writable {
  readonly writes: string[] = [];
  #takeNext: (() => void) | undefined;

  constructor(readonly slow: boolean) {
    super({ decodeStrings: false, highWaterMark: 1024 });
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.writes.push(text);
    if (this.slow) this.#takeNext = done;
    else done();
  }

  async take(): Promise<void> {
    const takeNext = this.#takeNext;
    this.#takeNext = undefined;
    takeNext?.();
    await settle();
  }

  get hasWork(): boolean {
    return this.#takeNext !== undefined;
  }
}

function outputTo(reader: Writable) {
  const events: string[] = [];
  const output = new LineOutput(reader, {
    onBlocked: () => events.push('blocked'),
    onDrained: () => events.push('drained'),
    onError: (error) => events.push(error.code ?? error.message),
  });
  return { output, events };
}

describe('line output', () => {
  it('gathers the lines of one turn into one write, in order', async () => {
    const reader = new SlowReader(false);
    const { output } = outputTo(reader);
    output.write('one');
    output.write('two');
    await settle();
    output.write('three');
    await settle();
    expect(reader.writes).toEqual(['one\ntwo\n', 'three\n']);
  });

  it('stops the producer while the reader is slow, and resumes it after that', async () => {
    const reader = new SlowReader(true);
    const { output, events } = outputTo(reader);
    const line = 'x'.repeat(100_000);
    let written = 0;
    while (!events.includes('blocked')) {
      output.write(line);
      written++;
      await settle();
    }
    expect(written * line.length).toBeLessThanOrEqual(WAITING_BYTES_MAX + 2 * line.length);
    output.write('after');
    while (reader.hasWork) await reader.take();
    expect(events).toEqual(['blocked', 'drained']);
    expect(reader.writes.join('')).toBe(`${`${line}\n`.repeat(written)}after\n`);
  });

  it('is empty only when all output has left', async () => {
    const reader = new SlowReader(true);
    const { output } = outputTo(reader);
    output.write('one');
    let empty = false;
    void output.empty().then(() => {
      empty = true;
    });
    await settle();
    expect(empty).toBe(false);
    await reader.take();
    expect(empty).toBe(true);
    await output.empty();
  });

  it('reports a reader that has gone, and does not wait any more', async () => {
    const gone = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const { output, events } = outputTo(gone);
    output.write('one');
    await output.empty();
    await settle();
    output.write('two');
    await output.empty();
    expect(events).toEqual(['EPIPE']);
  });
});
