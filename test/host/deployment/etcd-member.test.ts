/** Members whose program is no etcd, and who leads by what members say. */

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EtcdCluster } from '../../../src/host/deployment/etcd-cluster.ts';
import { createMembers } from '../../../src/host/deployment/etcd-member.ts';
import { type EtcdStatus, findLeader } from '../../../src/host/deployment/etcd-status.ts';
import { Reaper } from '../../../src/host/processes/reaper.ts';
import { processesThatName } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();

/** A member with this program. `exits` tells how it ended by itself. */
function create(name: string, program: string) {
  const data = join(folder, name);
  mkdirSync(data);
  const reaper = new Reaper(name);
  const exits: string[] = [];
  const onExit = (_: string, how: string) => exits.push(how);
  const settings = { program, folder: data, reaper, mark: name, onExit };
  const [member] = createMembers(settings, [{ name, clientPort: 20_001, peerPort: 20_002 }]);
  if (member === undefined) throw new Error('there is no member');
  return { member, exits, dismiss: () => reaper.dismiss() };
}

describe('a member', () => {
  it('that cannot be started says why', async () => {
    const { member, exits, dismiss } = create('missing', '/bin/no-such-etcd');
    member.start();
    expect(member.isUp).toBe(true);
    await expect
      .poll(() => exits)
      .toEqual([expect.stringMatching(/^it could not be started \(spawn \/bin\/no-such-etcd ENOENT\)/)]);
    expect(member).toMatchObject({ isUp: false, endedHow: exits[0] });
    dismiss();
  });

  it('whose log cannot be written has ended by itself, and may be killed and started again', async () => {
    const { member, exits, dismiss } = create('lost', '/bin/sh');
    rmSync(join(folder, 'lost'), { recursive: true });
    member.start();
    await expect.poll(() => exits).toEqual([expect.stringMatching(/^it could not be started \(ENOENT/)]);
    await member.kill();
    mkdirSync(join(folder, 'lost'));
    member.start();
    await expect.poll(() => exits.length).toBe(2);
    expect(exits[1]).not.toContain('ENOENT');
    dismiss();
  });

  it('that ends by itself says how, and may be started again', async () => {
    const end = join(folder, 'end');
    const program = join(folder, 'waiting');
    writeFileSync(program, `#!/bin/sh\nwhile [ ! -e ${end} ]; do sleep 0.05; done\necho bye >&2\nexit 3\n`, {
      mode: 0o755,
    });
    const { member, exits, dismiss } = create('waiting-data', program);
    const log = join(folder, 'waiting-data', 'waiting-data.log');
    member.start();
    await expect.poll(() => existsSync(log)).toBe(true);
    // It is up: this begins no other life.
    member.start();
    writeFileSync(end, '');
    const how = `exit status 3; the end of ${log}: bye`;
    await expect.poll(() => exits).toEqual([how]);
    expect(member.pause()).toBe(false);
    for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate);
    expect(member).toMatchObject({ isUp: false, endedHow: how });
    expect(readFileSync(log, 'utf8')).toBe('bye\n');
    member.start();
    await expect.poll(() => exits).toEqual([how, expect.stringMatching(/life 2 ---\nbye$/)]);
    dismiss();
  });

  it('that is killed and started at once has not ended by itself, and lives once', async () => {
    const program = join(folder, 'sleeper');
    writeFileSync(program, '#!/bin/sh\necho begun >&2\nexec sleep 1000\n', { mode: 0o755 });
    const { member, exits, dismiss } = create('sleeper-data', program);
    const log = () => readFileSync(join(folder, 'sleeper-data', 'sleeper-data.log'), 'utf8');
    member.start();
    await expect.poll(log).toBe('begun\n');
    for (let round = 0; round < 3; round++) {
      void member.kill();
      member.start();
      member.start();
    }
    await expect.poll(log).toBe('begun\n--- snowstorm: life 2 ---\nbegun\n');
    expect([member.pause(), member.pause(), member.isPaused]).toEqual([true, false, true]);
    await member.kill();
    expect(member).toMatchObject({ isUp: false, isPaused: false, endedHow: undefined });
    expect(exits).toEqual([]);
    dismiss();
  });
});

describe('a member', () => {
  it('that is a script is killed with the children that left it', async () => {
    const child = join(folder, 'a-child-that-left');
    const program = join(folder, 'script');
    symlinkSync('/bin/sleep', child);
    writeFileSync(program, `#!/bin/sh\nsetsid ${child} 1000 &\nexec ${child} 1001\n`, { mode: 0o755 });
    const { member, dismiss } = create('script-data', program);
    member.start();
    await expect.poll(() => processesThatName(`${child} 100`)).toHaveLength(2);
    await member.kill();
    await expect.poll(() => processesThatName(`${child} 100`)).toEqual([]);
    dismiss();
  });
});

describe('a cluster', () => {
  it('is not started again for what another port would not mend', async () => {
    const starts = join(folder, 'starts');
    const program = join(folder, 'dies');
    writeFileSync(program, `#!/bin/sh\necho >>${starts}\nexit 3\n`, { mode: 0o755 });
    const start = () => EtcdCluster.start({ program, memberCount: 1, instances: ['n1'] });
    await expect(start()).rejects.toThrow('e1 has ended by itself: exit status 3');
    expect(readFileSync(starts, 'utf8')).toBe('\n');
    writeFileSync(program, `#!/bin/sh\necho >>${starts}\necho bind: address already in use >&2\nexit 3\n`);
    await expect(start()).rejects.toThrow('address already in use');
    expect(readFileSync(starts, 'utf8')).toBe('\n'.repeat(4));
  });

  it('that cannot be started says why', async () => {
    const settings = { program: '/bin/ls', memberCount: 1, instances: ['n1'] } as const;
    await expect(EtcdCluster.start(settings)).rejects.toThrow(
      /^etcd: e1 has ended by itself: exit status 2; the end of .*e1\.log: \/bin\/ls: unrecognized option/,
    );
  });
});

describe('the leader', () => {
  const status = (memberId: string, leader: string, term: number): EtcdStatus => ({
    memberId,
    leader,
    term,
    dbBytes: 0,
    errors: [],
  });

  it('is the one that says so, with the highest term', () => {
    const old = ['e1', status('1', '1', 4)] as const;
    const next = ['e2', status('2', '2', 5)] as const;
    const candidate = ['e3', status('3', '0', 9)] as const;
    expect(findLeader(new Map([old, next, candidate]))).toBe('e2');
    expect(findLeader(new Map([next, old]))).toBe('e2');
    expect(findLeader(new Map([candidate, ['e2', status('2', '1', 4)]]))).toBeUndefined();
    expect(findLeader(new Map())).toBeUndefined();
  });
});
