import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { renderPage } from '../../src/report/page.ts';
import { formatVerdict } from '../../src/report/result-block.ts';
import type { RunRecord } from '../../src/report/run-record.ts';
import { handwritten, info, invoke, nemesis, ok } from '../support/histories.ts';
import { openPage } from '../support/pages.ts';
import { ASSETS, messagesOf, recordOf } from '../support/records.ts';
import { hasPython } from '../support/snowstorm-process.ts';
import { type MarkupElement, readMarkup } from '../support/strict-markup.ts';

describe('nothing that others say acts on a page', () => {
  const HOSTILE = [
    ['the end of a script', '</script><script>alert(1)</script>'],
    ['the end of a style', '</style><style>*{display:none}'],
    ['an image', '</title></svg><img src=x onerror=alert(1)>'],
    ['the end of an attribute', `" onfocus="alert(1)" x="' onload='alert(2)`],
    ['comments and entities', '<!-- ]]> <![CDATA[ &lt; &amp;'],
    ['addresses', 'javascript:alert(1)//https://example.org'],
    ['characters that control, or are none', '\0\x1b[2J\x9b\r\ud800x\udfff\ufffe\u2028\u202e'],
    ['what means something elsewhere', '#id ../.. $& $1 {x} %2e\\'],
  ] as const;

  /** A run in which everything that may be chosen from outside is this text. */
  function hostileRecord(text: string): RunRecord {
    const nodes = [text, `${text}1`];
    const body = { type: text, key: text, [text]: text, in_reply_to: text, nested: { [text]: [text] } };
    const history = handwritten(
      nemesis(`start-${text}`, { nodes, [text]: text }),
      nemesis('start-partition', [text, { [text]: [text] }]),
      invoke(0, text, text),
      { ...ok(0, text, { [text]: text }), error: [text, text] },
      invoke(1, text, text),
      { ...info(1, text, text), error: text },
      invoke(2, text, text),
    );
    const proof = { rule: text, problem: text, facts: { [text]: text }, operations: [3], operationCount: 1, time: 3e6 };
    const results: CheckResult = {
      workload: { 'valid?': false, [text]: text, error: text, proofs: [proof] },
      protocol: { 'valid?': false, proofs: [{ ...proof, operations: [] }], summary: text },
      [text]: { 'valid?': 'unknown', [text]: text },
      'valid?': false,
    };
    const record = recordOf(history, {
      workload: text,
      program: text,
      nodes,
      startedAt: text,
      options: { seed: text, [text]: text, list: [text] },
      results,
      verdict: formatVerdict(results),
      messagesAround: messagesOf([
        { time: 0, event: 'send', id: 0, src: text, dest: `${text}1`, body },
        { time: 5e6, event: 'drop', id: 0, src: text, dest: `${text}1`, body },
        { time: 9e6, event: 'send', id: 1, src: 'c2', dest: `${text}2`, body },
      ]),
      traffic: [{ src: text, dest: `${text}1`, sent: 2, received: 1 }],
      again: text,
      story: {
        origin: text,
        lines: [
          { atMs: 0, who: text, what: text, proof: true },
          { who: text, what: text },
        ],
      },
      files: [text, `folder/${text}`],
    });
    return { ...record, shrunk: { ...record } };
  }

  it.each(HOSTILE)('%s', (_, text) => {
    const usual = openPage(hostileRecord('w'.repeat(text.length)));
    const root = openPage(hostileRecord(text));
    // The very same elements with the very same attributes: of the text nothing became markup.
    const shapeOf = (element: MarkupElement) =>
      element.descendants().map(({ name, attributes }) => `${name} ${[...attributes.keys()].join(' ')}`);
    expect(shapeOf(root)).toEqual(shapeOf(usual));
    expect(root.one('#again-title').parent?.one('code').text).toBe(shown(text));
  });

  /** As a reader sees it. */
  function shown(text: string): string {
    return text.replaceAll(
      /[^\P{Cc}\n\t]|[\u202A-\u202E\uFFFE]|\p{Cs}/gu,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  }

  it.skipIf(!hasPython('pages are read by another parser'))('and another parser finds the same elements in it', () => {
    const page = HOSTILE.map(([, text]) => renderPage(hostileRecord(text), ASSETS)).join('');
    const program = [
      'import sys',
      'from html.parser import HTMLParser',
      'names = []',
      'class Reader(HTMLParser):',
      '    def handle_starttag(self, name, attributes): names.append(name + " " + " ".join(key for key, _ in attributes))',
      'Reader().feed(sys.stdin.buffer.read().decode())',
      'sys.stdout.write("\\n".join(names).lower())',
    ].join('\n');
    const found = execFileSync('python3', ['-c', program], { input: page, encoding: 'utf8', maxBuffer: 2 ** 26 }).split(
      '\n',
    );
    const ours = readMarkup(page)
      .descendants()
      .map(({ name, attributes }) => `${name} ${[...attributes.keys()].join(' ')}`.toLowerCase());
    expect(found).toEqual(ours);
  });
});
