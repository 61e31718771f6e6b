import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkJunitFile, writeJunit } from '../../src/cli/junit-file.ts';
import { UsageError } from '../../src/cli/options.ts';
import { type JunitCase, junitDocument, junitOfRun, junitOfSeeds } from '../../src/report/junit.ts';
import { hasPython } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>';
const PASSED = { kind: 'passed' } as const;

/** Characters that XML forbids, or that would end an element or an attribute. */
const HOSTILE = `]]></failure>"'<&>\u0000\u0008\u001b[2J\u007f\ud800x\udc00\ufffe\uffff\r\n\tä😀`;
const HOSTILE_SHOWN = `]]></failure>"'<&>\\u0000\\u0008\\u001b[2J\\u007f\\ud800x\\udc00\\ufffe\\uffff\\u000d\n\tä😀`;

function failing(text: string, name = 'workload'): JunitCase {
  return { name, className: 'snowstorm.echo', outcome: { kind: 'failed', message: text, text } };
}

describe('a JUnit document', () => {
  it('counts what passed, failed and is unknown, and adds up the time', () => {
    const className = 'snowstorm.echo';
    const unknown = { kind: 'unknown', message: 'who knows', text: 'nothing happened' } as const;
    const document = junitDocument([
      { name: 'one', cases: [{ name: 'a', className, seconds: 1.25, outcome: PASSED }, failing('bad')] },
      { name: 'two', cases: [{ name: 'b', className, seconds: 0.5, outcome: unknown, properties: { seed: '17' } }] },
      { name: 'empty', cases: [] },
    ]);
    expect(document).toBe(`${HEAD}
<testsuites tests="3" failures="1" errors="1" time="1.750">
  <testsuite name="one" tests="2" failures="1" errors="0" time="1.250">
    <testcase name="a" classname="snowstorm.echo" time="1.250"/>
    <testcase name="workload" classname="snowstorm.echo">
      <failure message="bad" type="failed">bad</failure>
    </testcase>
  </testsuite>
  <testsuite name="two" tests="1" failures="0" errors="1" time="0.500">
    <testcase name="b" classname="snowstorm.echo" time="0.500">
      <properties>
        <property name="seed" value="17"/>
      </properties>
      <error message="who knows" type="unknown">nothing happened</error>
    </testcase>
  </testsuite>
  <testsuite name="empty" tests="0" failures="0" errors="0" time="0.000">
  </testsuite>
</testsuites>
`);
  });

  it('is empty without suites', () => {
    expect(junitDocument([])).toBe(
      `${HEAD}\n<testsuites tests="0" failures="0" errors="0" time="0.000">\n</testsuites>\n`,
    );
  });

  it('escapes what is hostile, and writes out what XML forbids', () => {
    const document = junitDocument([{ name: 'hostile', cases: [failing(HOSTILE)] }]);
    const escaped = HOSTILE_SHOWN.replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;');
    const inAttribute = escaped.replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
    expect(document).toContain(`<failure message="${inAttribute}" type="failed">${escaped}</failure>`);
  });

  it.runIf(hasPython('reading JUnit files back'))('is read by another program as it was meant', () => {
    const everything = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join('');
    const high = String.fromCharCode(...Array.from({ length: 0x2800 }, (_, index) => 0xd800 + index));
    const texts = [HOSTILE, everything, high, '\u{1fffe}\u{10ffff}', '  spaces \n\n kept\t'];
    const document = junitDocument([
      {
        name: HOSTILE,
        cases: texts.map((text) => ({
          ...failing(text, text),
          className: text,
          properties: { [text]: text },
        })),
      },
    ]);
    const python = `
import json, sys, xml.etree.ElementTree as tree
cases = list(tree.parse(sys.stdin.buffer).iter('testcase'))
print(json.dumps([[c.get('name'), c.get('classname'), c.find('failure').get('message'), c.find('failure').text,
  c.find('properties/property').get('name'), c.find('properties/property').get('value')] for c in cases]))`;
    const read = JSON.parse(execFileSync('python3', ['-c', python], { input: document, encoding: 'utf8' }));
    expect(read).toHaveLength(texts.length);
    for (const [index, text] of texts.entries()) {
      const [name, ...others] = read[index] as string[];
      expect(others).toEqual(Array.from({ length: 5 }, () => name));
      // Everything that could be kept is, and what could not is written out.
      const kept = text.replaceAll(
        /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069\ufffe\uffff]|\p{Cs}/gu,
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
      expect(name === kept, `text ${index}`).toBe(true);
    }
    expect(read[0][0]).toBe(HOSTILE_SHOWN);
  });
});

describe('the suite of a run', () => {
  const run = { workload: 'echo', seed: '17', command: 'snowstorm test -w echo --seed 17' };

  it('has a case for each checker, and says of a bad one what it found and how to see it again', () => {
    const results = {
      options: { 'no checker': true },
      stats: { 'valid?': 'unknown', error: 'no operation was completed', count: 0 },
      availability: { 'valid?': true, 'ok-fraction': 1 },
      workload: {
        'valid?': false,
        'error-count': 1,
        errors: [['Expected', 'a', 'But received', 'b']],
        proofs: [{ problem: 'not shown here', facts: {}, operations: [], operationCount: 0 }],
        summary: '1 answer was wrong, for instance "b" to "a".',
      },
      'valid?': false,
    } as const;
    expect(junitDocument([junitOfRun({ ...run, results, reason: 'not used' })])).toBe(`${HEAD}
<testsuites tests="3" failures="1" errors="1" time="0.000">
  <testsuite name="snowstorm.echo" tests="3" failures="1" errors="1" time="0.000">
    <testcase name="stats" classname="snowstorm.echo">
      <properties>
        <property name="seed" value="17"/>
      </properties>
      <error message="Verdict unknown. No operation was completed." type="unknown">valid?          unknown
error           no operation was completed
count           0

Replay:  snowstorm test -w echo --seed 17</error>
    </testcase>
    <testcase name="availability" classname="snowstorm.echo">
      <properties>
        <property name="seed" value="17"/>
      </properties>
    </testcase>
    <testcase name="workload" classname="snowstorm.echo">
      <properties>
        <property name="seed" value="17"/>
      </properties>
      <failure message="The run is INVALID. 1 answer was wrong, for instance &quot;b&quot; to &quot;a&quot;." type="failed">valid?          false
error-count     1
errors
  - [&quot;Expected&quot;,&quot;a&quot;,&quot;But received&quot;,&quot;b&quot;]

Replay:  snowstorm test -w echo --seed 17</failure>
    </testcase>
  </testsuite>
</testsuites>
`);
  });

  it.each([
    { overall: false, checker: true, kind: 'failed' },
    { overall: false, checker: 'unknown', kind: 'failed' },
    { overall: 'unknown', checker: true, kind: 'unknown' },
  ] as const)('has a case of its own for a verdict of $overall where the worst checker says $checker', (given) => {
    const results = { stats: { 'valid?': given.checker }, 'valid?': given.overall };
    const { cases } = junitOfRun({ ...run, results, reason: 'The run is odd.' });
    expect(cases).toHaveLength(2);
    expect(cases[1]).toEqual({
      name: 'run',
      className: 'snowstorm.echo',
      properties: { seed: '17' },
      outcome: { kind: given.kind, message: 'The run is odd.', text: `The run is odd.\n\nReplay:  ${run.command}` },
    });
  });

  it('passes when all is well', () => {
    const results = { stats: { 'valid?': true }, net: { 'valid?': true }, 'valid?': true } as const;
    const { cases } = junitOfRun({ ...run, results, reason: '' });
    expect(cases.map(({ name, outcome }) => [name, outcome.kind])).toEqual([
      ['stats', 'passed'],
      ['net', 'passed'],
    ]);
  });
});

describe('the suite of a fuzz', () => {
  it('has a case for each seed, the lowest first, and tells the story of the first that failed', () => {
    const [GOOD, BAD] = ['Everything looks good!', 'The run is INVALID.'];
    const seeds = [
      { seed: '10', validity: false, signature: ['workload', 'stats'], reason: BAD },
      { seed: '9', validity: false, signature: ['protocol:json'], reason: BAD },
      { seed: '8', validity: 'unknown', signature: [], reason: 'Verdict unknown. Nothing happened.' },
      { seed: '11', validity: true, signature: [], reason: GOOD, difference: 'line 3' },
      { seed: '7', validity: true, signature: [], reason: GOOD, difference: undefined },
    ] as const;
    const suite = junitOfSeeds({
      workload: 'saga',
      seeds,
      story: 'n1 crashes.\nAll wait.',
      command: ({ seed }) => `snowstorm test --seed ${seed}`,
    });
    expect(suite).toEqual({
      name: 'snowstorm.saga',
      cases: [
        { name: 'seed 7', className: 'snowstorm.saga', outcome: PASSED },
        {
          name: 'seed 8',
          className: 'snowstorm.saga',
          outcome: {
            kind: 'unknown',
            message: 'Verdict unknown. Nothing happened.',
            text: 'Verdict unknown. Nothing happened.\n\nReplay:  snowstorm test --seed 8',
          },
        },
        {
          name: 'seed 9',
          className: 'snowstorm.saga',
          outcome: {
            kind: 'failed',
            message: 'protocol:json',
            text: 'protocol:json\n\nn1 crashes.\nAll wait.\n\nReplay:  snowstorm test --seed 9',
          },
        },
        {
          name: 'seed 10',
          className: 'snowstorm.saga',
          outcome: {
            kind: 'failed',
            message: 'workload, stats',
            text: 'workload, stats\n\nReplay:  snowstorm test --seed 10',
          },
        },
        {
          name: 'seed 11',
          className: 'snowstorm.saga',
          outcome: {
            kind: 'failed',
            message: 'not deterministic: line 3',
            text: 'not deterministic: line 3\n\nReplay:  snowstorm test --seed 11',
          },
        },
      ],
    });
    expect(junitDocument([suite])).toContain('<testsuites tests="5" failures="3" errors="1" time="0.000">');
  });
});

describe('the file of --junit', () => {
  const folder = temporaryFolder();

  it('is made with its folders, and is empty until there is a verdict', () => {
    const file = join(folder, 'deep', 'er', 'junit.xml');
    checkJunitFile(file);
    expect(readFileSync(file, 'utf8')).toBe('');
    writeJunit(file, 'first');
    checkJunitFile(file);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('is refused before the run where it cannot be written, by its name', () => {
    writeFileSync(join(folder, 'plain'), '');
    mkdirSync(join(folder, 'a-folder'));
    for (const [file, says] of [
      [join(folder, 'plain', 'junit.xml'), /EEXIST|ENOTDIR/],
      [join(folder, 'a-folder'), /EISDIR/],
      ['', /ENOENT/],
    ] as const) {
      expect(() => checkJunitFile(file)).toThrow(UsageError);
      expect(() => checkJunitFile(file)).toThrow(new RegExp(`^--junit ${file}: .*(${says.source})`));
      expect(() => writeJunit(file, 'x')).toThrow(says);
    }
  });
});
