/** The page at `/`: the routes, and the state of the instance, which it asks for itself. Nothing comes from outside. */

import { namesIn, type RouteDescription } from './route.ts';
import { SYSTEM_ROUTES } from './system-routes.ts';

export const PAGE_STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
#state { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .6rem; margin: 0 }
#state div { border: 1px solid #8884; border-radius: .4rem; padding: .4rem .6rem }
dt { opacity: .75; font-size: .85em } dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
`;

export const PAGE_SCRIPT = `
const list = document.getElementById('state');
async function show() {
  let entries;
  try {
    const answer = await fetch('state');
    const state = await answer.json();
    if (!answer.ok) throw new Error(state.detail);
    const { node } = state;
    const sum = (of) => Object.values(node.requests).reduce((all, one) => all + of(one), 0);
    entries = [
      ['status', state.trouble ?? 'ready'], ['instance', state.instance], ['store', state.store],
      ['up', Math.round(node.uptime_ms / 1000) + ' s'], ['connections', state.connections],
      ['in flight', state.inFlight], ['messages', sum((one) => one.count)],
      ['errors', sum((one) => Object.values(one.errors).reduce((all, count) => all + count, 0))],
      ['memory', Math.round(state.process.residentBytes / 1048576) + ' MiB'],
      ...Object.entries(node.parts).flatMap(([part, figures]) =>
        Object.entries(figures).map(([figure, value]) => [part + ': ' + figure, value])),
    ];
  } catch (error) {
    entries = [['status', 'no answer: ' + error.message]];
  }
  list.replaceChildren(...entries.map(([name, value]) => {
    const box = document.createElement('div');
    box.append(document.createElement('dt'), document.createElement('dd'));
    box.children[0].textContent = name;
    box.children[1].textContent = value;
    return box;
  }));
  setTimeout(show, 2000);
}
show();
`;

export function encodePage(routes: readonly RouteDescription[], version: string): string {
  const rows = [
    ...routes.map(({ method, path, summary, fields, scope }) => {
      const inPath = new Set(namesIn(path));
      const names = Object.keys(fields).filter((name) => !inPath.has(name));
      return [method, path, summary, names.join(', '), scope];
    }),
    ...SYSTEM_ROUTES.map(({ method, path, summary }) => [method, path, summary, '', '']),
  ].map(
    ([method = '', path = '', summary = '', names = '', scope = '']) =>
      `<tr><td><code>${escapeText(`${method} ${path}`)}</code></td><td>${escapeText(summary)}</td>` +
      `<td><code>${escapeText(names)}</code></td><td>${escapeText(scope)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Snowstorm</title>
<style>${PAGE_STYLE}</style>
<h1>Snowstorm ${escapeText(version)}</h1>
<h2>This instance</h2>
<dl id="state"><div><dt>status</dt><dd>asking</dd></div></dl>
<h2>Routes</h2>
<p>Bodies are JSON. For programs: <a href="openapi.json">openapi.json</a>, <a href="metrics">metrics</a>.</p>
<table>
<thead><tr><th>route</th><th>what it does</th><th>fields</th><th>scope</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
<script>${PAGE_SCRIPT}</script>
</html>
`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('`', '');
}
