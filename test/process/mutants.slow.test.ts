/** Nodes with one error each. A run with such a node must fail, and name the reason in one sentence. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EndedTest, fixture, runTest } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
let runs = 0;

function run(workload: string, name: string, ...args: string[]): Promise<EndedTest> {
  return runTest({ workload, bin: fixture(`${name}.mjs`), store: join(folder, `${++runs}`), args });
}

function expectInvalid(run: EndedTest, ...reasons: (string | RegExp)[]): void {
  expect(run.verdict).toMatch(/^The run is INVALID\. /);
  for (const reason of reasons) expect(run.verdict).toMatch(reason);
  expect(run.results['valid?']).toBe(false);
  expect(run.status, run.stderr).toBe(1);
}

// The longest tests first, so that the file ends sooner.
describe.concurrent('a node that breaks the protocol', () => {
  it('never answers init', async () => {
    const ended = await run('echo', 'silent-at-init', '--node-count', '2');
    expectInvalid(ended, 'did not answer init within 10 s (--init-timeout allows more)');
    expect(ended.violations.map(({ node, rule }) => `${node} ${rule}`)).toEqual(['n0 init', 'n1 init']);
  });

  it('answers a client after its timeout', async () => {
    const ended = await run('echo', 'answers-late', '--time-limit', '7', '--rate', '4');
    expectInvalid(ended, /n0 sent a message to the client "c1", which is closed: it answered twice, or later than/);
    expect(ended.brokenRules).toEqual(['unknown-dest']);
    expect(ended.results.stats['info-count']).toBe(1);
    expect(ended.results.stats['ok-count']).toBeGreaterThan(0);
  });

  it('echoes something else', async () => {
    const ended = await run('echo', 'echoes-wrongly');
    expectInvalid(
      ended,
      /[1-9]\d* answers were wrong, for instance \{.*"echo":"Please echo \d+!".*\} to "Please echo \d+"\.$/,
    );
    expect(ended.results.workload['error-count']).toBe(ended.results.stats['ok-count']);
    expect(ended.violations).toEqual([]);
  });

  it('prints a line that is not a message', async () => {
    const ended = await run('echo', 'prints-garbage');
    expectInvalid(
      ended,
      'n0 printed a line that is not JSON; stdout is for messages only, logs belong on stderr: DEBUG got {',
    );
    expect(ended.brokenRules).toEqual(['json']);
    // Unlike Maelstrom, which stops reading the node at that line.
    expect(ended.results.stats).toMatchObject({ 'info-count': 0, 'valid?': true });
  });

  it('prints control characters, bytes that are not text, and empty lines: the terminal is not harmed', async () => {
    const ended = await run('echo', 'prints-control-characters');
    expectInvalid(ended, '\\u001b[2J\\u0007 colourful');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(ended.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    expect(ended.brokenRules.sort()).toEqual(['json', 'unreadable']);
    expect(ended.violations.find(({ line }) => line === '')?.text).toMatch(/^n0 printed an empty line/);
  });

  it('ends by itself', async () => {
    const ended = await run('echo', 'exits-early', '--time-limit', '30');
    expectInvalid(ended, 'n0 ended by itself: exit status 3; its last words were: the disk is full ⏎ so I give up.');
    expect(ended.brokenRules).toEqual(['exit']);
    expect(ended.read('node-logs/n0.log')).toBe('the disk is full\nso I give up\n');
    // The run ends at once and not at its time limit.
    expect(ended.history.length).toBeLessThan(20);
  });

  it('ends by itself while its child holds its stdout', async () => {
    const ended = await run('echo', 'exits-and-leaves-a-child', '--time-limit', '20');
    expectInvalid(ended, 'n0 ended by itself: exit status 4');
    expect(ended.brokenRules).toEqual(['exit']);
  });

  it('ends at init, and no other node is blamed for it', async () => {
    const ended = await run('echo', 'exits-at-init', '--node-count', '2');
    expectInvalid(ended, 'n0 ended by itself: exit status 0; its last words were: no licence.');
    expect(ended.violations).toHaveLength(1);
    expect(ended.history).toEqual([]);
  });

  it('cannot even be started', async () => {
    const bin = join(folder, 'no-interpreter');
    writeFileSync(bin, '#!/no/such/interpreter\n', { mode: 0o755 });
    const ended = await runTest({ workload: 'echo', bin, store: join(folder, 'not-started') });
    expectInvalid(ended, 'n0 ended by itself: it could not be started (spawn', 'ENOENT).');
    expect(ended.brokenRules).toEqual(['exit']);
  });

  it('refuses init', async () => {
    const ended = await run('echo', 'refuses-init');
    expectInvalid(ended, 'n0 answered init with error 13 (crash): out of luck');
  });

  it('adds a field to a reply', async () => {
    const ended = await run('echo', 'extra-reply-field');
    expectInvalid(
      ended,
      'n0 sent a reply that is not as declared: took_ms: a field that echo_ok does not have: {"type":"echo_ok"',
    );
    expect(ended.brokenRules).toEqual(['closed-reply']);
    // As in Maelstrom, where the outcome of such a reply is unknown.
    expect(ended.results.stats['info-count']).toBe(ended.results.stats?.count);
  });

  it('adds a key to the message', async () => {
    const ended = await run('echo', 'extra-message-key');
    expectInvalid(ended, 'n0 sent a message with the key "time" beside src, dest and body: {"src":"n0","dest":"c');
    expect(ended.brokenRules).toEqual(['extra-key']);
  });

  it('sends with the id of another node', async () => {
    const ended = await run('echo', 'spoofs-its-source', '--node-count', '2');
    expectInvalid(ended, /n[01] sent a message that says it is from "n7": \{"src":"n7"/);
    expect(ended.brokenRules).toEqual(['spoofed-src']);
  });

  it('sends to an unknown node', async () => {
    const ended = await run('echo', 'unknown-destination');
    expectInvalid(
      ended,
      'n0 sent a message to "n99", which does not exist: {"src":"n0","dest":"n99","body":{"type":"hello"}}',
    );
    expect(ended.brokenRules).toEqual(['unknown-dest']);
  });
});

describe.concurrent('a node that gives out wrong ids', () => {
  it('is silent while it is cut off from its peer', async () => {
    // As many clients as operations, so that a lost request delays no other one.
    const load = ['--node-count', '3', '--concurrency', '20n', '--rate', '30', '--time-limit', '2'];
    const partitions = ['--nemesis', 'partition', '--nemesis-interval', '0.3', '--seed', 'snow'];
    const ended = await run('unique-ids', 'silent-in-partitions', ...load, ...partitions, '--availability', 'total');
    expectInvalid(ended, /Only 0\.\d+ of all operations were ok\.$/);
    expect(ended.results.availability['valid?']).toBe(false);
    expect(ended.results.stats['info-count']).toBeGreaterThan(0);
    expect(ended.results.workload['valid?']).toBe(true);
    expect(ended.messages.filter(({ event }) => event === 'drop').length).toBeGreaterThan(0);
  });

  it('repeats an id', async () => {
    const ended = await run('unique-ids', 'repeats-an-id');
    expectInvalid(ended, /[1-9]\d* ids? (was|were) given out more than once, for instance "?n0-\d*9"?\.$/);
    const { 'duplicated-count': count, duplicated } = ended.results.workload;
    expect(count).toBeGreaterThan(0);
    expect(Object.keys(duplicated)).toHaveLength(count);
    expect(Object.values(duplicated).every((times) => times === 2)).toBe(true);
    expect(ended.violations).toEqual([]);
  });

  it('leaves its own number out of the ids', async () => {
    const ended = await run('unique-ids', 'without-node-number', '--node-count', '3');
    expectInvalid(ended, /ids were given out more than once, for instance "?id-\d+"?\.$/);
    expect(ended.results.workload.duplicated).toMatchObject({ 'id-0': 3 });
  });

  it('gives ids of several types, which cannot be compared', async () => {
    const ended = await run('unique-ids', 'mixed-id-types');
    expect(ended.verdict).toMatch(
      /^Verdict unknown\. The ids cannot be compared with each other: all ids must be of one/,
    );
    expect(ended.results.workload).toMatchObject({ 'valid?': 'unknown', 'duplicated-count': 0 });
    expect(ended.results['valid?']).toBe('unknown');
    expect(ended.status).toBe(2);
  });

  it('gives ids of several types and some of them twice: duplicates are reported first', async () => {
    const ended = await run('unique-ids', 'mixed-id-types', '--node-count', '2');
    expectInvalid(ended, /[1-9]\d* ids? (was|were) given out more than once/);
  });

  it('answers without an id', async () => {
    const ended = await run('unique-ids', 'missing-reply-field');
    expectInvalid(
      ended,
      'n0 sent a reply that is not as declared: id: is missing: {"type":"generate_ok","in_reply_to":1}',
    );
    expect(ended.brokenRules).toEqual(['closed-reply']);
    expect(ended.results.stats).toMatchObject({ 'ok-count': 0, 'valid?': false });
  });

  it('refuses every time', async () => {
    const ended = await run('unique-ids', 'always-refuses');
    expectInvalid(ended, /No operation of the kind "generate" ever succeeded\.$/);
    const { count, 'fail-count': failed } = ended.results.stats;
    expect(failed).toBe(count);
    expect(ended.history.at(-1)).toMatchObject({ type: 'fail', error: ['temporarily-unavailable', 'not today'] });
  });
});
