/** A run ends with a verdict if possible, and none of its processes survives. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EndedTest, fixture, type Running, runTest, startTest, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();

/** A run of ten minutes that shows the stderr of its nodes. */
function start(name: string, node: string, ...args: string[]): { running: Running; store: string } {
  const store = join(folder, name);
  const long = ['--time-limit', '600', '--log-stderr'];
  return { running: startTest({ workload: 'echo', bin: fixture(node), store, args: [...long, ...args] }), store };
}

function untilStderrHas(running: Running, text: string): Promise<void> {
  return until(
    () => running.stderr.includes(text),
    () => `${JSON.stringify(text)} is not in ${running.stderr}`,
  );
}

/** Resolves when so many nodes and children of nodes run. */
function untilThereAre(count: number, running: Running): Promise<void> {
  const nodes = () => running.descendants().filter((line) => /\.mjs|setInterval/.test(line));
  return until(
    () => nodes().length === count,
    () => `${count} processes; there are ${nodes().join(' | ')}`,
  );
}

describe.concurrent('a signal', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} ends the run, with a verdict on the run so far`, async () => {
      const { running, store } = start(`once-${signal}`, 'logs-requests.mjs');
      await untilStderrHas(running, 'n0: request 5\n');
      running.signal(signal);
      const ended = new EndedTest(await running.ended, store);
      expect(ended.stderr).toContain('stopping: the verdict covers what has run so far; Ctrl-C again to quit\n');
      expect(ended.verdict).toBe('Everything looks good! The run is valid.');
      expect(ended.results.stats['ok-count']).toBeGreaterThanOrEqual(5);
      expect(ended.results.stats).toMatchObject({ 'info-count': 0 });
      expect(ended.results).toMatchObject({ interrupted: true });
      expect(ended.stdout).toMatch(/^Recorded in .*, stopped by a signal before its end/m);
      expect(ended.read('report.html')).toContain('<dt>stopped by hand after</dt>');
      expect(ended.status).toBe(0);
      await running.nothingLeft();
    });
  }

  it('ends an invalid run with the status of an invalid run', async () => {
    const { running, store } = start('wrong', 'logs-requests.mjs', '--', '--extra-field');
    await untilStderrHas(running, 'n0: request 5\n');
    running.signal('SIGINT');
    const ended = new EndedTest(await running.ended, store);
    expect(ended.verdict).toMatch(/^The run is INVALID\. n0 sent a reply that is not as declared: extra: /);
    expect(ended.status).toBe(1);
    await running.nothingLeft();
  });

  it('given twice does not wait for operations in flight', async () => {
    const { running, store } = start('twice', 'never-answers.mjs');
    await untilStderrHas(running, 'n0: was asked\n');
    running.signal('SIGINT');
    await untilStderrHas(running, 'stopping');
    running.signal('SIGINT');
    const ended = new EndedTest(await running.ended, store);
    expect(ended.verdict).toMatch(/^The run is INVALID\. No operation of the kind "echo" ever succeeded\.$/);
    expect(ended.history.map(({ type }) => type)).toEqual(['invoke', 'info']);
    // The client would have waited for 5 s.
    expect(ended.history[1]?.time).toBeLessThan(5e9);
    expect(ended.status).toBe(1);
    await running.nothingLeft();
  });

  it('given many times does not stop the verdict and the record', async () => {
    const { running, store } = start('impatient', 'never-answers.mjs');
    await untilStderrHas(running, 'n0: was asked\n');
    const impatience = setInterval(() => running.signal('SIGINT'), 2);
    const ended = new EndedTest(await running.ended, store);
    clearInterval(impatience);
    expect(ended.verdict).toMatch(/^The run is INVALID\. No operation of the kind "echo" ever succeeded\.$/);
    expect(ended.status).toBe(1);
    await running.nothingLeft();
  });

  it('before the first operation ends the run at once, and blames no node', async () => {
    const { running, store } = start('at-start', 'silent-at-init.mjs', '--node-count', '2');
    await untilThereAre(2, running);
    running.signal('SIGINT');
    const ended = new EndedTest(await running.ended, store);
    expect(ended.verdict).toBe('Verdict unknown. No operation was completed.');
    expect(ended.violations).toEqual([]);
    expect(ended.status).toBe(2);
    await running.nothingLeft();
  });

  for (const signal of ['SIGKILL', 'SIGHUP'] as const) {
    it(`${signal} leaves no node behind, and no child of a node`, async () => {
      const { running } = start(`deadly-${signal}`, 'lives-on.mjs', '--node-count', '2');
      // Each node has a child in its group and one that left it.
      await untilThereAre(6, running);
      running.signal(signal);
      expect(await running.ended).toMatchObject({ status: null, signal });
      await running.nothingLeft();
    });
  }
});

describe.concurrent('a run that ends by itself', () => {
  it('kills nodes that ignore signals and the end of their input, and all their children', async () => {
    const ended = await runTest({ workload: 'echo', bin: fixture('lives-on.mjs'), store: join(folder, 'lives-on') });
    expect(ended.verdict).toBe('Everything looks good! The run is valid.');
    expect(ended.status).toBe(0);
  });

  it('keeps its status when its output is closed', async () => {
    const running = startTest({
      workload: 'echo',
      bin: fixture('logs-requests.mjs'),
      store: join(folder, 'unread'),
      args: ['--log-stderr'],
    });
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
    expect(await running.ended).toMatchObject({ status: 0, signal: null });
    await running.nothingLeft();
  });
});
