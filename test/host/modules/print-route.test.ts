/** Where what an author's node prints goes: never to stdout, which has the verdict or the messages. */

import { afterEach, describe, expect, it } from 'vitest';
import { routePrints } from '../../../src/host/modules/print-route.ts';
import { acting } from '../../../src/simulator/acting.ts';

let restore = () => {};
afterEach(() => {
  restore();
  acting.end();
});

describe('what is printed', () => {
  it('while a node acts is in its log, line by line', () => {
    const lines: string[] = [];
    const log = (level: string) => (message: string) => {
      lines.push(`${level} ${message}`);
      // As --log-stderr does.
      process.stderr.write('');
    };
    let prints = 0;
    restore = routePrints(() => prints++);
    acting.begin(
      {
        nodeId: 'n1',
        now: () => 0,
        log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      },
      'x',
    );
    console.log('a %d', 5);
    console.info({ b: 1 });
    console.debug('two\nlines');
    console.error('e');
    console.table([{ t: 1 }]);
    process.stdout.write('out\n');
    process.stderr.write(Buffer.from('err\n'));
    acting.end();
    expect(lines.filter((line) => !/[│┌├└]/.test(line))).toEqual([
      'info a 5',
      'info { b: 1 }',
      'info two',
      'info lines',
      'warn e',
      'info out',
      'warn err',
    ]);
    expect(lines.some((line) => line.includes('│'))).toBe(true);
    expect(prints).toBe(7);
    const { log: replaced } = console;
    restore();
    expect(console.log).not.toBe(replaced);
  });
});
