/** Which ports the processes of a run listen on, by `/proc`. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENS = '0A';

/** A socket that listens. No two sockets of a machine have one inode; a port may have another owner later. */
export interface ListeningSocket {
  readonly inode: string;
  readonly port: number;
}

/** All of this machine. */
function listeningSockets(): ListeningSocket[] {
  return ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(`/proc/net/${file}`, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        return state === LISTENS ? [{ inode, port: Number.parseInt(local.split(':')[1] as string, 16) }] : [];
      }),
  );
}

/** Those of these processes. */
export function listeningSocketsOf(pids: readonly number[]): ListeningSocket[] {
  const inodes = new Set(pids.flatMap(socketInodes));
  return listeningSockets().filter(({ inode }) => inodes.has(inode));
}

/** The ports of those that still listen. */
export function stillListening(inodes: ReadonlySet<string>): number[] {
  return listeningSockets().flatMap(({ inode, port }) => (inodes.has(inode) ? [port] : []));
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketInode(`/proc/${pid}/fd/${fd}`) ?? []);
  } catch {
    return []; // It has ended.
  }
}

function socketInode(path: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
  } catch {
    return undefined; // It was closed meanwhile.
  }
}
