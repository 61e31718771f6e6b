/**
 * What tells one process from all others that ever ran on this machine: the boot, the namespace that its pid is in, the
 * pid and when it started (Linux, proc(5)). A pid alone may soon be that of another process. Elsewhere only the machine
 * and the pid are known, and in a Linux without `/proc` only the pid.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  /** The boot of this machine, or, on other systems than Linux, the machine. null: not known. */
  readonly boot: string | null;
  /** The namespace of pids, which differs from container to container. null: not known. */
  readonly namespace: string | null;
  readonly pid: number;
  /** When it started, in clock ticks since the boot. null: not known. */
  readonly start: string | null;
}

/** Who this process is. */
export function ownIdentity(): ProcessIdentity {
  // Such systems have no namespaces of pids, and a pid that is free tells that its process has ended.
  if (process.platform !== 'linux')
    return { boot: `host ${hostname()}`, namespace: null, pid: process.pid, start: null };
  return {
    boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    start: readStat(process.pid)?.start ?? null,
  };
}

/** Whether a process is there still; undefined if that cannot be told from here, as in another container. */
export function isRunning(other: ProcessIdentity, own: ProcessIdentity): boolean | undefined {
  const { boot, namespace, pid, start } = other;
  if (boot?.startsWith('host ')) return boot === own.boot && !isAlive(pid) ? false : undefined;
  if (boot === null || namespace === null || start === null) return undefined;
  if (boot !== own.boot || namespace !== own.namespace) return undefined;
  if (!isAlive(pid)) return false;
  const stat = readStat(pid);
  // Some systems hide the processes of others.
  if (stat === undefined) return isAlive(pid) ? undefined : false;
  // A process that has ended stays in the table until its parent has asked for its result.
  return stat.start === start && stat.state !== 'Z' && stat.state !== 'X';
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Undefined if there is no such process, or it is hidden. */
function readStat(pid: number): { readonly state: string; readonly start: string } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is a name in brackets, which may hold blanks and brackets.
  const fields = text === null ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
