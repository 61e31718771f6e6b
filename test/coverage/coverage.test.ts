/** The parts of `make coverage`, on small programs that V8 really measures, and the whole of it on a seed. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findBranches } from './branches.ts';
import { bundle, filesOf } from './bundle.ts';
import { measure, reachedPlaces, union } from './precise-coverage.ts';
import { type CoreBranch, describeCoverage } from './report.ts';

type Functions = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

let programs = 0;
const load = (code: string) => measure<Functions>(code, `program-${++programs}.cjs`);

/** The branches of a program in two lists, each as `kind code`. */
async function sort(code: string, reached: Uint8Array): Promise<{ reached: string[]; missed: string[] }> {
  const branches = await findBranches(code);
  const told = (wanted: boolean) =>
    branches
      .filter(({ start }) => (reached[start] === 1) === wanted)
      .map(({ kind, start, end }) => `${kind} ${code.slice(start, end).replaceAll(/\s+/g, ' ')}`);
  return { reached: told(true), missed: told(false) };
}

describe('a branch', () => {
  it.each<[kind: string, body: string, arg: unknown, reached: string[], missed: string[]]>([
    ['if that is taken', 'if (x) { x++; }', 1, ['if { x++; }'], []],
    ['if that is not taken', 'if (x) { x++; } return 1;', 0, [], ['if { x++; }']],
    ['if, not its else', 'if (x) x++; else { x--; }', 1, ['if x++;'], ['else { x--; }']],
    ['else', 'if (x) x++; else { x--; }', 0, ['else { x--; }'], ['if x++;']],
    ['else if', 'if (x) x++; else if (x === 1) x--;', 0, ['else if (x === 1) x--;'], ['if x++;', 'if x--;']],
    ['first choice', 'return x ? (1) : (2);', 1, ['? 1'], [': 2']],
    ['second choice', 'return x ? (1) : (2);', 0, [': 2'], ['? 1']],
    ['&&', 'return x && 1 && x.y && 2;', 1, ['&& 1', '&& x.y'], ['&& 2']],
    ['||', 'return x || 1 || 2;', 0, ['|| 1'], ['|| 2']],
    ['??', 'return (x ?? 1) ?? 2;', null, ['?? 1'], ['?? 2']],
    ['?.', 'return x?.y?.(x);', {}, ['?. ?.y'], ['?. ?.(x)']],
    ['?. on nothing', 'return x?.y;', null, [], ['?. ?.y']],
    [
      'case, into which another one falls',
      'switch (x) { case 1: case 2: x++; break; case 3: default: x--; }',
      1,
      ['case case 1:', 'case case 2: x++; break;'],
      ['case case 3:', 'case default: x--;'],
    ],
    ['catch that catches', 'try { x.y.z(); } catch { x = 1; } finally { x = 2; }', {}, ['catch { x = 1; }'], []],
    ['catch without an error', 'try { x++; } catch (error) { x = error; }', 1, [], ['catch { x = error; }']],
    [
      'loop',
      'for (const y of x) y.z; for (; x.a; ) x.b; while (x.c) x.d;',
      [{}],
      ['loop y.z;'],
      ['loop x.b;', 'loop x.d;'],
    ],
    ['loop that always runs once', 'do x++; while (x < 1);', 0, [], []],
    ['rest after a return', 'if (x) return 1; x++; return 2;', 1, ['if return 1;'], ['rest x++; return 2;']],
    ['rest that is reached', 'if (x) return 1; x++; return 2;', 0, ['rest x++; return 2;'], ['if return 1;']],
    [
      'rest of a loop and rest after it',
      'for (const y of x) { if (y) continue; return y; } return x;',
      [1],
      ['loop { if (y) continue; return y; }', 'if continue;', 'rest return x;'],
      ['rest return y;'],
    ],
    [
      'rest of a case',
      'switch (x) { default: if (x) break; x++; }',
      1,
      ['case default: if (x) break; x++;', 'if break;'],
      ['rest x++;'],
    ],
    [
      'no rest after a loop that is only broken',
      'for (;;) { if (x) break; } return x;',
      1,
      ['loop { if (x) break; }', 'if break;'],
      [],
    ],
    [
      'no rest after a switch that is only broken',
      'switch (x) { case 1: break; } return x;',
      1,
      ['case case 1: break;'],
      [],
    ],
    [
      'no rest after a function that returns',
      'const y = () => { return 1; }; return y();',
      1,
      ['function { return 1; }'],
      [],
    ],
  ])('is %s', async (_, body, arg, reached, missed) => {
    const code = `exports.f = (x) => {${body}};`;
    const { exports, takeReached, stop } = load(code);
    exports.f?.(arg);
    const { reached: allReached, missed: allMissed } = await sort(code, takeReached());
    stop();
    expect(allReached).toEqual([`function {${body}}`, ...reached]);
    expect(allMissed).toEqual(missed);
  });

  it('is a function of any form, by the place of its name', async () => {
    const code = 'function a() {} class B { c() {} get d() { return 1; } #e = () => 2; } const f = { g() {} };';
    const shown = (await findBranches(code)).map(({ shownAt }) => code.slice(shownAt, shownAt + 5));
    expect(shown).toEqual(['funct', 'c() {', 'get d', '() =>', 'g() {']);
  });

  it('is an assertion if it only throws what ends the process', async () => {
    const throwing = ['new Error(x)', 'new RangeError(x)', 'new AssertionFailure(x)', 'RpcError.of(x)', 'x'];
    const code = throwing.map((error) => `if (x) throw ${error};`).join(' ');
    const branches = (await findBranches(`${code} if (x) { x(); throw new Error(x); }`)).filter(
      ({ kind }) => kind === 'if',
    );
    expect(branches.map(({ assertion }) => assertion)).toEqual([true, true, true, false, false, false]);
  });
});

describe('what V8 counts', () => {
  const CODE = `exports.called = (x) => (x ? 1 : 2);
exports.never = (x) => { if (x) return () => (x ? 1 : 2); return 3; };
class Once { #field = 1; read() { return this.#field; } never() { return 2; } }
exports.once = () => new Once().read();`;

  it('leaves out what is inside of a function that was never called, yet its branches are told', async () => {
    const { exports, takeReached, stop } = load(CODE);
    exports.called?.(true);
    const { missed } = await sort(CODE, takeReached());
    stop();
    expect(missed).toEqual([
      ': 2',
      'function { if (x) return () => (x ? 1 : 2); return 3; }',
      'if return () => (x ? 1 : 2);',
      'function x ? 1 : 2',
      '? 1',
      ': 2',
      'rest return 3;',
      'function { return this.#field; }',
      'function { return 2; }',
      'function new Once().read()',
    ]);
  });

  it('is counted anew by every take, and a union has what any of them reached', async () => {
    const { exports, takeReached, stop } = load(CODE);
    exports.called?.(true);
    const first = takeReached();
    exports.called?.(false);
    exports.once?.();
    const second = takeReached();
    const third = takeReached();
    stop();
    expect((await sort(CODE, second)).reached).toEqual([
      'function x ? 1 : 2',
      ': 2',
      'function { return this.#field; }',
      'function new Once().read()',
    ]);
    expect((await sort(CODE, third)).reached).toEqual([]);
    const both = (await sort(CODE, union(first, second))).reached;
    expect(both.slice(0, 3)).toEqual(['function x ? 1 : 2', '? 1', ': 2']);
    expect(both).toHaveLength(5);
  });

  it('is of a place what the innermost range around it has, in any order of the ranges', () => {
    const range = (startOffset: number, endOffset: number, count: number) => ({ startOffset, endOffset, count });
    const inner = [range(3, 4, 7), range(2, 6, 0)];
    expect([...reachedPlaces(8, [...inner, range(1, 7, 2)])]).toEqual([0, 1, 0, 1, 0, 0, 1, 0]);
    expect([...reachedPlaces(8, [...inner, range(2, 7, 2)])]).toEqual([0, 0, 0, 1, 0, 0, 1, 0]);
  });
});

describe('a bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-coverage-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return relative('.', join(folder, name));
  };
  write('types.ts', 'export interface Shape {\n  readonly size: number;\n}\n');
  const unused = write('unused.ts', '// Not imported.\nexport const unused = (x: number) => (x > 1 ? 1 : 2);\n');
  const entry = write(
    'entry.ts',
    `import type { Shape } from './types.ts';

export function measure(shape: Shape): number {
  if (shape.size === 0)
    return 0;
  const twice = (size: number): number => {
    return 2 * size;
  };
  switch (shape.size) {
    case 1: {
      return 1;
    }
  }
  return shape.size > 1 ? twice(shape.size)
    : 5;
}
`,
  );

  it('knows the line in the sources of every branch, of files too that nothing imports', async () => {
    const { code, placeOf } = await bundle(entry, [entry, unused]);
    const told = (await findBranches(code)).flatMap(({ kind, shownAt }) => {
      const place = placeOf(shownAt);
      return place === undefined ? [] : [`${kind} ${place.file === entry ? '' : place.file}:${place.line}`];
    });
    expect(told.sort()).toEqual(
      [
        'function :3',
        'if :5',
        'rest :6',
        'function :6',
        'case :10',
        'rest :14',
        '? :14',
        ': :15',
        `function ${unused}:2`,
        `? ${unused}:2`,
        `: ${unused}:2`,
      ].sort(),
    );
  });

  it('has no place in the sources for what esbuild has added, before them and after them', async () => {
    const { code, placeOf } = await bundle(entry, []);
    expect(placeOf(code.indexOf('__defProp'))).toBeUndefined();
    expect(placeOf(code.indexOf('(module.exports = {'))).toBeUndefined();
  });

  it('consists of files, without those of which only types are used', async () => {
    expect(await filesOf(entry)).toEqual([entry]);
    expect(await filesOf(write('user.ts', `import { measure } from './entry.ts';\nmeasure({ size: 1 });\n`))).toEqual([
      entry,
      relative('.', join(folder, 'user.ts')),
    ]);
  });
});

describe('the report', () => {
  const branch = (
    file: string,
    line: number,
    start: number,
    end: number,
    more: Partial<CoreBranch> = {},
  ): CoreBranch => ({
    ...{ file, line, start, end, kind: 'if', shownAt: start, assertion: false, reached: false },
    ...more,
  });

  it('has a row for each folder and one for all, and lists what was missed by file and line', () => {
    const branches = [
      branch('src/b/z.ts', 9, 70, 80, { reached: true }),
      branch('src/b/z.ts', 10, 80, 90, { kind: '??' }),
      branch('src/b/z.ts', 2, 50, 60, { assertion: true }),
      branch('src/a/y.ts', 5, 0, 40, { kind: 'function' }),
      branch('src/a/y.ts', 6, 10, 20),
      branch('src/a/y.ts', 7, 20, 30, { assertion: true }),
      branch('src/a/y.ts', 3, 40, 45),
    ];
    expect(describeCoverage(branches, ({ line }) => `  text of ${line}`)).toBe(`folder  branches  reached
src/a          4        0   0.0 %
src/b          3        1  33.3 %
all            7        1  14.3 %

Never reached:
src/a/y.ts:3  if        text of 3
src/a/y.ts:5  function  text of 5  (and 2 in it)
src/b/z.ts:10  ??        text of 10

Never reached, and only for programmers' errors:
src/b/z.ts:2  if        text of 2`);
  });

  it('says so when nothing was missed', () => {
    const text = describeCoverage([branch('src/a/y.ts', 1, 0, 1, { reached: true })], () => '');
    expect(text).toContain("Never reached: none\n\nNever reached, and only for programmers' errors: none");
  });
});

describe('the program', () => {
  const run = (...args: string[]) =>
    spawnSync('node', ['--import', 'tsx', 'test/coverage/main.ts', ...args], { encoding: 'utf8' });

  it('measures the protocol core, and of a workload only what nodes serve', { timeout: 180_000 }, () => {
    const { status, stdout, stderr } = run('2', 'echo', 'ids');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^echo: 2 seeds, 0 not valid\nids: 2 seeds, 0 not valid\n\nfolder /);
    expect(stdout).toMatch(/^src\/workloads\/echo +2 +2 +100\.0 %$/m);
    // No seed of these workloads opens an account.
    expect(stdout).toMatch(/^src\/workloads\/saga\/accounts\.ts:\d+ +function /m);
    expect(stdout).toMatch(/^src\/node +\d+ +\d+ /m);
    expect(stdout).not.toMatch(/^src\/(?:harness|protocol|workloads\/\w+\/(?:checker|workload))/m);
    // What a node tells its operator, and how workloads are joined into a program.
    expect(stdout).not.toMatch(/^src\/(?:node\/(?:node|metrics|status|histogram|refusal)|workloads\/nodes)\.ts/m);
    expect(run('2', 'echo', 'ids').stdout).toBe(stdout);
  });

  it.each([
    [['1', 'nothing'], 'there is no workload nothing; there are echo, unique-ids, ids, voucher, saga'],
    [['many'], 'the first argument is how many seeds to try, not many'],
  ])('refuses %j', (args, reason) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(1);
    expect(stderr).toContain(reason);
  });
});
