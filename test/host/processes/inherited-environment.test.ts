/** Programs under test are of others: the keys of this process's own data are not for them. */

import { afterEach, expect, it, vi } from 'vitest';
import { KEYS_VARIABLE } from '../../../src/host/inherited-environment.ts';
import { ChaosChild } from '../../../src/host/processes/chaos-child.ts';
import { LoggedProcess } from '../../../src/host/processes/logged-process.ts';
import { Reaper } from '../../../src/host/processes/reaper.ts';
import { KEY_A } from '../../support/encryption.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const SCRIPT = 'for (const name of Object.keys(process.env)) console[CHANNEL](name)';
const scriptOn = (channel: 'log' | 'error') => ['-e', SCRIPT.replace('CHANNEL', `'${channel}'`)];

afterEach(() => vi.unstubAllEnvs());

it.each<[string, (onLine: (line: string) => void, onExit: () => void) => () => unknown]>([
  [
    'a node, or an instance, of a test',
    (onLine, onExit) => {
      const mark = 'inherited-environment/n1';
      const reaper = new Reaper(mark);
      const child = new LoggedProcess({
        nodeId: 'n1',
        program: process.execPath,
        args: scriptOn('error'),
        stdio: 'ignore',
        mark,
        reaper,
        log: { logFolder: folder, onStderr: (_, line) => onLine(line) },
        heading: undefined,
        onExit,
      });
      return async () => {
        await child.kill();
        reaper.dismiss();
      };
    },
  ],
  [
    'a node behind chaos',
    (onLine, onExit) => {
      const child = new ChaosChild({
        program: process.execPath,
        args: scriptOn('log'),
        onLine,
        onHalfLine: () => false,
        onOutputClosed: () => {},
        onUnreadable: () => {},
        onExit,
        onStartFailed: () => {},
      });
      child.start();
      return () => child.close();
    },
  ],
])('%s inherits all but the keys', async (_, start) => {
  vi.stubEnv(KEYS_VARIABLE, KEY_A);
  vi.stubEnv('INHERITED', 'yes');
  const lines: string[] = [];
  let close: () => unknown = () => {};
  await new Promise<void>((resolve) => {
    close = start((line) => lines.push(line), resolve);
  });
  await close();
  expect(lines).toContain('INHERITED');
  expect(lines).not.toContain(KEYS_VARIABLE);
});
