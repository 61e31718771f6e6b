/** Whole pages for tests: what is so on every one of them is looked at whenever one is read. */

import { expect } from 'vitest';
import { renderPage } from '../../src/report/page.ts';
import type { RunRecord } from '../../src/report/run-record.ts';
import { ASSETS } from './records.ts';
import { brokenReferences, type MarkupElement, outsideReferences, readMarkup } from './strict-markup.ts';

/**
 * It is well-formed, refers to nothing that is not there and to nothing outside, and has one script and one style,
 * which are ours.
 */
export function openPage(record: RunRecord): MarkupElement {
  const root = readMarkup(renderPage(record, ASSETS));
  expect(brokenReferences(root)).toEqual([]);
  expect(outsideReferences(root)).toEqual([]);
  expect(root.texts('script')).toEqual([ASSETS.script]);
  expect(root.texts('style')).toEqual([ASSETS.style]);
  expect(root.one('body').all('meta')).toEqual([]);
  const links = root
    .one('nav')
    .all('a')
    .map(({ attributes }) => attributes.get('href'));
  expect(links).toEqual(root.all('section').map(({ attributes }) => `#${attributes.get('aria-labelledby')}`));
  return root;
}
