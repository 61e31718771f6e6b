/**
 * Sees to it that no node outlives the command that started it, not even when that command is killed with SIGKILL.
 *
 * A small shell in a session of its own learns through a pipe which process groups nodes have, and which of them are no
 * more. When the pipe closes, for whatever reason, it kills those that are left, and then whoever bears the run's mark
 * (see `strays.ts`). There is nothing in POSIX that a parent could do about its own SIGKILL.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { MARK_VARIABLE } from './strays.ts';

const SCRIPT = `
groups=' '
while read -r change group; do
  case $change$groups in
    watch*) groups="$groups-$group " ;;
    forget*" -$group "*) groups="\${groups%% -$group *} \${groups#* -$group }" ;;
  esac
done
[ "$groups" = ' ' ] || kill -9 $groups
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

  constructor(mark: string, variable = MARK_VARIABLE) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', `${variable}=${mark}`], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell.stdin?.on('error', () => {});
    this.#shell.on('error', () => {});
    this.#shell.unref();
  }

  /** From now on the process group of `pid` ends with this process at the latest. */
  watch(pid: number): void {
    this.#shell.stdin?.write(`watch ${pid}\n`);
  }

  /**
   * To be called for every watched group once everybody in it is gone or doomed: its number may be given to others from
   * then on.
   */
  forget(pid: number): void {
    this.#shell.stdin?.write(`forget ${pid}\n`);
  }

  /** To be called once nothing of the run is left. */
  dismiss(): void {
    this.#shell.kill('SIGKILL');
  }
}
