import { describe, expect, it } from 'vitest';
import { createJsonLogger } from '../../../src/host/stdio/json-logger.ts';
import type { LogLevel } from '../../../src/node/environment.ts';

function logAll(level: LogLevel, nodeId?: string) {
  const written: string[] = [];
  const log = createJsonLogger({ level, nodeId: () => nodeId, write: (text) => written.push(text) });
  log.debug('d');
  log.info('i', { src: 'c1' });
  log.warn('w');
  log.error('e', { line: 'two\nlines' });
  return written;
}

describe('the log', () => {
  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('at level %s writes %j', (level, levels) => {
    expect(logAll(level).map((text) => JSON.parse(text).level)).toEqual(levels);
  });

  it('is one JSON object a line, with level, time, node and message first', () => {
    const [, info, , error] = logAll('debug', 'n3');
    expect(info).toMatch(
      /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","node":"n3","message":"i","src":"c1"\}\n$/,
    );
    expect(error?.indexOf('\n')).toBe((error as string).length - 1);
  });

  it('leaves out the node until it is known', () => {
    expect(JSON.parse(logAll('debug')[0] as string)).not.toHaveProperty('node');
  });
});
