/** Services to test, as the command line names them, and the faults that can hit them. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseOptions } from '../../src/cli/options.ts';
import { testArguments } from '../../src/cli/test-arguments.ts';
import {
  bedOf,
  interpretTestOptions,
  TEST_OPTIONS,
  type TestTask,
  WORKLOAD_OPTIONS,
} from '../../src/cli/test-options.ts';
import { FAULTS } from '../../src/harness/fault.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowstorm-deployment-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ETCD = join(folder, 'some-etcd');
writeFileSync(ETCD, '#!/bin/sh\n');
chmodSync(ETCD, 0o755);
const TOKEN = join(folder, 'token');
writeFileSync(TOKEN, 'abc.def.ghi\n');
const NO_TOKEN = join(folder, 'no-token');
writeFileSync(NO_TOKEN, '-----BEGIN PUBLIC KEY-----\nabc\n');
const STARTED = ['--serve', '3', '--etcd', ETCD];
const OTHER = 'etcd=http://127.0.0.1:1,http://127.0.0.1:2/shop';

function interpret(...args: readonly string[]): TestTask {
  return interpretTestOptions(parseOptions(TEST_OPTIONS, ['-w', 'saga', ...args], WORKLOAD_OPTIONS));
}

function faultsOf(...args: readonly string[]): readonly string[] {
  return interpret(...args).options.faults;
}

describe('services to test', () => {
  it('are instances on an etcd that the test starts, unless told otherwise', () => {
    const { program, deployment, options } = interpret(...STARTED);
    expect(program).toBeUndefined();
    expect(deployment).toEqual({
      kind: 'served',
      words: ['--serve', '3', '--etcd', ETCD],
      nodes: ['n1', 'n2', 'n3'],
      engine: { kind: 'started', text: 'etcd:3', memberCount: 3, program: ETCD },
      program: undefined,
      args: [],
      isUsed: false,
    });
    expect(options).toMatchObject({ nodes: ['n1', 'n2', 'n3'], concurrency: 3, initTimeoutMs: 30_000 });
    expect(options.names).toBeUndefined();
  });

  it('may be another program, with options of serve', () => {
    const { deployment } = interpret(...STARTED, '--bin', ETCD, '--', '--lease', '5s');
    expect(deployment).toMatchObject({ program: ETCD, args: ['--lease', '5s'] });
  });

  it('may keep everything in a new folder, in memory, or in an etcd that runs', () => {
    const at = (engine: string) => interpret('--serve', '1', '--engine', engine).deployment;
    expect(at('memory')).toMatchObject({ engine: { kind: 'given', text: 'memory' }, isUsed: false });
    expect(at(join(folder, 'new'))).toMatchObject({
      engine: { store: { folder: join(folder, 'new') } },
      isUsed: false,
    });
    expect(at(OTHER)).toMatchObject({ engine: { text: OTHER, store: { isEtcd: true } }, isUsed: true });
  });

  it('may run already, asked with a token', () => {
    const { deployment, options } = interpret('--url', 'http://a:8080,https://b', '--token', TOKEN);
    expect(deployment).toMatchObject({
      kind: 'external',
      nodes: ['n1', 'n2'],
      urls: ['http://a:8080', 'https://b'],
      token: 'abc.def.ghi',
      isUsed: true,
    });
    expect(options.nodes).toEqual(['n1', 'n2']);
  });

  it('that keep what was before get new names in every run', () => {
    const names = ['1', '2', '3'].map((seed) => interpret('--url', 'http://a', '--seed', seed).options.names);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]{1,6}$/);
    expect(new Set(names).size).toBe(3);
    expect(interpret('--serve', '2', '--engine', OTHER).options.names).toMatch(/^[a-z0-9]{1,6}$/);
  });

  it.each([
    [[...STARTED, '--nemesis', 'all,kill=2', '--rate', '7']],
    [['--serve', '1', '--engine', 'memory', '--concurrency', '5']],
    [['--url', 'http://a:8080,https://b', '--nemesis', 'loss']],
  ])('can be tested again by the arguments of a run: %j', (args) => {
    const task = interpret(...args, '--seed', '5');
    const again = interpret(...testArguments(task.workload, task.options, bedOf(task)).slice(2));
    const { names: _, ...options } = task.options;
    expect(again.options).toMatchObject(options);
    expect(JSON.stringify(again.deployment)).toBe(JSON.stringify(task.deployment));
  });
});

describe('mistakes with services', () => {
  const SERVE = ['--serve', '1', '--engine', 'memory'];
  const URL = ['--url', 'http://a'];
  it.each([
    [['--engine', 'memory'], '--engine needs --serve N'],
    [['--etcd', ETCD], '--etcd needs --serve N'],
    [['--token', TOKEN], '--token needs --url'],
    [[...SERVE, ...URL], '--serve cannot be combined with --url'],
    [[...SERVE, '--nodes', 'a,b'], '--nodes cannot be combined with --serve'],
    [[...URL, '--node-count', '3'], '--node-count cannot be combined with --url'],
    [[...SERVE, '--latency', '5'], '--latency cannot be combined with --serve'],
    [[...SERVE, '--check-determinism'], '--check-determinism cannot be combined with --serve'],
    [[...URL, '--check-determinism'], '--check-determinism cannot be combined with --url'],
    [[...SERVE, '--members', 'registered'], '--members cannot be combined with --serve'],
    [[...URL, '--bin', ETCD], '--bin cannot be combined with --url: these instances run already'],
    [[...URL, '--engine', 'memory'], '--engine cannot be combined with --url'],
    [[...URL, '--', '--lease', '5s'], 'arguments after -- are for instances that the test starts: --serve N'],
    [[...SERVE, '--token', TOKEN], '--token needs --url'],
    [[...URL, '--token', NO_TOKEN], `--token ${NO_TOKEN}: expected one word, such as a JSON Web Token`],
    [[...SERVE, '--', '--listen', ':1'], '--listen after -- is set by the test itself'],
    [
      [...SERVE, '--', '--jwt-key', 'k'],
      '--jwt-key after --: the test would be refused; start such instances yourself',
    ],
    [[...SERVE, '--', '--store=x'], '--store=x after -- is set by the test itself'],
    [[...SERVE, '--etcd', ETCD], '--etcd cannot be combined with --engine memory'],
    [
      ['--serve', '2', '--engine', 'memory'],
      '--engine memory is for one instance; --serve 2 needs an etcd, such as etcd:3',
    ],
    [['--serve', '1', '--engine', TOKEN], `--engine ${TOKEN}: this is not a folder; name a new one`],
    [['--serve', '1', '--engine', folder], 'this folder is not empty; name a new one'],
    [
      ['--serve', '1', '--engine', join(folder, 'new'), '--test-count', '2'],
      '--test-count cannot be combined with a folder',
    ],
    [['--serve', '3', '--etcd', join(folder, 'missing')], 'there is no such file'],
    [['--serve', '3', '--etcd', TOKEN], 'this file is not executable'],
    [['--serve', '0'], '--serve "0": expected a whole number from 1 to 16'],
    [['--serve', '3', '--engine', 'etcd:2'], 'an etcd has 1, 3 or 5 members, such as etcd:3'],
    [['--serve', '3', '--engine', 'etcd'], 'For an etcd that the test starts, write etcd:3'],
    [['--url', 'a:8080'], 'expected http:// or https://, not a:8080'],
    [['--url', 'nowhere'], 'expected URLs such as http://10.0.0.1:8080, not nowhere'],
    [
      ['--url', 'http://a/rpc'],
      'expected the address of an instance without a path, such as http://a, not http://a/rpc',
    ],
    [['--url', 'http://me@a'], 'a user in a URL is not sent; give a token with --token FILE'],
    [['--url', 'http://a,http://a:80'], 'expected each URL once, but http://a is given twice'],
  ])('%j', (args, says) => {
    expect(() => interpret(...args)).toThrow(says);
  });
});

describe('faults of services', () => {
  const CLIENT_FAULTS = ['loss', 'reordering', 'delay'];
  const INSTANCE_FAULTS = ['kill', 'kill-all', 'pause'];

  it('are all that can hit them', () => {
    expect(faultsOf(...STARTED, '--nemesis', 'all')).toEqual([
      'service-cut',
      ...CLIENT_FAULTS,
      ...INSTANCE_FAULTS,
      ...FAULTS.filter((fault) => /^(?:engine|link)-/.test(fault)),
    ]);
    expect(faultsOf(...STARTED, '--engine', 'etcd:1', '--nemesis', 'all')).not.toContain('engine-partition');
    expect(faultsOf('--serve', '2', '--engine', OTHER, '--nemesis', 'all')).toEqual([
      'service-cut',
      ...CLIENT_FAULTS,
      ...INSTANCE_FAULTS,
      'link-delay',
      'link-reset',
    ]);
    const inFolder = ['--serve', '1', '--engine', join(folder, 'new')];
    expect(faultsOf(...inFolder, '--nemesis', 'all')).toEqual([...CLIENT_FAULTS, ...INSTANCE_FAULTS]);
    expect(faultsOf('--serve', '1', '--engine', 'memory', '--nemesis', 'all')).toEqual([...CLIENT_FAULTS, 'pause']);
    expect(faultsOf('--url', 'http://a', '--nemesis', 'all')).toEqual(CLIENT_FAULTS);
  });

  it('do not hit other nodes', () => {
    expect(faultsOf('--nemesis', 'all').filter((fault) => /^(?:engine|link)-/.test(fault))).toEqual([]);
  });

  it.each([
    [[], 'engine-kill', 'is a fault of the store under services; it needs --serve N --engine etcd:3'],
    [STARTED, 'partition', 'cuts nodes from each other, but instances do not talk to each other; see engine-partition'],
    [STARTED, 'duplication', 'sends requests twice, and a connection of HTTP does not'],
    [STARTED, 'clock-jump', 'needs a simulated node; leave out --serve and --url'],
    [['--url', 'http://a'], 'kill', 'needs instances that the test has started: --serve N'],
    [['--serve', '1', '--engine', 'memory'], 'kill', 'would lose everything: --engine memory keeps nothing'],
    [['--serve', '1', '--engine', 'memory'], 'service-cut', 'needs an etcd that the test has started: --engine etcd:3'],
    [['--serve', '1', '--engine', OTHER], 'engine-leader', 'needs an etcd that the test has started: --engine etcd:3'],
    [
      ['--serve', '1', '--engine', 'etcd=https://a'],
      'link-reset',
      'needs an etcd without TLS: its connections pass a relay',
    ],
    [[...STARTED, '--engine', 'etcd:1'], 'engine-partition', 'needs at least 3 members'],
  ])('say why they cannot hit: %j %s', (args, fault, says) => {
    expect(() => interpret(...args, '--nemesis', fault)).toThrow(`--nemesis ${fault} ${says}`);
  });
});
