/** The server of a store, with HTTP clients that send all kinds of requests. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreServer } from '../../../src/host/records/store-server.ts';

const FIRST = '20261121T120356.160Z';
const LATER = '20261121T120357.000Z';
const SECRET = 'a secret outside of the store';

let folder = '';
let store = '';
let server: StoreServer;

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'snowstorm-store-server-')));
  store = join(folder, 'store');
  mkdirSync(store);
  server = await StoreServer.start({ store, host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Asking {
  readonly method?: string;
  readonly host?: string;
}

/** Requests a path unchanged: the client does not remove dots. */
function ask(path: string, { method = 'GET', host }: Asking = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  const headers = host === undefined ? {} : { host };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    asked.on('error', reject).end();
  });
}

function results(options: object = {}, verdict: unknown = true): object {
  const some = { workload: 'echo', program: null, args: [], nodes: ['n1', 'n2'], seed: '17', timeLimitMs: 2500 };
  return { options: { ...some, ...options }, stats: { 'valid?': true, count: 1234 }, 'valid?': verdict };
}

/** Makes a run's folder of files: an object is written as JSON, a text unchanged. */
function record(workload: string, name: string, files: Readonly<Record<string, object | string>>): string {
  const run = join(store, workload, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(run, file, '..'), { recursive: true });
    writeFileSync(join(run, file), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return run;
}

/** What a page shows of each run, cell by cell. */
function rows(page: string): string[][] {
  return [...page.matchAll(/<tr>\n([\s\S]*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<t[dh][^>]*>([\s\S]*?)<\/t[dh]>/g)].map(([, cell = '']) => cell.replaceAll(/<[^>]*>/g, '')),
  );
}

function links(page: string): string[] {
  return [...page.matchAll(/href="([^"]*)"/g)].map(([, link]) => link as string);
}

describe('the list of runs', () => {
  it('shows every run once, newest first, in words', async () => {
    record('echo', FIRST, { 'results.json': results({ nodes: [], seed: 'snow' }, 'unknown') });
    record('echo', `${FIRST}-2`, { 'results.json': results({ program: 'bin/node', args: ['-v', 'x'] }, false) });
    record('echo', `${FIRST}-10`, { 'history.jsonl': '' });
    const newest = record('saga', LATER, { 'results.json': results(), 'report.html': '' });
    symlinkSync(newest, join(store, 'latest'));
    symlinkSync(LATER, join(store, 'saga', 'latest'));
    symlinkSync('saga', join(store, 'other-saga'));
    writeFileSync(join(store, 'saga', 'fuzz-seed-17.json'), '{}');
    const { status, text } = await ask('/');
    expect(status).toBe(200);
    expect(rows(text)).toEqual([
      ['✓ valid', '2026-11-21 12:03:57', 'saga', 'simulated', '2', '17', '2.5', '1,234', 'files'],
      ['… unfinished', '2026-11-21 12:03:56 (10)', 'echo', '–', '–', '–', '–', '–', 'files'],
      ['✗ invalid', '2026-11-21 12:03:56 (2)', 'echo', 'bin/node -v x', '2', '17', '2.5', '1,234', 'files'],
      ['? unknown', '2026-11-21 12:03:56', 'echo', 'simulated', '0', 'snow', '2.5', '1,234', 'files'],
    ]);
    expect(text).toContain('<caption id="caption">4 runs, newest first</caption>');
  });

  it('links to the report, to the folder if there is none, and to the shrunk run', async () => {
    record('echo', FIRST, { 'results.json': results() });
    record('echo', LATER, { 'results.json': results(), 'report.html': '', 'shrunk/report.html': '' });
    const folders = [LATER, FIRST].map((name) => `/echo/${name}/`);
    expect(links((await ask('/')).text)).toEqual([
      `${folders[0]}report.html`,
      `${folders[0]}shrunk/report.html`,
      folders[0],
      folders[1],
      folders[1],
    ]);
  });

  it('reports unreadable results, and shows the others', async () => {
    record('echo', '20261121T120300.000Z', { 'results.json': '{"valid?": tr' });
    record('echo', '20261121T120400.000Z', { 'results.json': '' });
    record('echo', '20261121T120500.000Z', { 'results.json': '{"valid?": "perhaps"}' });
    record('echo', '20261121T120600.000Z', { 'results.json': '[null]' });
    record('echo', '20261121T120700.000Z', { 'results.json/in-a-folder': '' });
    record('echo', '20261121T120800.000Z', { 'results.json': '{"valid?": true, "options": {"nodes": 3, "seed": {}}}' });
    const { status, text } = await ask('/');
    expect(status).toBe(200);
    expect(rows(text).map(([verdict]) => verdict)).toEqual([
      '✓ valid',
      '! unreadableresults.json: this is not a file',
      '! unreadableresults.json: there is no verdict in it',
      '! unreadableresults.json: there is no verdict in it',
      expect.stringMatching(/^! unreadableresults\.json: Unexpected end/),
      expect.stringMatching(/^! unreadableresults\.json: \S/),
    ]);
  });

  it('reads results again that have changed', async () => {
    const run = record('echo', FIRST, { 'results.json': '{"val' });
    const verdict = async () => rows((await ask('/')).text)[0]?.[0];
    expect(await verdict()).toMatch('unreadable');
    record('echo', FIRST, { 'results.json': results() });
    expect(await verdict()).toBe('✓ valid');
    // The same size, but a later time.
    record('echo', FIRST, { 'results.json': JSON.stringify(results()).replace('1234', '4321') });
    utimesSync(join(run, 'results.json'), 1e9, 1e9);
    expect(rows((await ask('/')).text)[0]).toContain('4,321');
  });

  it('shows all kinds of text, and runs none of it', async () => {
    const evil = `"'><script>alert(1)</script>&\x1b`;
    const workload = `<img src=x onerror='a'> &"`;
    record(workload, FIRST, {
      'results.json': results({ program: evil, args: [evil], seed: `${evil}${'x'.repeat(10_000)}` }),
      'report.html': '',
      'a"><b>.log': 'here',
    });
    const { text } = await ask('/');
    expect(text).not.toMatch(/<script|<img|x{200}/);
    expect(rows(text)[0]?.slice(2, 4)).toEqual([
      '&lt;img src=x onerror=&#39;a&#39;&gt; &amp;&quot;',
      expect.stringContaining('&lt;script&gt;alert(1)&lt;/script&gt;&amp;\\u001b'),
    ]);
    const [, files = ''] = links(text);
    const listing = await ask(files.replaceAll('&#39;', "'"));
    expect(listing.text).not.toMatch(/<img|<b>/);
    const file = links(listing.text).find((link) => link.includes('.log')) as string;
    expect((await ask(files.replaceAll('&#39;', "'") + file)).text).toBe('here');
  });

  it('says that no run is recorded, and which command records one', async () => {
    expect((await ask('/')).text).toContain('<p>No run is recorded here. <code>snowstorm test -w echo --store');
  });

  it('is a page with a title, a language, one heading and an accessible table', async () => {
    record('echo', FIRST, { 'results.json': results() });
    const { text, headers } = await ask('/?sorted=1');
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(text).toContain('<title>Recorded runs · Snowstorm</title>');
    expect(text.match(/<h1>|<main>|<caption/g)).toEqual(['<main>', '<h1>', '<caption']);
    expect(text.match(/<th scope="col"/g)).toHaveLength(9);
    expect(text.match(/<th scope="row"/g)).toHaveLength(1);
    expect(text).toContain('<time datetime="2026-11-21T12:03:56.160Z">');
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src 'unsafe-inline';/),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
  });
});

describe('the files of a run', () => {
  const run = `/echo/${FIRST}`;

  it('are served with their types, byte for byte', async () => {
    const history = '{"value":"ä"}\n'.repeat(100_000);
    record('echo', FIRST, {
      'report.html': '<p>report',
      'results.json': '{}',
      'history.jsonl': history,
      'messages.jsonl': '',
      'node-logs/n%2F1.log': 'log',
      'shrunk/report.html': '<p>small',
      core: '\x7fELF',
    });
    const plain = 'text/plain; charset=utf-8';
    for (const [file, type, content] of [
      ['report.html', 'text/html; charset=utf-8', '<p>report'],
      ['results.json', 'application/json; charset=utf-8', '{}'],
      ['history.jsonl', plain, history],
      ['messages.jsonl', plain, ''],
      ['node-logs/n%252F1.log', plain, 'log'],
      ['shrunk/report.html', 'text/html; charset=utf-8', '<p>small'],
      ['core', 'application/octet-stream', '\x7fELF'],
    ] as const) {
      const { status, headers, text } = await ask(`${run}/${file}`);
      expect({ file, status, type: headers['content-type'] }).toEqual({ file, status: 200, type });
      expect(text === content, file).toBe(true);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(content)));
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    }
    // A report has its own script. It may not load or send anything.
    const policy = (await ask(`${run}/report.html`)).headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none';.* script-src 'unsafe-inline'/);
  });

  it('are listed by name and size, also in nested folders', async () => {
    record('echo', FIRST, { 'results.json': '{}', 'node-logs/n1.log': 'x'.repeat(2000) });
    const listing = await ask(`${run}/`);
    expect(links(listing.text)).toEqual(['/', 'node-logs/', 'results.json']);
    const logs = await ask(`${run}/node-logs/`);
    expect(links(logs.text)).toEqual(['/', '../', 'n1.log']);
    expect(logs.text).toContain('<td class="number">2,000</td>');
    expect(logs.text).toContain(`<h1>echo/${FIRST}/node-logs</h1>`);
  });

  it('are found through the links to the latest run, and a folder without its slash', async () => {
    record('echo', FIRST, { 'report.html': 'x' });
    symlinkSync(`echo/${FIRST}`, join(store, 'latest'));
    symlinkSync(FIRST, join(store, 'echo', 'latest'));
    for (const [asked, location] of [
      ['/latest/', `${run}/`],
      ['/latest/report.html', `${run}/report.html`],
      ['/echo/latest/report.html', `${run}/report.html`],
      [run, `${run}/`],
    ] as const) {
      const { status, headers } = await ask(asked);
      expect({ asked, status, location: headers.location }).toEqual({ asked, status: 302, location });
    }
  });

  it('are described for HEAD, and cannot be changed or removed', async () => {
    record('echo', FIRST, { 'results.json': '{}' });
    for (const path of ['/', `${run}/`, `${run}/results.json`]) {
      const get = await ask(path);
      const head = await ask(path, { method: 'HEAD' });
      expect({ path, status: head.status, text: head.text }).toEqual({ path, status: 200, text: '' });
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
        const { status, headers, text } = await ask(path, { method });
        expect({ method, status, allow: headers.allow }).toEqual({ method, status: 405, allow: 'GET, HEAD' });
        expect(text).toBe(`This server is read-only: GET and HEAD, not ${method}.\n`);
      }
    }
  });
});

describe('no path leads out of the store', () => {
  const run = `/echo/${FIRST}`;

  beforeEach(() => {
    writeFileSync(join(folder, 'secret.json'), SECRET);
    mkdirSync(join(folder, FIRST));
    writeFileSync(join(folder, FIRST, 'results.json'), SECRET);
    mkdirSync(join(folder, 'store-2', FIRST), { recursive: true });
    writeFileSync(join(folder, 'store-2', FIRST, 'results.json'), SECRET);
    writeFileSync(join(store, 'beside.json'), SECRET);
    const recorded = record('echo', FIRST, { 'report.html': 'x', 'node-logs/n1.log': 'x' });
    writeFileSync(join(store, 'echo', 'fuzz-seed-1.json'), SECRET);
    symlinkSync(join(folder, 'secret.json'), join(recorded, 'secret.json'));
    symlinkSync(folder, join(recorded, 'outside'));
    symlinkSync(join(folder, FIRST), join(store, 'echo', LATER));
    symlinkSync(join(folder, 'store-2'), join(store, 'twin'));
    symlinkSync('loop', join(recorded, 'loop'));
  });

  it.each([
    '/../secret.json',
    '/%2e%2e/secret.json',
    '/..%2fsecret.json',
    '/..%2Fsecret.json',
    '/%2e%2e%2fsecret.json',
    '/%252e%252e/secret.json',
    '/..%5csecret.json',
    '/..\\secret.json',
    `${run}/../../../secret.json`,
    `${run}/%2e%2e/%2e%2e/%2e%2e/secret.json`,
    `${run}/..%2f..%2f..%2fsecret.json`,
    `${run}/node-logs/../../../../secret.json`,
    `${run}/./report.html`,
    `${run}//report.html`,
    `/${run}/report.html`,
    `${run}/%2Fetc%2Fpasswd`,
    '//etc/passwd',
    `${run}/report.html%00.json`,
    `${run}/report.html/`,
    `${run}/report.html/x`,
    `${run}/secret.json`,
    `${run}/outside/`,
    `${run}/outside/secret.json`,
    `${run}/outside/${FIRST}/results.json`,
    `${run}/loop`,
    `${run}/nothing`,
    `/echo/${LATER}/`,
    `/echo/${LATER}/results.json`,
    `/twin/${FIRST}/results.json`,
    '/twin/',
    '/echo/',
    '/echo/fuzz-seed-1.json',
    '/beside.json',
    '/..',
    '/.',
  ])('by %s', async (path) => {
    const { status, text, headers } = await ask(path);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 404, type: 'text/plain; charset=utf-8' });
    expect(text).toBe(`There is no ${path} in this store; / lists the runs.\n`);
  });

  it.each(['/%', '/%ff', `${run}/%c0%ae%c0%ae/x`, 'http://127.0.0.1/', '*'])(
    'by %s, which is no path',
    async (path) => {
      const { status, text } = await ask(path);
      expect(status).toBe(400);
      expect(text).toBe(`${path} is not a well-formed address.\n`);
    },
  );

  it('not even a name that is too long', async () => {
    expect((await ask(`${run}/${'x'.repeat(1000)}`)).status).toBe(404);
  });

  it('not even links', async () => {
    rmSync(join(store, 'echo', FIRST, 'report.html'));
    symlinkSync(join(folder, 'secret.json'), join(store, 'echo', FIRST, 'results.json'));
    const { text } = await ask('/');
    expect(rows(text)).toHaveLength(1);
    expect(text).toContain('unreadable');
    expect(text).not.toContain('secret');
    expect((await ask(`${run}/`)).text).not.toMatch(/secret|outside|loop/);
  });
});

describe('the host of a request', () => {
  it.each(['localhost', 'localhost:1', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:8080'])(
    'is who asks for %s',
    async (host) => expect((await ask('/', { host })).status).toBe(200),
  );

  it.each([
    'example.com',
    'example.com:8080',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'localhost:8080:1',
    'localhost@example.com',
    '0.0.0.0',
    '::1',
  ])('is not who asks for %j', async (host) => {
    record('echo', FIRST, { 'results.json': SECRET });
    for (const path of ['/', `/echo/${FIRST}/results.json`]) {
      const { status, text } = await ask(path, { host });
      expect(status).toBe(403);
      expect(text).toBe(`This server answers to localhost, 127.0.0.1, [::1] only, not to ${host}.\n`);
    }
  });

  it('may have any name if the server listens for other machines', async () => {
    await server.close();
    server = await StoreServer.start({ store, host: '0.0.0.0', port: 0 });
    expect((await ask('/', { host: 'build-machine:8080' })).status).toBe(200);
  });
});
