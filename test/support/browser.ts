/**
 * A browser for tests of pages: chromium without a window, spoken to over its DevTools protocol.
 *
 * The protocol runs over two pipes, as JSON with a NUL behind every message, because Node 20 has no WebSocket; a
 * browser also ends by itself when its pipes close, so none outlives a test that was killed. Every page has a profile
 * and a window of its own: pages share nothing, and none is throttled for being in the background. Nothing waits but
 * for what the browser says has happened.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { findProgram } from './programs.ts';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
const COMMAND_MS_MAX = 20_000;
const CLOSE_MS_MAX = 2_000;
const STDERR_CHARS_MAX = 4_000;
const DRAG_STEPS = 5;

const FLAGS = [
  '--headless',
  '--no-sandbox', // Tests run as root in containers, where there is none to be had.
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-startup-window',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-smooth-scrolling',
  '--hide-scrollbars',
  '--disable-dev-shm-usage',
  '--remote-debugging-pipe',
];

/** The browser of this machine; says so loudly if there is none. */
export function findBrowser(what: string): string | undefined {
  return findProgram(what, { names: PROGRAMS, debian: 'chromium', variable: 'CHROMIUM' });
}

type Params = Readonly<Record<string, unknown>>;
// biome-ignore lint/suspicious/noExplicitAny: the protocol's objects come in hundreds of shapes
type ProtocolObject = any;
type Listener = (method: string, params: ProtocolObject) => void;

interface Pending {
  readonly sessionId: string | undefined;
  readonly resolve: (result: ProtocolObject) => void;
  readonly reject: (error: Error) => void;
}

/** Commands and their answers, by number, and the events of every session. */
class Connection {
  readonly #output: Writable;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, Listener>();
  #parts: Buffer[] = [];
  #number = 0;
  #closed: Error | undefined;

  constructor(output: Writable, input: Readable) {
    this.#output = output;
    // A broken pipe is the end of the browser, which tells its reason itself.
    output.on('error', () => {});
    input.on('error', () => {});
    input.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  listen(sessionId: string, listener: Listener): void {
    this.#listeners.set(sessionId, listener);
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<ProtocolObject> {
    if (this.#closed !== undefined) return Promise.reject(new Error(`${method}: ${this.#closed.message}`));
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        action();
      };
      const fail = (error: Error) => settle(() => reject(new Error(`${method}: ${error.message}`)));
      const timer = setTimeout(() => fail(new Error(`no answer within ${COMMAND_MS_MAX / 1000} s`)), COMMAND_MS_MAX);
      this.#pending.set(id, { sessionId, resolve: (result) => settle(() => resolve(result)), reject: fail });
      this.#output.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Rejects what is pending: all of one session, or all there is and ever will be. */
  fail(error: Error, sessionId?: string): void {
    if (sessionId === undefined) this.#closed = error;
    for (const pending of [...this.#pending.values()]) {
      if (sessionId === undefined || pending.sessionId === sessionId) pending.reject(error);
    }
  }

  #receive(chunk: Buffer): void {
    let begin = 0;
    for (let end = chunk.indexOf(0); end !== -1; end = chunk.indexOf(0, begin)) {
      this.#parts.push(chunk.subarray(begin, end));
      this.#dispatch(JSON.parse(Buffer.concat(this.#parts).toString()));
      this.#parts = [];
      begin = end + 1;
    }
    this.#parts.push(chunk.subarray(begin));
  }

  #dispatch({ id, error, result, method, params, sessionId }: ProtocolObject): void {
    if (id === undefined) this.#listeners.get(sessionId)?.(method, params);
    else if (error === undefined) this.#pending.get(id)?.resolve(result);
    else this.#pending.get(id)?.reject(new Error([error.message, error.data].filter(Boolean).join(' ')));
  }
}

export class Browser {
  /** The folder of its profile, which is gone when it is closed. It stands on the command line of the browser. */
  readonly profile = mkdtempSync(join(tmpdir(), 'snowstorm-browser-'));
  readonly #child: ChildProcess;
  readonly #connection: Connection;
  readonly #ended: Promise<void>;
  #stderr = '';

  private constructor(program: string) {
    // It writes into its user's folders too, whatever profile it is given.
    const env = { ...process.env, HOME: this.profile, XDG_CONFIG_HOME: this.profile, XDG_CACHE_HOME: this.profile };
    // A process group of its own, so that nothing it starts can be left over.
    this.#child = spawn(program, [...FLAGS, `--user-data-dir=${this.profile}`], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
      env,
    });
    const [, , stderr, output, input] = this.#child.stdio;
    this.#connection = new Connection(output as Writable, input as Readable);
    (stderr as Readable).setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        // It complains at length of buses that containers do not have.
        const said = this.#stderr.split('\n').filter((line) => !line.includes('dbus/'));
        this.#connection.fail(new Error([reason, ...said].join('\n').trimEnd()));
        resolve();
      };
      this.#child.on('error', (error) => end(`the browser does not start: ${error.message}`));
      this.#child.on('exit', (status, signal) => end(`the browser has ended (${signal ?? status})`));
    });
  }

  static async launch(program: string): Promise<Browser> {
    const browser = new Browser(program);
    try {
      await browser.#connection.send('Browser.getVersion');
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  async newPage(options: PageOptions): Promise<Page> {
    const { browserContextId } = await this.#connection.send('Target.createBrowserContext');
    const target = { url: 'about:blank', browserContextId, newWindow: true };
    const { targetId } = await this.#connection.send('Target.createTarget', target);
    const { sessionId } = await this.#connection.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this.#connection, sessionId, browserContextId, options);
    await page.prepare();
    return page;
  }

  /** Ends the browser for certain, with all that it has started. */
  async close(): Promise<void> {
    this.#connection.send('Browser.close').catch(() => {});
    const timer = setTimeout(() => this.#kill(), CLOSE_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
    this.#kill();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }

  #kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // There is nothing left.
    }
  }
}

export interface PageOptions {
  readonly width: number;
  readonly height: number;
  /** Default: light. */
  readonly colorScheme?: 'light' | 'dark';
  /** Whether the page's own scripts run; `evaluate` does in any case. Default: true. */
  readonly scripts?: boolean;
  readonly forcedColors?: boolean;
}

export interface AccessibleNode {
  readonly role: string;
  readonly name: string;
  readonly ignored: boolean;
  /** The node in the document, as a `backendNodeId` of the protocol. */
  readonly nodeId: number | undefined;
}

export type Modifier = 'Alt' | 'Control' | 'Meta' | 'Shift';
const MODIFIER_BITS: Readonly<Record<Modifier, number>> = { Alt: 1, Control: 2, Meta: 4, Shift: 8 };

const NAMED_KEYS: Readonly<Record<string, { keyCode: number; code?: string; text?: string }>> = {
  Tab: { keyCode: 9 },
  Enter: { keyCode: 13, text: '\r' },
  Escape: { keyCode: 27 },
  ' ': { keyCode: 32, code: 'Space', text: ' ' },
  End: { keyCode: 35 },
  Home: { keyCode: 36 },
  ArrowLeft: { keyCode: 37 },
  ArrowUp: { keyCode: 38 },
  ArrowRight: { keyCode: 39 },
  ArrowDown: { keyCode: 40 },
};

/** What the browser needs to know of a key in order to do what it does by default. */
function describeKey(key: string): { keyCode: number; code: string; text?: string } {
  const named = NAMED_KEYS[key];
  if (named !== undefined) return { code: key, ...named };
  if ([...key].length !== 1) throw new Error(`there is no key "${key}" here`);
  const upper = key.toUpperCase();
  if (/^[A-Z]$/.test(upper)) return { keyCode: upper.charCodeAt(0), code: `Key${upper}`, text: key };
  if (/^\d$/.test(key)) return { keyCode: key.charCodeAt(0), code: `Digit${key}`, text: key };
  return { keyCode: 0, code: '', text: key }; // Where it lies depends on the keyboard.
}

/** Two frames: what was asked for in the first is on the screen in the second. */
const TWO_FRAMES = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))';

export class Page {
  /**
   * Everything that went wrong in the page, in words, from its beginning: exceptions, the console, the log, the
   * network.
   */
  readonly errors: readonly string[] = [];
  /** The URL of everything that the page asked for, itself included, from its beginning; also what it was not given. */
  readonly requests: readonly string[] = [];
  readonly mouse: Mouse;
  readonly #connection: Connection;
  readonly #sessionId: string;
  readonly #browserContextId: string;
  readonly #options: PageOptions;
  readonly #urls = new Map<string, string>();
  readonly #loaded = new Set<string>();
  #onLoad: () => void = () => {};

  constructor(connection: Connection, sessionId: string, browserContextId: string, options: PageOptions) {
    this.#connection = connection;
    this.#sessionId = sessionId;
    this.#browserContextId = browserContextId;
    this.#options = options;
    this.mouse = new Mouse(
      (event) => this.send('Input.dispatchMouseEvent', event),
      () => this.drawn(),
    );
    connection.listen(sessionId, (method, params) => this.#receive(method, params));
  }

  /** For `Browser.newPage`. */
  async prepare(): Promise<void> {
    const { width, height, colorScheme = 'light', scripts = true, forcedColors = false } = this.#options;
    const features = [
      { name: 'prefers-color-scheme', value: colorScheme },
      { name: 'forced-colors', value: forcedColors ? 'active' : 'none' },
    ];
    await Promise.all([
      this.send('Page.enable'),
      this.send('Page.setLifecycleEventsEnabled', { enabled: true }),
      this.send('Runtime.enable'),
      this.send('Log.enable'),
      this.send('Network.enable'),
      this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false }),
      this.send('Emulation.setEmulatedMedia', { features }),
      this.send('Emulation.setFocusEmulationEnabled', { enabled: true }),
      this.send('Emulation.setScriptExecutionDisabled', { value: !scripts }),
    ]);
  }

  /** A command of the protocol, for what has no method of its own here. */
  send(method: string, params: Params = {}): Promise<ProtocolObject> {
    return this.#connection.send(method, params, this.#sessionId);
  }

  /** Resolves when the page has loaded and its first frames are through. */
  async goto(url: string): Promise<void> {
    const { loaderId, errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    // There is no loader where only the fragment changes.
    if (loaderId !== undefined) await this.#load(loaderId, url);
    if (this.#options.scripts !== false) await this.evaluate(TWO_FRAMES);
  }

  /** Resolves when what has happened so far is on the screen. */
  async drawn(): Promise<void> {
    if (this.#options.scripts !== false) return this.evaluate(TWO_FRAMES);
    // Where no script runs, no frame is told; a picture needs one.
    await this.send('Page.captureScreenshot', { clip: { x: 0, y: 0, width: 1, height: 1, scale: 1 } });
  }

  /** The value of an expression, or of what it promises, as JSON carries it. */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', asked);
    if (exceptionDetails !== undefined) throw new Error(exceptionText(exceptionDetails));
    return result.value;
  }

  /** Writes a PNG. */
  async screenshot(file: string, { fullPage = false }: { readonly fullPage?: boolean } = {}): Promise<void> {
    const { cssContentSize } = await this.send('Page.getLayoutMetrics');
    const whole = { captureBeyondViewport: true, clip: { ...cssContentSize, scale: 1 } };
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', ...(fullPage && whole) });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async hover(selector: string): Promise<void> {
    const { x, y } = await this.#middleOf(selector);
    await this.mouse.move(x, y);
  }

  async click(selector: string): Promise<void> {
    const { x, y } = await this.#middleOf(selector);
    await this.mouse.click(x, y);
  }

  /** Presses and releases a key, by the name that `KeyboardEvent.key` has for it; the modifiers only as flags on it. */
  async press(key: string, modifiers: readonly Modifier[] = []): Promise<void> {
    const { keyCode, code, text } = describeKey(key);
    const held = /^[A-Z]$/.test(key) ? [...modifiers, 'Shift' as const] : modifiers;
    const writes = text !== undefined && held.every((modifier) => modifier === 'Shift');
    const event = {
      key,
      code,
      windowsVirtualKeyCode: keyCode,
      modifiers: held.reduce((bits, modifier) => bits | MODIFIER_BITS[modifier], 0),
    };
    await this.send('Input.dispatchKeyEvent', {
      ...event,
      ...(writes ? { type: 'keyDown', text } : { type: 'rawKeyDown' }),
    });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  /** Presses a key for every character. */
  async type(text: string): Promise<void> {
    for (const character of text) await this.press(character === '\n' ? 'Enter' : character);
  }

  /** What assistive technology is given, in the order of the document. */
  async accessibilityTree(): Promise<AccessibleNode[]> {
    const { nodes } = await this.send('Accessibility.getFullAXTree');
    const byId = new Map<string, ProtocolObject>(nodes.map((node: ProtocolObject) => [node.nodeId, node]));
    const walk = (node: ProtocolObject): AccessibleNode[] => {
      const { role, name, ignored, backendDOMNodeId: nodeId, childIds = [] } = node;
      const children = childIds.flatMap((id: string) => (byId.has(id) ? walk(byId.get(id)) : []));
      return [{ role: role?.value ?? '', name: name?.value ?? '', ignored, nodeId }, ...children];
    };
    return nodes.length === 0 ? [] : walk(nodes[0]);
  }

  /** The value of a function of the page (`function () { … this … }`), called on a node of the accessibility tree. */
  async evaluateOn<T>(nodeId: number, functionDeclaration: string): Promise<T> {
    const { object } = await this.send('DOM.resolveNode', { backendNodeId: nodeId });
    const asked = { objectId: object.objectId, functionDeclaration, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.callFunctionOn', asked);
    if (exceptionDetails !== undefined) throw new Error(exceptionText(exceptionDetails));
    return result.value;
  }

  async close(): Promise<void> {
    await this.#connection.send('Target.disposeBrowserContext', { browserContextId: this.#browserContextId });
  }

  #load(loaderId: string, url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = new Error(`${url}: did not load within ${COMMAND_MS_MAX / 1000} s`);
      const timer = setTimeout(() => reject(late), COMMAND_MS_MAX);
      this.#onLoad = () => {
        if (!this.#loaded.has(loaderId)) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onLoad();
    });
  }

  /** The middle of the element's first rectangle, which is brought into the viewport if it is not there. */
  #middleOf(selector: string): Promise<{ x: number; y: number }> {
    return this.evaluate(`((selector) => {
      const element = document.querySelector(selector);
      if (element === null) throw new Error('there is no ' + selector);
      const middle = () => {
        const rectangle = element.checkVisibility() && element.getClientRects()[0];
        if (!rectangle) throw new Error(selector + ' is not shown');
        return { x: rectangle.x + rectangle.width / 2, y: rectangle.y + rectangle.height / 2 };
      };
      const { x, y } = middle();
      // Something else is at this point when a scrolling ancestor has the element out of sight.
      if (!element.contains(document.elementFromPoint(x, y))) {
        element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
      }
      return middle();
    })(${JSON.stringify(selector)})`);
  }

  #receive(method: string, params: ProtocolObject): void {
    const requests = this.requests as string[];
    switch (method) {
      case 'Page.lifecycleEvent':
        if (params.name !== 'load') return;
        this.#loaded.add(params.loaderId);
        this.#onLoad();
        return;
      case 'Page.javascriptDialogOpening':
        this.#note(`dialog: ${params.message}`);
        this.send('Page.handleJavaScriptDialog', { accept: true }).catch(() => {});
        return;
      case 'Runtime.exceptionThrown':
        this.#note(`exception: ${exceptionText(params.exceptionDetails)}`);
        return;
      case 'Runtime.consoleAPICalled':
        if (!['error', 'warning', 'assert'].includes(params.type)) return;
        this.#note(`console.${params.type}: ${params.args.map(wordsOf).join(' ')}`);
        return;
      case 'Log.entryAdded':
        if (!['error', 'warning'].includes(params.entry.level)) return;
        this.#note([`${params.entry.source}: ${params.entry.text}`, params.entry.url].filter(Boolean).join(' '));
        return;
      case 'Network.requestWillBeSent':
        this.#urls.set(params.requestId, params.request.url);
        requests.push(params.request.url);
        return;
      case 'Network.loadingFailed': {
        // One that is forbidden has a reason in place of an error.
        const { errorText, blockedReason } = params;
        this.#note(`not loaded: ${this.#urls.get(params.requestId)} ${errorText || blockedReason}`);
        return;
      }
      case 'Inspector.targetCrashed':
        this.#note('the page has crashed');
        this.#connection.fail(new Error('the page has crashed'), this.#sessionId);
        return;
    }
  }

  #note(error: string): void {
    (this.errors as string[]).push(error);
  }
}

/** The left button, and the wheel. */
export class Mouse {
  readonly #dispatch: (event: Params) => Promise<unknown>;
  readonly #drawn: () => Promise<void>;

  constructor(dispatch: (event: Params) => Promise<unknown>, drawn: () => Promise<void>) {
    this.#dispatch = dispatch;
    this.#drawn = drawn;
  }

  async move(x: number, y: number): Promise<void> {
    await this.#dispatch({ type: 'mouseMoved', x, y });
  }

  async click(x: number, y: number): Promise<void> {
    await this.drag(x, y, x, y);
  }

  async drag(fromX: number, fromY: number, toX: number, toY: number): Promise<void> {
    const left = { button: 'left', clickCount: 1 };
    await this.move(fromX, fromY);
    await this.#dispatch({ type: 'mousePressed', x: fromX, y: fromY, buttons: 1, ...left });
    const steps = fromX === toX && fromY === toY ? 0 : DRAG_STEPS;
    for (let step = 1; step <= steps; step++) {
      const x = fromX + ((toX - fromX) * step) / steps;
      const y = fromY + ((toY - fromY) * step) / steps;
      await this.#dispatch({ type: 'mouseMoved', x, y, button: 'left', buttons: 1 });
    }
    await this.#dispatch({ type: 'mouseReleased', x: toX, y: toY, buttons: 0, ...left });
  }

  /** Resolves when what it scrolls has been scrolled. */
  async wheel(x: number, y: number, deltaY: number): Promise<void> {
    await this.#dispatch({ type: 'mouseWheel', x, y, deltaX: 0, deltaY });
    await this.#drawn();
  }
}

function exceptionText({ text, exception }: ProtocolObject): string {
  return exception === undefined ? text : wordsOf(exception);
}

/** A value of the page as its console would show it, in short. */
function wordsOf({ value, description, type }: ProtocolObject): string {
  return typeof value === 'string' ? value : (description ?? JSON.stringify(value) ?? type);
}
