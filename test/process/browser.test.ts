/**
 * The browser that other tests look at pages with does what a person's does, and every check of a page finds what it is
 * there for: it must be silent on a page that is right, and speak on the same page made wrong in one way.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, findBrowser, type Page, type PageOptions } from '../support/browser.ts';
import { findHiddenFocus, findLowContrast, findOverflow, findUnnamed } from '../support/page-checks.ts';
import { processesThatName, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const program = findBrowser('the browser that looks at reports');
const folder = temporaryFolder();

const SIZE: PageOptions = { width: 600, height: 400 };

/** A page that is right in everything, with something more in its head and in its main part. */
function pageWith(body = '', style = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title><style>
    :root { color-scheme: light dark }
    ${style}
  </style></head><body><main><h1>A page</h1>${body}</main></body></html>`;
}

const dataUrl = (html: string) => `data:text/html;charset=utf-8,${encodeURIComponent(html)}`;

describe.skipIf(program === undefined)('a browser', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await Browser.launch(program as string);
    page = await browser.newPage(SIZE);
  });

  afterAll(() => browser?.close());

  /** A page of its own for what a page keeps for all its life. */
  async function withPage<T>(options: Partial<PageOptions>, look: (page: Page) => Promise<T>): Promise<T> {
    const own = await browser.newPage({ ...SIZE, ...options });
    try {
      return await look(own);
    } finally {
      await own.close();
    }
  }

  /** What a check says of the right page with something more in it. */
  async function found(check: (page: Page) => Promise<string[]>, body = '', style = ''): Promise<string[]> {
    // A new page takes its time, which sixty of them would make long.
    await page.evaluate(`document.open(); document.write(${JSON.stringify(pageWith(body, style))}); document.close()`);
    return check(page);
  }

  describe('shows a page', () => {
    it('from a file, at the size that is asked for', async () => {
      const file = join(folder, 'page.html');
      writeFileSync(file, pageWith());
      await page.goto(pathToFileURL(file).href);
      expect(await page.evaluate('[document.title, innerWidth, innerHeight]')).toEqual(['A page', 600, 400]);
      expect(page.requests.at(-1)).toBe(pathToFileURL(file).href);
    });

    it('in the colours that are asked for', async () => {
      const style = 'p { color: rgb(1, 2, 3) } @media (prefers-color-scheme: dark) { p { color: rgb(4, 5, 6) } }';
      const url = dataUrl(pageWith('<p>Text</p>', style));
      const colour = 'getComputedStyle(document.querySelector("p")).color';
      await page.goto(url);
      expect(await page.evaluate(colour)).toBe('rgb(1, 2, 3)');
      await withPage({ colorScheme: 'dark' }, async (dark) => {
        await dark.goto(url);
        expect(await dark.evaluate(colour)).toBe('rgb(4, 5, 6)');
        expect(await findLowContrast(dark)).toEqual([
          '<p> "Text": rgb(4, 5, 6) on rgb(18, 18, 18) is a contrast of 1.08, not 4.5',
        ]);
      });
    });

    it('without its scripts, and can be asked and scrolled all the same', async () => {
      const script = '<script>document.title = "changed"</script><noscript>no scripts</noscript>';
      const details = '<details><summary>More</summary>of it</details>';
      await withPage({ scripts: false, forcedColors: true }, async (still) => {
        await still.goto(dataUrl(pageWith(script + details, 'body { height: 2000px }')));
        expect(await still.evaluate('document.title')).toBe('A page');
        expect(await still.evaluate('document.body.innerText')).toContain('no scripts');
        expect(await still.evaluate('matchMedia("(forced-colors: active)").matches')).toBe(true);
        await still.click('summary');
        expect(await still.evaluate('document.querySelector("details").open')).toBe(true);
        expect([await findOverflow(still), await findLowContrast(still), await findUnnamed(still)]).toEqual([
          [],
          [],
          [],
        ]);
        await still.evaluate('document.activeElement.blur()');
        expect(await findHiddenFocus(still)).toEqual([]);
        await still.mouse.wheel(300, 200, 150);
        expect(await still.evaluate('scrollY')).toBe(150);
      });
    });

    it('as a picture of what is to be seen, or of all of it', async () => {
      const size = (file: string) => [readFileSync(file).readUInt32BE(16), readFileSync(file).readUInt32BE(20)];
      const file = join(folder, 'page.png');
      await page.goto(dataUrl(pageWith('', 'html { height: 900px }')));
      await page.screenshot(file);
      expect(size(file)).toEqual([600, 400]);
      await page.screenshot(file, { fullPage: true });
      expect(size(file)).toEqual([600, 900]);
    });
  });

  describe('tells of a page', () => {
    it('everything that goes wrong in it, and nothing of one that is right', async () => {
      const wrong = `<img alt="x" src="missing.png"><script>
        console.log('fine'); console.error('an error', 1); console.warn('a warning'); console.assert(false, 'an assertion');
        alert('hello');
        throw new Error('an exception');
      </script>`;
      const policy = `<meta http-equiv="Content-Security-Policy" content="img-src 'none'">`;
      const forbidden = policy + pageWith('<img alt="x" src="forbidden.png">');
      const files = { right: pageWith(), wrong: pageWith(wrong), forbidden };
      for (const [name, html] of Object.entries(files)) writeFileSync(join(folder, `${name}.html`), html);
      const url = (name: string) => pathToFileURL(join(folder, name)).href;
      await withPage({}, async (own) => {
        await own.goto(url('right.html'));
        expect({ errors: own.errors, requests: own.requests }).toEqual({ errors: [], requests: [url('right.html')] });
        await own.goto(url('wrong.html'));
        expect(own.requests.slice(1)).toEqual([url('wrong.html'), url('missing.png')]);
        for (const error of [
          'console.error: an error 1',
          'console.warning: a warning',
          'console.assert: an assertion',
          'dialog: hello',
          expect.stringContaining('exception: Error: an exception'),
          `not loaded: ${url('missing.png')} net::ERR_FILE_NOT_FOUND`,
        ]) {
          expect(own.errors).toContainEqual(error);
        }
        expect(own.errors.join()).not.toContain('fine');
        await own.goto(url('forbidden.html'));
        expect(own.errors.join()).toMatch(/security: .* violates the following Content Security Policy directive/);
        expect(own.errors).toContainEqual(`not loaded: ${url('forbidden.png')} csp`);
      });
    });

    it('what an expression promises or throws', async () => {
      expect(await page.evaluate('Promise.resolve({ list: [1, null] })')).toEqual({ list: [1, null] });
      await expect(page.evaluate('missing()')).rejects.toThrow('ReferenceError: missing is not defined');
      await expect(page.evaluate('Promise.reject(new Error("later"))')).rejects.toThrow('Error: later');
    });

    it('what assistive technology is given, in its order', async () => {
      await page.goto(dataUrl(pageWith('<section><button>First</button></section><a href="#">Second</a>')));
      const named = (await page.accessibilityTree()).filter(({ role }) => ['heading', 'button', 'link'].includes(role));
      expect(named.map(({ role, name }) => `${role} ${name}`)).toEqual([
        'heading A page',
        'button First',
        'link Second',
      ]);
    });

    it('that there is no such page or command', async () => {
      await expect(page.goto(pathToFileURL(join(folder, 'nowhere.html')).href)).rejects.toThrow('ERR_FILE_NOT_FOUND');
      await expect(page.send('Page.fly')).rejects.toThrow("Page.fly: 'Page.fly' wasn't found");
    });
  });

  describe('has a mouse', () => {
    const record = `<script>
      window.events = [];
      for (const type of ['pointerdown', 'pointermove', 'pointerup', 'click']) {
        addEventListener(type, (event) => events.push(type + ' ' + event.clientX + ',' + event.clientY + ' ' + event.buttons));
      }
    </script>`;

    it('that hovers', async () => {
      await page.goto(
        dataUrl(pageWith('<p id="far">Text</p>', 'p { margin-top: 2000px } p:hover { color: rgb(1, 2, 3) }')),
      );
      expect(await page.evaluate('getComputedStyle(far).color')).toBe('rgb(0, 0, 0)');
      await page.hover('#far');
      expect(await page.evaluate('getComputedStyle(far).color')).toBe('rgb(1, 2, 3)');
      await expect(page.hover('#near')).rejects.toThrow('there is no #near');
      await expect(page.hover('title')).rejects.toThrow('title is not shown');
    });

    it('that clicks and drags', async () => {
      await page.goto(dataUrl(pageWith(record)));
      await page.mouse.click(20, 30);
      expect(await page.evaluate('events.splice(0)')).toEqual([
        'pointermove 20,30 0',
        'pointerdown 20,30 1',
        'pointerup 20,30 0',
        'click 20,30 0',
      ]);
      await page.mouse.drag(100, 50, 200, 100);
      const dragged = await page.evaluate<string[]>('events');
      expect(dragged).toContain('pointerdown 100,50 1');
      expect(dragged).toContain('pointermove 200,100 1');
      expect(dragged).toContain('pointerup 200,100 0');
    });

    it('that has a wheel', async () => {
      await page.goto(dataUrl(pageWith('', 'body { height: 2000px }')));
      await page.mouse.wheel(300, 200, 250);
      expect(await page.evaluate('scrollY')).toBe(250);
    });
  });

  describe('has a keyboard', () => {
    it('that does what keys do', async () => {
      const body =
        '<details><summary>More</summary>of it</details><input type="range" min="0" max="9" value="5"><input id="text">';
      await page.goto(dataUrl(pageWith(body)));
      const isOpen = () => page.evaluate('document.querySelector("details").open');
      const range = () => page.evaluate('document.querySelector("input").valueAsNumber');
      await page.press('Tab');
      expect(await page.evaluate('document.activeElement.localName')).toBe('summary');
      await page.press('Enter');
      expect(await isOpen()).toBe(true);
      await page.press(' ');
      expect(await isOpen()).toBe(false);
      await page.press('Tab');
      await page.press('ArrowRight');
      await page.press('ArrowUp');
      expect(await range()).toBe(7);
      await page.press('Home');
      await page.press('ArrowLeft');
      expect(await range()).toBe(0);
      await page.press('End');
      await page.press('ArrowDown');
      expect(await range()).toBe(8);
      await page.press('Tab', ['Shift']);
      expect(await page.evaluate('document.activeElement.localName')).toBe('summary');
    });

    it('that writes', async () => {
      const record =
        '<script>addEventListener("keydown", ({ key, code }) => (window.keys ??= []).push(key + " " + code))</script>';
      await page.goto(dataUrl(pageWith(`<input id="text">${record}`)));
      await page.click('#text');
      await page.type('aB 1é');
      await page.press('Escape');
      expect(await page.evaluate('text.value')).toBe('aB 1é');
      expect(await page.evaluate('keys')).toEqual(['a KeyA', 'B KeyB', '  Space', '1 Digit1', 'é ', 'Escape Escape']);
      await page.press('a', ['Control']);
      await page.type('z');
      expect(await page.evaluate('text.value')).toBe('z');
      await expect(page.press('Hyper')).rejects.toThrow('there is no key "Hyper" here');
    });
  });

  describe('finds what sticks out of a page', () => {
    const wide = '<div class="wide">x</div>';

    it.each([
      ['wide', wide, '.wide { width: 700px }', '<div.wide> "x" goes from 8 to 708 px'],
      [
        'clipped by the page',
        wide,
        '.wide { width: 700px } body { overflow-x: hidden }',
        '<div.wide> "x" goes from 8 to 708 px',
      ],
      ['text that does not break', `<p>${'x'.repeat(200)}</p>`, '', 'the text of <p>'],
      ['on the left', wide, '.wide { margin-left: -20px }', '<div.wide> "x" goes from -12 to'],
      ['fixed', wide, '.wide { position: fixed; left: 550px; width: 99px }', '<div.wide> "x" goes from 550 to 649 px'],
    ])('when it is %s', async (_, body, style, says) => {
      expect((await found(findOverflow, body, style)).join('\n')).toContain(says);
    });

    it('and says how wide the page is', async () => {
      expect(await found(findOverflow, wide, '.wide { width: 700px }')).toContain(
        'the page is 708 px wide, the viewport 600 px',
      );
    });

    it.each([
      ['it fits', wide, '.wide { width: 100% }'],
      ['it scrolls', `<div style="overflow-x: auto">${wide}</div>`, '.wide { width: 700px }'],
      ['it is clipped', `<div style="overflow: hidden">${wide}</div>`, '.wide { width: 700px }'],
      ['it is out of the way', wide, '.wide { position: absolute; left: -999px }'],
      ['it is not shown', wide, '.wide { width: 700px; display: none }'],
    ])('unless %s', async (_, body, style) => {
      expect(await found(findOverflow, body, style)).toEqual([]);
    });
  });

  describe('finds text that cannot be read', () => {
    const text = '<p><span>Text</span></p>';

    it.each([
      [
        'grey on white',
        text,
        'span { color: #777 }',
        '<span> "Text": rgb(119, 119, 119) on rgb(255, 255, 255) is a contrast of 4.47',
      ],
      ['nearly transparent', text, 'span { color: rgb(0 0 0 / 0.4) }', 'rgb(153, 153, 153) on rgb(255, 255, 255)'],
      [
        'faint',
        text,
        'p { background: black; color: white; opacity: 0.4 }',
        'rgb(255, 255, 255) on rgb(153, 153, 153)',
      ],
      [
        'on layers',
        text,
        'p { background: #000 } span { background: rgb(255 255 255 / 0.5); color: #aaa }',
        'on rgb(128, 128, 128)',
      ],
      ['in modern colours', text, 'span { color: oklch(0.8 0.1 200) }', 'on rgb(255, 255, 255)'],
      ['mixed', text, 'span { color: color-mix(in srgb, white 60%, black) }', 'rgb(153, 153, 153) on'],
      ['large and still too faint', text, 'span { font-size: 24px; color: #999 }', 'not 3'],
      ['a placeholder', '<input placeholder="Filter">', '::placeholder { color: #aaa }', '"Filter"'],
      ['in a drawing', '<svg width="99" height="30"><text y="20" fill="#aaa">Text</text></svg>', '', '<text> "Text"'],
    ])('when it is %s', async (_, body, style, says) => {
      expect(await found(findLowContrast, body, style)).toEqual([expect.stringContaining(says)]);
    });

    it.each([
      ['it is dark enough', text, 'span { color: #767676 }'],
      ['it is large', text, 'span { font-size: 24px; color: #777 }'],
      ['it is large and bold', text, 'span { font: bold 19px serif; color: #777 }'],
      ['its background is unknown', text, 'p { background: linear-gradient(red, blue) } span { color: #777 }'],
      [
        'a colour covers the image',
        text,
        'p { background: linear-gradient(red, blue) } span { background: #fff; color: #000 }',
      ],
      ['it is not shown', text, 'span { color: white; visibility: hidden }'],
      [
        'it is for assistive technology',
        text,
        'span { color: white; position: absolute; width: 1px; height: 1px; overflow: hidden }',
      ],
      ['it is hidden from assistive technology', '<p aria-hidden="true" style="color: white">Text</p>', ''],
      [
        'it is a definition',
        '<svg width="9" height="9" aria-hidden="true"><defs><text fill="#fff">x</text></defs></svg>',
        '',
      ],
      ['it is disabled', '<button disabled>Text</button>', 'button { color: #aaa; background: #fff }'],
    ])('unless %s', async (_, body, style) => {
      expect(await found(findLowContrast, body, style)).toEqual([]);
    });

    it('and tells of many alike once', async () => {
      expect(await found(findLowContrast, '<i>Text</i> '.repeat(30), 'i { color: #aaa }')).toHaveLength(1);
    });
  });

  describe('finds what has no name', () => {
    it.each([
      ['a button', '<button></button>', '<button> "", a button, has no name'],
      ['a link', '<a href="#" class="bare"></a>', '<a.bare> "", a link, has no name'],
      ['a field', '<input>', '<input> "", a textbox, has no name'],
      ['a list to choose from', '<select><option>x</option></select>', 'a combobox, has no name'],
      ['a checkbox', '<input type="checkbox">', 'a checkbox, has no name'],
      ['a summary', '<details><summary></summary>x</details>', 'a DisclosureTriangle, has no name'],
      ['an image', '<img src="data:,">', 'a image, has no name'],
      ['a drawing', '<svg width="9" height="9"><rect width="9" height="9"/></svg>', 'a image, has no name'],
      ['a chart', '<svg role="graphics-document" width="9" height="9"></svg>', 'a graphics-document, has no name'],
      ['a table', '<table><tr><th>x</th><td>y</td></tr></table>', 'a table, has no name'],
      ['a figure', '<figure>x</figure>', 'a figure, has no name'],
      ['a heading', '<h2></h2>', '<h2> "" is empty'],
    ])('when it is %s', async (_, body, says) => {
      expect(await found(findUnnamed, body)).toEqual([expect.stringContaining(says)]);
    });

    it('unless there is a name', async () => {
      const named = `<button>x</button><a href="#">x</a><label>x <input></label><img alt="x" src="data:,"><img alt="" src="data:,">
        <details><summary>x</summary>y</details><svg aria-hidden="true"></svg><svg role="img" aria-label="x"></svg>
        <table><caption>x</caption><tr><th>x</th><td>y</td></tr></table><figure>x<figcaption>y</figcaption></figure>
        <h2>x</h2><h3>x</h3><h2>x</h2>`;
      expect(await found(findUnnamed, named)).toEqual([]);
    });

    it('when it is the document, and what one finds the way by', async () => {
      await page.goto(dataUrl('<!doctype html><h2 id="x">First</h2><h4 id="x">Second</h4>'));
      expect(await findUnnamed(page)).toEqual([
        'the document has no title',
        'the document has no lang',
        'there is no <main>',
        'there is more than one #x',
        'there are 0 <h1>',
        '<h2#x> "First" comes after no heading',
        '<h4#x> "Second" comes after an <h2>',
      ]);
      expect(await found(findUnnamed, '<h1>Another</h1>')).toEqual(['there are 2 <h1>']);
    });
  });

  describe('finds where the focus is lost', () => {
    const links = '<a href="#1">First</a> <a href="#2" class="odd">Second</a> <a href="#3">Third</a>';
    const lost = (problem: string) => [`Tab 2, <a.odd> "Second", ${problem}`];

    it.each([
      ['shown by nothing', links, '.odd { outline: none }', 'does not show that it has the focus'],
      [
        'shown by an invisible outline',
        links,
        '.odd { outline: 2px solid transparent }',
        'does not show that it has the focus',
      ],
      [
        'shown by a shadow that is always there',
        links,
        '.odd { outline: none; box-shadow: 0 0 2px red }',
        'does not show that it has the focus',
      ],
      ['out of the viewport', links, '.odd { position: fixed; left: -999px }', 'is out of the viewport'],
      ['on what cannot be seen', links, '.odd { opacity: 0 }', 'is not shown'],
      [
        'below something else',
        `${links}<div></div>`,
        '.odd { position: fixed; bottom: 0 } div { position: fixed; inset: 50% 0 0; background: red }',
        'is covered',
      ],
    ])('when it is %s', async (_, body, style, problem) => {
      expect(await found(findHiddenFocus, body, style)).toEqual(lost(problem));
    });

    it.each([
      ['everything shows it', links, 'a { display: block; margin-bottom: 900px }'],
      ['the page scrolls slowly', links, 'html { scroll-behavior: smooth } a { display: block; margin-bottom: 900px }'],
      ['a shadow shows it', links, '.odd { outline: none } .odd:focus { box-shadow: 0 0 2px red }'],
      ['there is nothing to focus', '', ''],
    ])('unless %s', async (_, body, style) => {
      expect(await found(findHiddenFocus, body, style)).toEqual([]);
    });

    it('and comes to an end where the focus is kept', async () => {
      const trap = '<script>third.onblur = () => first.focus()</script>';
      const kept = '<a href="#1" id="first">First</a> <a href="#2">Second</a> <a href="#3" id="third">Third</a>';
      expect(await found(findHiddenFocus, kept + trap, 'a { outline: none !important }')).toHaveLength(3);
    });
  });
});

describe.skipIf(program === undefined)('a browser that ends', () => {
  const gone = (browser: Browser) =>
    until(
      () => processesThatName(browser.profile).length === 0,
      () => processesThatName(browser.profile).join(' | '),
    );

  it('rejects what is pending, and leaves no process behind', async () => {
    const browser = await Browser.launch(program as string);
    const page = await browser.newPage(SIZE);
    expect(processesThatName(browser.profile).length).toBeGreaterThan(0);
    const pending = page.evaluate('new Promise(() => {})');
    const closed = browser.close();
    await expect(pending).rejects.toThrow('Runtime.evaluate: ');
    await closed;
    await expect(page.evaluate('1')).rejects.toThrow('Runtime.evaluate: the browser has ended');
    await gone(browser);
  });

  it('at once says why', async () => {
    const file = join(folder, 'no-browser');
    writeFileSync(file, '#!/bin/sh\necho "cannot open display" >&2\nexit 3\n', { mode: 0o755 });
    await expect(Browser.launch(file)).rejects.toThrow(/the browser has ended \(3\)\ncannot open display/);
    await expect(Browser.launch(join(folder, 'nowhere'))).rejects.toThrow('the browser does not start: spawn');
  });
});
