/** The figures of a run in short, every checker's result, the options, the files. */

import type { CheckResult } from '../checkers/checker.ts';
import { isRecord } from '../protocol/message.ts';
import { type Markup, markup } from './markup.ts';
import { writeValue } from './operation-words.ts';
import { formatResults } from './result-block.ts';
import type { RunRecord } from './run-record.ts';
import { writeCount, writeDuration, writeNumber } from './scales.ts';

/** A long schedule is a file of its own. */
const OPTION_LENGTH_MAX = 300;
const RESULT_LENGTH_MAX = 20_000;

/** What ran, how it went in figures, and how it runs again. */
export function renderFacts(record: RunRecord): Markup {
  const { program, nodes, concurrency, options, history, again, results } = record;
  const where = program === undefined ? `${nodes.length} simulated nodes` : `${nodes.length} × ${program}`;
  const seconds = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  const facts: (readonly [string, string])[] = [
    ['nodes', where],
    ['clients', writeCount(concurrency)],
    ['lasted', writeDuration(seconds)],
    ['seed', String(options.seed ?? 'unknown')],
    ...listFigures(results),
  ];
  return markup`<dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${again !== undefined && markup`<div class="again"><p class="again-title" id="again-title">Once more:</p><pre tabindex="0" aria-labelledby="again-title"><code data-copy>${again}</code></pre></div>`}`;
}

function listFigures(results: CheckResult): (readonly [string, string])[] {
  const figure = (checker: string, name: string) => {
    const result = results[checker];
    const value = isRecord(result) ? result[name] : undefined;
    return typeof value === 'number' ? value : undefined;
  };
  const { all } = isRecord(results.net) ? results.net : { all: undefined };
  const perOperation = isRecord(all) ? all['msgs-per-op'] : undefined;
  const figures: (readonly [string, string | undefined])[] = [
    ['operations', say(figure('stats', 'count'), writeCount)],
    ['ok', say(figure('availability', 'ok-fraction'), (share) => `${writeNumber(share * 100)} %`)],
    ['latency p50', say(figure('latency', 'p50'), (ms) => writeDuration(ms * 1e6))],
    ['latency p99', say(figure('latency', 'p99'), (ms) => writeDuration(ms * 1e6))],
    ['messages per operation', say(typeof perOperation === 'number' ? perOperation : undefined, writeNumber)],
  ];
  return figures.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function say(value: number | undefined, write: (value: number) => string): string | undefined {
  return value === undefined ? undefined : write(value);
}

/** A line a checker, with its whole result to be opened. What is not valid is open. */
export function renderResults(results: CheckResult): Markup {
  const checkers = Object.entries(results).flatMap(([name, result]) =>
    isRecord(result) && 'valid?' in result ? [{ name, result: result as CheckResult }] : [],
  );
  return markup`${checkers.map(({ name, result }) => {
    const valid = result['valid?'];
    const [sign, word] = valid === true ? ['✓', 'valid'] : valid === false ? ['✗', 'invalid'] : ['?', 'unknown'];
    return markup`<details class="result ${word}"${valid !== true && markup` open`}><summary><span aria-hidden="true">${sign}</span> ${name} <span class="word">${word}</span></summary>
<pre tabindex="0" aria-label="${name}">${excerpt(formatResults(result))}</pre></details>
`;
  })}`;
}

/** A single line of a node may be as long as it likes. */
function excerpt(text: string): string {
  return text.length > RESULT_LENGTH_MAX ? `${text.slice(0, RESULT_LENGTH_MAX)}… (results.json has all of it)` : text;
}

export function renderOptions({ options }: RunRecord): Markup {
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Options"><table class="options"><caption>Options</caption><tbody>${Object.entries(
    options,
  ).map(
    ([
      name,
      value,
    ]) => markup`<tr><th scope="row">${name}</th><td><code>${typeof value === 'string' ? value : writeValue(value, OPTION_LENGTH_MAX)}</code></td></tr>
`,
  )}</tbody></table></div>`;
}

export function renderFiles({ files }: RunRecord): Markup {
  return markup`<ul class="files">${files.map((file) => markup`<li><a href="${file.split('/').map(encodeName).join('/')}">${file}</a></li>`)}</ul>`;
}

/** Half a character has no place in an address. */
function encodeName(name: string): string {
  return encodeURIComponent(name.replaceAll(/\p{Cs}/gu, '\uFFFD'));
}
