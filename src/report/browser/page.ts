/**
 * What scripts add to a report. All content is readable without them. They add the text of a mark under the pointer or
 * the arrow keys, zoom into a stretch of time, filters of lists, and a button that copies the command.
 */

import { addFilters } from './filter.ts';
import { addTips } from './tips.ts';
import { addZoom } from './zoom.ts';

addCopyButtons();
addFilters();
addZoom(addTips());
document.documentElement.dataset.scripts = 'on';

function addCopyButtons(): void {
  // Only pages that were served, or opened from a file, may write to the clipboard.
  if (navigator.clipboard === undefined) return;
  for (const code of document.querySelectorAll<HTMLElement>('[data-copy]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(code.textContent ?? '');
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed';
      }
    });
    code.closest('.again')?.append(button);
  }
}
