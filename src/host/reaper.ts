/**
 * Sees to it that no node outlives the command that started it, not even when that command is killed with SIGKILL.
 *
 * A small shell in a session of its own learns every node's process group through a pipe. When the pipe closes, for whatever reason, it kills them
 * all, and then whoever bears the run's mark (see `strays.ts`). There is nothing in POSIX that a parent could do about its own SIGKILL.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { MARK_VARIABLE } from './strays.ts';

const SCRIPT = `
groups=
while read -r group; do groups="$groups -$group"; done
[ -z "$groups" ] || kill -9 $groups
for round in 1 2 3 4 5; do
  files=$(grep -lsF "$1" /proc/[0-9]*/environ)
  [ -n "$files" ] || break
  for file in $files; do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}"
  done
done`;

export class Reaper {
  readonly #shell: ChildProcess;

  constructor(mark: string) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', `${MARK_VARIABLE}=${mark}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell.stdin?.on('error', () => {});
    this.#shell.on('error', () => {});
    this.#shell.unref();
  }

  /** From now on the process group of `pid` ends with this process at the latest. */
  watch(pid: number): void {
    this.#shell.stdin?.write(`${pid}\n`);
  }

  /** To be called once every watched group is gone: their numbers may be given to others from then on. */
  dismiss(): void {
    this.#shell.kill('SIGKILL');
  }
}
