import { describe, expect, it } from 'vitest';
import { escapeText, markup, raw } from '../../src/report/markup.ts';
import { brokenReferences, outsideReferences, readMarkup } from '../support/strict-markup.ts';

describe('the template tag', () => {
  it('escapes what is put in, and not what stands there', () => {
    const text = `<b title="x">'&'</b>`;
    expect(markup`<i title="${text}">${text}</i>`.text).toBe(
      '<i title="&lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;">&lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;</i>',
    );
  });

  it('escapes once, however deep markup lies in markup', () => {
    const inner = markup`<b>${'a & b'}</b>`;
    expect(markup`<p>${[inner, [inner, '<']]}</p>`.text).toBe('<p><b>a &amp; b</b><b>a &amp; b</b>&lt;</p>');
  });

  it('puts numbers in, and nothing for undefined, false and an empty list', () => {
    expect(markup`${0}|${2n ** 64n}|${undefined}|${false}|${[]}|${''}`.text).toBe('0|18446744073709551616||||');
  });

  it('takes a template as it was written, and raw text too', () => {
    expect(markup`from \\ to ${raw('<br>')}`.text).toBe('from \\ to <br>');
  });
});

describe('text on a page', () => {
  it('shows control characters instead of having them act', () => {
    expect(escapeText('\0\x1b[2J\x7f\x9b\r')).toBe('\\u0000\\u001b[2J\\u007f\\u009b\\u000d');
  });

  it('keeps lines, tabs and every character that can be read', () => {
    const text = 'one\n\ttwo ü 漢字 💥 العربية';
    expect(escapeText(text)).toBe(text);
  });

  it('shows half a character, and what is no character, by its number', () => {
    expect(escapeText('a\ud800b\udc00\uffff')).toBe('a\\ud800b\\udc00\\uffff');
  });

  it('does not let a text turn the direction of what follows', () => {
    expect(escapeText('\u202edilav\u2066')).toBe('\\u202edilav\\u2066');
  });
});

describe('the strict reader of these tests', () => {
  it.each([
    ['a tag that closes another one', '<p><b>x</p></b>'],
    ['a tag that is not closed', '<div><p>x</p>'],
    ['a paragraph that a block would end', '<p><b><ul></ul></b></p>'],
    ['an attribute without quotes', '<p id=a>x</p>'],
    ['an attribute twice', '<p id="a" id="b">x</p>'],
    ['a bare angle', '<p>1 < 2</p>'],
    ['an ampersand', '<p>a & b</p>'],
    ['a number that is none', '<svg><path d="M0 NaN"/></svg>'],
    ['a negative width', '<svg><rect width="-1"/></svg>'],
    ['a control character', '<p>\x07</p>'],
    ['an empty element as in XML', '<div/>'],
  ])('refuses %s', (_, text) => {
    expect(() => readMarkup(text)).toThrow();
  });

  it('finds what refers to nothing, to several, and to the outside', () => {
    const root = readMarkup(
      '<div id="a"><i id="b"></i><i id="b"></i><a href="#c">x</a><p aria-labelledby="a b">y</p><a href="//x">z</a><img src="x"></div>',
    );
    expect(brokenReferences(root)).toEqual(['id b', 'a refers to c', 'p refers to b']);
    expect(outsideReferences(root)).toEqual(['<a href="//x">', '<img src="x">']);
  });
});
