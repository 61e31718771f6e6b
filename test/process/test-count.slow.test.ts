/** Repeated tests: `snowstorm test --test-count N`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, EndedTest, fixture, snowstorm, startTest, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();

/** The records of a store, the oldest first. */
function recordsIn(store: string, workload: string, ended: Ended): EndedTest[] {
  const runs = readdirSync(join(store, workload)).filter((name) => name !== 'latest');
  return runs.sort().map((name) => new EndedTest(ended, store, join(store, workload, name)));
}

const invocations = (record: EndedTest) =>
  record.history.filter(({ type }) => type === 'invoke').map(({ value }) => value);

describe.concurrent('a repeated test', () => {
  it('makes a different run each time, repeats all of them with the same seed, and numbers them', async () => {
    const [store, junit] = [join(folder, 'valid'), join(folder, 'valid.xml')];
    const args = ['test', '-w', 'echo', '--node-count', '1', '--time-limit', '5', '--seed', '7'];
    const ended = await snowstorm([...args, '--test-count', '3', '--store', store, '--junit', junit]);
    expect(ended.status, ended.stderr).toBe(0);
    const records = recordsIn(store, 'echo', ended);
    const seeds = ['7', '7-2', '7-3'];
    expect(records.map(({ results }) => results.options)).toMatchObject(
      seeds.map((seed, index) => ({ seed, run: `${index + 1} of 3` })),
    );
    expect(new Set(records.map((record) => JSON.stringify(invocations(record)))).size).toBe(3);
    expect([...ended.stderr.matchAll(/^run \d of 3: echo: .*$/gm)].map(([line]) => line)).toEqual(
      seeds.map(
        (seed, index) =>
          `run ${index + 1} of 3: echo: 1 simulated nodes, 1 client, 5/s for 5 s, no faults, seed ${seed}`,
      ),
    );
    expect(ended.stdout.match(/^Run \d of 3, seed .*$/gm)).toEqual(
      seeds.map((seed, index) => `Run ${index + 1} of 3, seed ${seed}`),
    );
    expect(ended.stdout.match(/^Recorded in .*, run 2 of 3, seed 7-2$/gm)).toHaveLength(1);
    expect(ended.stdout.match(/^Everything looks good! The run is valid\.$/gm)).toHaveLength(3);
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain('<testsuites tests="3" failures="0" errors="0" ');
    expect(
      [...xml.matchAll(/<testcase name="(.*?)" classname="(.*?)"/g)].map(([, name, suite]) => [name, suite]),
    ).toEqual([1, 2, 3].map((number) => [`run ${number}`, 'snowstorm.echo']));
    expect([...xml.matchAll(/name="seed" value="(.*?)"/g)].map(([, seed]) => seed)).toEqual(seeds);

    const [, second] = records as [EndedTest, EndedTest];
    const [, ...words] = (second.results.again as string).split(' ');
    expect(words).toContain('7-2');
    const again = await snowstorm([...words, '--store', join(folder, 'again')]);
    const repeated = recordsIn(join(folder, 'again'), 'echo', again);
    expect(repeated.map(({ history }) => history)).toEqual([second.history]);
  });

  it('ends with the first run that is not valid, and with its status', async () => {
    const [store, junit] = [join(folder, 'invalid'), join(folder, 'invalid.xml')];
    const args = ['--test-count', '4', '--time-limit', '0.3', '--junit', junit, '--', join(folder, 'was-started')];
    const ended = await startTest({ workload: 'echo', bin: fixture('echoes-wrongly-later.mjs'), store, args }).ended;
    expect(ended.stdout.match(/^(Everything|The run is INVALID)/gm)).toEqual(['Everything', 'The run is INVALID']);
    expect(ended.status).toBe(1);
    const records = recordsIn(store, 'echo', ended);
    expect(records.map(({ results }) => results['valid?'])).toEqual([true, false]);
    // The figures of each run are its own, without earlier runs.
    for (const { results } of records) {
      expect(results.harness['start-milliseconds']).toBeLessThan(5000);
      expect(results.harness['cpu-milliseconds']).toBeGreaterThan(0);
    }
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain('<testsuites tests="2" failures="1" errors="0" ');
    expect(xml).toMatch(/Replay: {2}snowstorm test -w echo .* --seed 1-2 --bin /);
    expect(xml).not.toContain('--test-count');
  });

  it('ends with the first undecided run', async () => {
    const store = join(folder, 'unknown');
    const args = ['test', '-w', 'echo', '--rate', '0', '--time-limit', '1', '--test-count', '2', '--store', store];
    const ended = await snowstorm(args);
    expect(ended.status).toBe(2);
    expect(recordsIn(store, 'echo', ended)).toHaveLength(1);
  });

  it('is ended by a signal, with the current run', async () => {
    const store = join(folder, 'stopped');
    const args = ['--test-count', '3', '--time-limit', '600', '--log-stderr'];
    const running = startTest({ workload: 'echo', bin: fixture('logs-requests.mjs'), store, args });
    await until(
      () => running.stderr.includes('n0: request 5\n'),
      () => running.stderr,
    );
    running.signal('SIGINT');
    const ended = await running.ended;
    expect(ended.stderr.trimEnd().split('\n').at(-1)).toBe('stopped by a signal in run 1 of 3');
    expect(recordsIn(store, 'echo', ended).map(({ results }) => results.interrupted)).toEqual([true]);
    expect(ended.status).toBe(0);
    await running.nothingLeft();
  });

  it('has special output, unlike a test of one run', async () => {
    const [store, junit] = [join(folder, 'one'), join(folder, 'one.xml')];
    const args = ['test', '-w', 'echo', '--time-limit', '1', '--seed', '7', '--test-count', '1', '--junit', junit];
    const ended = new EndedTest(await snowstorm([...args, '--store', store]), store);
    expect(ended.results.options).not.toHaveProperty('run');
    expect(ended.stdout + ended.stderr).not.toMatch(/run 1/i);
    expect(readFileSync(junit, 'utf8')).toContain('<testcase name="workload"');
  });
});
