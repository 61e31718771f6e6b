/** The main figures of a run, the result of every checker, the options, the files. */

import type { CheckResult } from '../checkers/checker.ts';
import type { History } from '../history/history.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { isRecord } from '../protocol/message.ts';
import { type Markup, markup } from './markup.ts';
import { writeValue } from './operation-words.ts';
import { formatResults } from './result-block.ts';
import type { RunRecord } from './run-record.ts';
import { writeCount, writeCounted, writeDuration, writeNumber, writeRunTime, writeShare } from './scales.ts';

/** A long schedule is in a file of its own. */
const OPTION_LENGTH_MAX = 300;
const RESULT_LENGTH_MAX = 20_000;
const CUT_MARK = '… (results.json has all of it)';

/** What ran, its figures, and how to run it again. */
export function renderFacts(record: RunRecord): Markup {
  const { program, nodes, concurrency, options, history, again, results, interrupted } = record;
  const where = program === undefined ? writeCounted(nodes.length, 'simulated node') : `${nodes.length} × ${program}`;
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  const facts: (readonly [string, string])[] = [
    ['nodes', where],
    ['clients', writeCount(concurrency)],
    [interrupted ? 'stopped by hand after' : 'lasted', writeRunTime(end)],
    ['seed', String(options.seed ?? 'unknown')],
    ...listFigures(results, history),
  ];
  return markup`<dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${again !== undefined && markup`<div class="again"><p class="again-title" id="again-title">Replay:</p><pre tabindex="0" aria-labelledby="again-title"><code data-copy>${again}</code></pre>${interrupted && markup`<p>This makes the whole run, which was stopped before its end.</p>`}</div>`}`;
}

/**
 * Figures of all operations, like the rest of the page. Some checkers count only the operations before healing. If
 * there are others, the name of such a figure says so.
 */
function listFigures(results: CheckResult, history: History): (readonly [string, string])[] {
  const figure = (checker: string, name: string) => {
    const result = results[checker];
    const value = isRecord(result) ? result[name] : undefined;
    return typeof value === 'number' ? value : undefined;
  };
  const perOperation = (part: 'servers' | 'all') => {
    const counts = isRecord(results.net) ? results.net[part] : undefined;
    const figure = isRecord(counts) ? counts['msgs-per-op'] : undefined;
    return say(typeof figure === 'number' ? figure : undefined, writeNumber);
  };
  const { invoked, completed, ok } = countOperations(history);
  const counted = figure('stats', 'count');
  const okInPart = figure('availability', 'ok-fraction');
  const isPart = counted !== undefined && counted > 0 && counted < completed;
  // If all operations are as good as that part, there is nothing more to say.
  const differs = isPart && okInPart !== undefined && writeShare(okInPart) !== writeShare(ok / invoked);
  // A run without faults may still have final invocations, which do not count either.
  const part = isRecord(results.recovery) || hasBegun(results.faults) ? 'before healing' : 'before the last questions';
  const figures: (readonly [string, string | undefined])[] = [
    ['operations', writeCount(invoked)],
    ['ok', invoked === 0 ? undefined : writeShare(ok / invoked)],
    [`completed ${part}`, differs ? writeCount(counted) : undefined],
    [`ok ${part}`, differs ? writeShare(okInPart) : undefined],
    ['latency p50', say(figure('latency', 'p50'), (ms) => writeDuration(ms * 1e6))],
    ['latency p99', say(figure('latency', 'p99'), (ms) => writeDuration(ms * 1e6))],
    // What Fly.io's challenges limit, and what people compare: requests of clients and replies do not count.
    ['messages between servers per operation', perOperation('servers')],
    ['all messages per operation', perOperation('all')],
  ];
  return figures.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function countOperations(history: History) {
  const counts = { invoked: 0, completed: 0, ok: 0 };
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const type = history.typeAt(index);
    if (type === 'invoke') counts.invoked++;
    else counts.completed++;
    if (type === 'ok') counts.ok++;
  }
  return counts;
}

/** Whether the checker of faults saw a fault begin. */
function hasBegun(faults: unknown): boolean {
  return isRecord(faults) && isRecord(faults.started) && Object.keys(faults.started).length > 0;
}

function say(value: number | undefined, write: (value: number) => string): string | undefined {
  return value === undefined ? undefined : write(value);
}

/** One line for each checker. It opens to the whole result. Results that are not valid are open. */
export function renderResults(results: CheckResult): Markup {
  const checkers = Object.entries(results).flatMap(([name, result]) =>
    isRecord(result) && 'valid?' in result ? [{ name, result: result as CheckResult }] : [],
  );
  return markup`${checkers.map(({ name, result }) => {
    const valid = result['valid?'];
    const [sign, word] = valid === true ? ['✓', 'valid'] : valid === false ? ['✗', 'invalid'] : ['?', 'unknown'];
    return markup`<details class="result ${word}"${valid !== true && markup` open`}><summary><span aria-hidden="true">${sign}</span> ${name} <span class="word">${word}</span></summary>
<pre tabindex="0" aria-label="${name}">${excerpt(formatResults(result), RESULT_LENGTH_MAX, CUT_MARK)}</pre></details>
`;
  })}`;
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

/** Lone surrogates cannot stand in an address. */
function encodeName(name: string): string {
  return encodeURIComponent(name.replaceAll(/\p{Cs}/gu, '\uFFFD'));
}
