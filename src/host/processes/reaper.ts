/**
 * Kills the nodes of a command that ends, even if that command is killed with SIGKILL.
 *
 * A small shell in its own session reads from a pipe which process groups the nodes have, and which of them are gone.
 * When the pipe closes, for any reason, it kills the groups that are left. Then it kills every process with the run's
 * mark (see `strays.ts`), and removes the folder of what they kept. A second process is needed, because a process
 * cannot react to its own SIGKILL.
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
done
[ -n "$2" ] || exit
for round in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$2" && break
  sleep 0.1 # A process that is being killed may have made a file meanwhile.
done`;

export interface ReaperOptions {
  /** The environment variable that holds the mark. */
  readonly variable?: string;
  /** A folder to be removed when all are killed. */
  readonly folder?: string;
}

export class Reaper {
  readonly #shell: ChildProcess;

  constructor(mark: string, { variable = MARK_VARIABLE, folder = '' }: ReaperOptions = {}) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', `${variable}=${mark}`, folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell.stdin?.on('error', () => {});
    this.#shell.on('error', () => {});
    this.#shell.unref();
  }

  /** From now on the process group of `pid` is killed when this process ends. */
  watch(pid: number): void {
    this.#shell.stdin?.write(`watch ${pid}\n`);
  }

  /** To be called for a watched group when all its members are dead or dying: the system may reuse its number. */
  forget(pid: number): void {
    this.#shell.stdin?.write(`forget ${pid}\n`);
  }

  /** To be called when no process of the run is left, nor the folder. */
  dismiss(): void {
    this.#shell.kill('SIGKILL');
  }
}
