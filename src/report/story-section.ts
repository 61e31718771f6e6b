/** A failing run told step by step. */

import { type Markup, markup } from './markup.ts';
import type { Story } from './run-record.ts';

export function renderStory({ lines, origin }: Story): Markup {
  return markup`<p>${origin}</p>
<ol class="story">${lines.map(({ atMs, who, what, proof }) =>
    atMs === undefined
      ? markup`<li class="left-out">${what}</li>
`
      : markup`<li${proof && markup` class="proof"`}><span class="when">${Math.round(atMs * 1000) / 1000} ms</span> <b>${who}</b> <span class="what">${what}${proof && markup` <strong>proves it</strong>`}</span></li>
`,
  )}</ol>`;
}
