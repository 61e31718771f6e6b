/**
 * The commands of "Run the services" in the first README, and those that back up, restore and encrypt, each in one
 * shell, as a reader enters them. Their output must be as shown. Only ports and folders are those of the test.
 */

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { documentAt } from '../support/documents.ts';
import { findEtcd } from '../support/etcd.ts';
import { commandsOf, findDifference, sectionOf } from '../support/readme-commands.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const NEXT = '== next command';

const etcd = findEtcd('the services of the first README');
const folder = temporaryFolder();
const sessions: number[] = [];
// Everything that the commands of a shell leave in the background is of one process group.
afterAll(() => {
  for (const session of sessions) endGroup(session);
});

it.skipIf(etcd === undefined)('the first README runs the services as shown', { timeout: 180_000 }, async () => {
  expect(await runSection('README.md', 'Run the services')).toBeGreaterThan(10);
});

it('its README backs up and restores as shown', { timeout: 180_000 }, async () => {
  expect(await runSection('src/host/backup/README.md', 'Try it')).toBeGreaterThan(5);
});

it('its README encrypts and changes keys as shown', { timeout: 180_000 }, async () => {
  expect(await runSection('src/host/encryption/README.md', 'Try it')).toBeGreaterThan(5);
});

/** Resolves to how many commands there are. */
async function runSection(document: string, section: string): Promise<number> {
  const commands = commandsOf(sectionOf(documentAt(document).text, section));
  const alter = await alteration();
  const script = commands.map(({ command }) => `${alter(command)}\necho '${NEXT}'`).join('\n');
  const printed = (await run(script)).split(`${NEXT}\n`);
  for (const [index, { command, output }] of commands.entries())
    expect(findDifference(output.map(alter), printed[index] as string), command).toBeUndefined();
  return commands.length;
}

/** The README's ports differ in their last digit. So each kind gets other first digits, under which all are free. */
async function alteration(): Promise<(command: string) => string> {
  const [clients, peers, instances] = [await freePrefix(), await freePrefix(), await freePrefix()];
  return (command) =>
    command
      .replaceAll('/tmp/', `${folder}/`)
      .replaceAll('127.0.0.1:2379', `127.0.0.1:${clients}`)
      .replaceAll('127.0.0.1:2389', `127.0.0.1:${peers}`)
      .replaceAll(/\b808(?=[0-3$])/g, instances)
      // The default of `--listen` is one of them as well.
      .replace('serve --store', `serve --listen 127.0.0.1:${instances}0 --store`);
}

async function freePrefix(): Promise<string> {
  for (;;) {
    // Below the ports that the system gives to clients.
    const prefix = String(randomInt(1100, 3200));
    if ((await Promise.all([0, 1, 2, 3].map((digit) => isFree(Number(`${prefix}${digit}`))))).every(Boolean))
      return prefix;
  }
}

function endGroup(session: number): void {
  try {
    process.kill(-session, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function run(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const shell = spawn('/bin/sh', ['-c', `exec 2>&1\n${script}`], {
      cwd: PROJECT,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    sessions.push(shell.pid as number);
    let text = '';
    shell.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    shell.on('error', reject).on('exit', () => resolve(text));
  });
}
