/** The parts of a new cluster for a deployment: ports, folders, members that are not started yet. */

import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Reaper } from '../processes/reaper.ts';
import type { RelayedMember } from './cluster-relays.ts';
import { createMembers, type EtcdMember, type MemberSettings } from './etcd-member.ts';
import { freePorts } from './ports.ts';

const QUOTA_BYTES = 32 * 1024 * 1024;

export interface EtcdClusterSettings
  extends Pick<MemberSettings, 'program' | 'heartbeatMs' | 'electionMs' | 'onExit' | 'logFolder'> {
  readonly memberCount: 1 | 3 | 5;
  /** The ids of the instances that use it. */
  readonly instances: readonly string[];
  /** For the data, in a new folder within it, which stays. Default: a temporary folder, removed at the end. */
  readonly folder?: string;
  /** How large the database of a member may be, bytes. Default: 32 MiB. */
  readonly quotaBytes?: number;
}

/** Members that are processes of this run. */
export interface OwnMembers {
  readonly all: ReadonlyMap<string, EtcdMember>;
  readonly reaper: Reaper;
  readonly folder: string;
  readonly isTemporary: boolean;
  readonly quotaBytes: number;
}

export interface ClusterParts {
  readonly members: readonly RelayedMember[];
  readonly own?: OwnMembers;
}

export async function createMembersWithRelays({
  memberCount,
  instances,
  folder: parent,
  quotaBytes = QUOTA_BYTES,
  ...settings
}: EtcdClusterSettings): Promise<ClusterParts> {
  const names = Array.from({ length: memberCount }, (_, index) => `e${index + 1}`);
  const ports = [...(await freePorts(memberCount * (3 + instances.length)))];
  const nextPort = () => ports.pop() as number;
  const places = names.map((name) => ({
    name,
    clientPort: nextPort(),
    peerPort: nextPort(),
    advertisedPeerPort: nextPort(),
  }));
  const { logFolder } = settings;
  for (const path of [parent, logFolder]) if (path !== undefined) mkdirSync(path, { recursive: true });
  const mark = randomUUID();
  const folder = join(parent ?? tmpdir(), `snowstorm-etcd-${mark}`);
  const isTemporary = parent === undefined;
  // Before the folder: from its first moment on it is removed, even if this process is killed.
  const reaper = new Reaper(mark, isTemporary ? { folder } : {});
  makeFolder(folder, reaper);
  const all = createMembers({ ...settings, folder, quotaBytes, reaper, mark }, places);
  const members = all.map(({ name, url, peerUrl }, index) => ({
    name,
    url,
    peer: { url: peerUrl, relayPort: places[index]?.advertisedPeerPort as number },
    instancePorts: new Map(instances.map((id) => [id, nextPort()])),
  }));
  const own = {
    all: new Map(all.map((member) => [member.name, member])),
    reaper,
    folder,
    isTemporary,
    quotaBytes,
  };
  return { members, own };
}

function makeFolder(folder: string, reaper: Reaper): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    reaper.dismiss();
    throw error;
  }
}
