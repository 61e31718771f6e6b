/** Mistakes on the command line. Every command must refuse them before it starts anything. */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { fuzzCommand } from '../../src/cli/fuzz-command.ts';
import { glomersCommand } from '../../src/cli/glomers-command.ts';
import { idCommand } from '../../src/cli/id-command.ts';
import { UsageError } from '../../src/cli/options.ts';
import { testCommand } from '../../src/cli/test-command.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowstorm-commands-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SNOWSTORM = fileURLToPath(new URL('../../bin/snowstorm', import.meta.url));
const ECHO = ['-w', 'echo', '--bin', SNOWSTORM, '--store', join(folder, 'never')];

/** A file that is not executable. */
function plainFile(): string {
  const file = join(folder, 'plain-file');
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o644);
  return file;
}

function linkToItself(): string {
  const link = join(folder, 'link-to-itself');
  symlinkSync(link, link);
  return link;
}

function emptyFolder(): string {
  const path = join(folder, 'a-folder');
  mkdirSync(path);
  return path;
}

interface Mistake {
  readonly mistake: string;
  readonly args: readonly string[];
  readonly says: string | RegExp;
}

const SIMULATED = ['-w', 'unique-ids', '--store', join(folder, 'never')];

const TEST_MISTAKES: readonly Mistake[] = [
  {
    mistake: 'arguments of a program that is missing',
    args: [...SIMULATED, '--', '--verbose'],
    says: 'arguments after -- are for a program: --bin FILE is missing',
  },
  {
    mistake: 'a determinism check of processes',
    args: [...ECHO, '--check-determinism'],
    says: '--check-determinism cannot be combined with --bin',
  },
  {
    mistake: 'a broken disk under a process',
    args: [...ECHO, '--nemesis', 'kill,disk-torn'],
    says: '--nemesis disk-torn needs a simulated node; leave out --bin',
  },
  {
    mistake: 'a bridge between two nodes',
    args: [...SIMULATED, '--node-count', '2', '--nemesis', 'bridge'],
    says: '--nemesis bridge needs at least 3 nodes',
  },
  {
    mistake: 'a lost disk for a workload that does not survive it',
    args: [...SIMULATED, '--nemesis', 'disk-loss'],
    says: '--nemesis disk-loss is a fault that this workload does not claim to survive',
  },
  {
    mistake: 'a lost disk, one at a time, of two nodes',
    args: ['-w', 'lin-kv', '--node-count', '2', '--nemesis', 'disk-loss'],
    says: '--nemesis disk-loss needs at least 3 nodes',
  },
  {
    mistake: 'a probability above 1',
    args: [...SIMULATED, '--nemesis', 'loss=2'],
    says: '--nemesis "loss=2": expected a number from 0 to 1',
  },
  {
    mistake: 'probabilities with a sum above 1',
    args: [...SIMULATED, '--nemesis', 'loss=0.5,delay=0.6'],
    says: '--nemesis: the probabilities of loss (0.5), delay (0.6) add up to more than 1',
  },
  {
    mistake: 'a default probability beside a certain fault',
    args: [...SIMULATED, '--nemesis', 'loss=1,reordering'],
    says: '--nemesis: the probabilities of loss (1), reordering (0.02) add up to more than 1',
  },
  {
    mistake: 'an interval for all faults',
    args: [...SIMULATED, '--nemesis', 'all=3'],
    says: '--nemesis "all=3": expected NAME or NAME=N, not all=3',
  },
  {
    mistake: 'a missing schedule',
    args: [...SIMULATED, '--replay', '/no/such/schedule'],
    says: '--replay /no/such/schedule: ENOENT',
  },
  {
    mistake: 'processes without a record',
    args: [...ECHO, '--store', 'none'],
    says: '--store none cannot be combined with --bin: processes write logs',
  },
  {
    mistake: 'a replay on processes',
    args: [...ECHO, '--replay', 'x'],
    says: '--replay cannot be combined with --bin and its arguments',
  },
  {
    mistake: 'an unknown workload',
    args: [...ECHO, '-w', 'eccho'],
    says: '--workload "eccho": expected one of echo, unique-ids',
  },
  {
    mistake: 'an option without its value',
    args: [...ECHO, '--rate'],
    says: "Option '--rate <value>' argument missing",
  },
  {
    mistake: 'a stray word',
    args: [...ECHO, 'extra'],
    says: 'unexpected argument "extra"; arguments of the node go after --',
  },
  { mistake: 'a program below a file', args: [...ECHO, '--bin', `${SNOWSTORM}/x`], says: 'there is no such file' },
  {
    mistake: 'a program that is nowhere',
    args: [...ECHO, '--bin', 'pyhton3'],
    says: '--bin pyhton3: there is no such file here and no such program in PATH',
  },
  {
    mistake: 'a program that is a folder',
    args: [...ECHO, '--bin', emptyFolder()],
    says: /--bin .*a-folder: this is not a file/,
  },
  {
    mistake: 'a program that is not executable',
    args: [...ECHO, '--bin', plainFile()],
    says: /--bin .*plain-file: this file is not executable; chmod \+x it/,
  },
  {
    mistake: 'a program that is a link to itself',
    args: [...ECHO, '--bin', linkToItself()],
    says: /--bin .*link-to-itself: ELOOP/,
  },
  {
    mistake: 'a count that is none',
    args: [...ECHO, '--node-count', '2.5'],
    says: '--node-count "2.5": expected a whole number from 1 to 1024',
  },
  {
    mistake: 'no nodes',
    args: [...ECHO, '--node-count', '0'],
    says: '--node-count "0": expected a whole number from 1',
  },
  {
    mistake: 'a time limit that is none',
    args: [...ECHO, '--time-limit', 'soon'],
    says: '--time-limit "soon": expected a number from 0',
  },
  { mistake: 'an empty rate', args: [...ECHO, '--rate', ''], says: '--rate "": expected a number of at least 0' },
  { mistake: 'a negative rate', args: [...ECHO, '--rate=-1'], says: '--rate "-1": expected a number of at least 0' },
  {
    mistake: 'no clients',
    args: [...ECHO, '--concurrency', '0n'],
    says: '--concurrency "0n": expected a number of clients',
  },
  {
    mistake: 'a fraction of a millisecond',
    args: [...ECHO, '--latency', '0.5'],
    says: '--latency "0.5": expected a whole number',
  },
  {
    mistake: 'an unknown distribution',
    args: [...ECHO, '--latency-dist', 'normal'],
    says: '--latency-dist "normal": expected one of constant, uniform, exponential',
  },
  {
    mistake: 'an unknown fault',
    args: [...ECHO, '--nemesis', 'partition,earthquake'],
    says: '--nemesis "partition,earthquake": expected one of partition',
  },
  {
    mistake: 'nodes without names',
    args: [...ECHO, '--nodes', ''],
    says: '--nodes "": expected names of nodes separated by commas, such as n1,n2,n3',
  },
  {
    mistake: 'a node without a name',
    args: [...ECHO, '--nodes', 'n1,,n3'],
    says: '--nodes "n1,,n3": expected names of nodes separated by commas, such as n1,n2,n3',
  },
  {
    mistake: 'a number of nodes in place of names',
    args: [...ECHO, '--nodes', '3'],
    says: '--nodes "3": expected names of nodes, such as n1,n2,n3; for 3 nodes use --node-count 3',
  },
  {
    mistake: 'a node twice',
    args: [...ECHO, '--nodes', 'n1,n2,n1'],
    says: '--nodes "n1,n2,n1": expected each name once, but n1 is given twice',
  },
  {
    mistake: 'a node with the name of a client',
    args: [...ECHO, '--nodes', 'n1,cache'],
    says: '--nodes "n1,cache": expected names that do not begin with c like those of clients, not cache',
  },
  {
    mistake: 'a node with the name of a service',
    args: [...ECHO, '--nodes', 'n1,lin-kv'],
    says: '--nodes "n1,lin-kv": expected names of nodes, but lin-kv is a service',
  },
  {
    mistake: 'too many names',
    args: [...ECHO, '--nodes', Array.from({ length: 1025 }, (_, index) => `n${index}`).join()],
    says: 'expected at most 1024 nodes, not 1025',
  },
  {
    mistake: 'nodes by name and by number',
    args: [...ECHO, '--nodes', 'n1,n2,n3', '--node-count', '3'],
    says: '--nodes cannot be combined with --node-count: it names all nodes',
  },
  {
    mistake: 'a topology where there is none',
    args: [...ECHO, '--topology', 'tree4'],
    says: '--topology tree4: the workload echo has no topology; leave it out',
  },
  {
    mistake: 'an unknown topology',
    args: [...ECHO, '--topology', 'star'],
    says: '--topology star: the workload echo has no topology; leave it out',
  },
  {
    mistake: 'a consistency model for a workload without transactions',
    args: [...SIMULATED, '--consistency-models', 'read-committed,serializable'],
    says: '--consistency-models read-committed,serializable: the workload unique-ids has no transactions; leave it out',
  },
  {
    mistake: 'no consistency model',
    args: [...SIMULATED, '--consistency-models', ''],
    says: '--consistency-models : the workload unique-ids has no transactions; leave it out',
  },
  {
    mistake: 'a workload that there is not',
    args: [...ECHO, '-w', 'paxos'],
    says: `--workload "paxos": expected one of ${WORKLOADS.map(({ name }) => name).join(', ')}`,
  },
  {
    mistake: 'a workload without a node of ours',
    args: ['-w', 'test/fixtures/library/register-workload.ts'],
    says: '-w register: there is no node of ours that serves it; name the program of yours with --bin FILE',
  },
  {
    mistake: 'a topology that there is not',
    args: [...ECHO, '-w', 'broadcast', '--topology', 'star'],
    says: '--topology "star": expected one of grid, line, total, tree, tree2, tree3, tree4',
  },
  {
    mistake: 'a model that forbids nothing',
    args: [...ECHO, '-w', 'txn-rw-register', '--consistency-models', 'serializable,linearizable'],
    says: /^--consistency-models "serializable,linearizable": the consistency model "linearizable" forbids nothing/,
  },
  {
    mistake: 'transactions of no length',
    args: [...ECHO, '-w', 'txn-list-append', '--max-txn-length', '0'],
    says: '--max-txn-length "0": expected a whole number from 1 to 1000000',
  },
  {
    mistake: 'no run at all',
    args: [...ECHO, '--test-count', '0'],
    says: '--test-count "0": expected a whole number of at least 1',
  },
  {
    mistake: 'a schedule more than once',
    args: ['--replay', 'x', '--test-count', '2'],
    says: '--test-count cannot be combined with --replay: a schedule makes the same run every time',
  },
  {
    mistake: 'no time to start',
    args: [...ECHO, '--init-timeout', '0'],
    says: '--init-timeout "0": expected a number above 0',
  },
  {
    mistake: 'no gap between faults',
    args: [...ECHO, '--nemesis-interval', '0'],
    says: '--nemesis-interval "0": expected a number',
  },
  {
    mistake: 'an availability above 1',
    args: [...ECHO, '--availability', '99'],
    says: '--availability "99": expected a number from 0 to 1',
  },
  { mistake: 'a store without a name', args: [...ECHO, '--store', ''], says: '--store "": expected a folder' },
];

const FUZZ_MISTAKES: readonly Mistake[] = [
  { mistake: 'no workload', args: [], says: '-w NAME is missing' },
  { mistake: 'a stray word', args: ['-w', 'echo', 'now'], says: 'unexpected argument "now"' },
  { mistake: 'no seeds', args: ['-w', 'echo', '--seeds', '0'], says: '--seeds "0": expected a whole number' },
  {
    mistake: 'a seed that is a word',
    args: ['-w', 'echo', '--from', 'snow'],
    says: '--from "snow": expected a whole number',
  },
  {
    mistake: 'seeds beyond the whole numbers',
    args: ['-w', 'echo', '--from', '9007199254740991', '--seeds', '2'],
    says: '--from 9007199254740991 and --seeds 2: seeds go up to 9007199254740991',
  },
  {
    mistake: 'no threads',
    args: ['-w', 'echo', '--jobs', '0'],
    says: '--jobs "0": expected a whole number from 1 to 256',
  },
];

const GLOMER = ['3d', '--bin', SNOWSTORM, '--store', join(folder, 'never')];

const GLOMERS_MISTAKES: readonly Mistake[] = [
  {
    mistake: 'no program',
    args: ['3d'],
    says: '--bin FILE is missing: name the program of your node, such as --bin ./my-node, or its module with --node MODULE',
  },
  {
    mistake: 'a program without a challenge',
    args: ['--bin', SNOWSTORM],
    says: 'no challenge was given; name one, such as 3d, or all',
  },
  {
    mistake: 'an unknown challenge',
    args: [...GLOMER, '1', '3f'],
    says: 'there is no challenge "3f"; expected one of 1, 2, 3a, 3b, 3c, 3d, 3e, 4, 5a, 5b, 5c, 6a, 6b, 6c, or all',
  },
  {
    mistake: 'the program of one of many challenges that is not there',
    args: ['all', '--bin', '/no/such/{workload}-{challenge}'],
    says: '--bin /no/such/echo-1: there is no such file',
  },
  {
    mistake: 'processes without a record',
    args: [...GLOMER, '--store', 'none'],
    says: '--store none cannot be combined with --bin: processes write logs; name a folder',
  },
  {
    mistake: 'an option that the challenge decides',
    args: [...GLOMER, '--rate', '5'],
    says: "Unknown option '--rate'",
  },
  {
    mistake: 'a time limit that is none',
    args: [...GLOMER, '--time-limit', 'soon'],
    says: '--time-limit "soon": expected a number from 0',
  },
];

const ID_MISTAKES: readonly Mistake[] = [
  { mistake: 'no command for ids', args: [], says: 'id: no command was given; expected decode' },
  {
    mistake: 'an unknown command for ids',
    args: ['encode', '1'],
    says: 'id: there is no command "encode"; expected decode',
  },
];

for (const { name, command, mistakes } of [
  { name: 'test', command: testCommand, mistakes: TEST_MISTAKES },
  { name: 'fuzz', command: fuzzCommand, mistakes: FUZZ_MISTAKES },
  { name: 'glomers', command: glomersCommand, mistakes: GLOMERS_MISTAKES },
  { name: 'id', command: idCommand, mistakes: ID_MISTAKES },
]) {
  describe(`${name} refuses`, () => {
    it.each(mistakes)('$mistake', async ({ args, says }) => {
      const refusal = command(args);
      await expect(refusal).rejects.toBeInstanceOf(UsageError);
      await expect(refusal).rejects.toThrow(says);
      expect(readdirSync(folder)).not.toContain('never');
    });
  });
}
