/**
 * Reads HTML with SVG in it more strictly than any browser does, so that a test sees what a browser would quietly mend:
 * a tag that is not closed or closes another one, an attribute without quotes or given twice, a character that should
 * have been escaped, a paragraph that a block would end, a number that is none.
 */

const VOID_ELEMENTS: ReadonlySet<string> = new Set(['meta', 'link', 'br', 'hr', 'img', 'input']);
/** Their content is no markup, as far as their own end. */
const RAW_ELEMENTS: ReadonlySet<string> = new Set(['script', 'style']);
/** Where one of them begins, a browser ends the paragraph. */
const ENDS_PARAGRAPH =
  /^(?:div|p|[uod]l|table|details|figure|figcaption|pre|section|nav|main|header|h[1-6]|form|fieldset)$/;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

const TOKEN =
  /<!DOCTYPE html>|<!doctype html>|<\/([a-z][a-z0-9]*)>|<([a-z][a-z0-9]*)((?: [a-zA-Z][a-zA-Z-]*(?:="[^"<>]*")?)*)(\/?)>|[^<>]+/y;
const ATTRIBUTE = / ([a-zA-Z-]+)(?:="([^"]*)")?/g;
const NO_NUMBER = /NaN|Infinity|undefined|\[object|-?\d[eE]-?\d/;
const NUMERIC: ReadonlySet<string> = new Set('d x y width height viewBox style data-end data-at'.split(' '));

export class MarkupElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly parent: MarkupElement | undefined;
  readonly children: (MarkupElement | string)[] = [];

  constructor(name: string, attributes: ReadonlyMap<string, string>, parent: MarkupElement | undefined) {
    this.name = name;
    this.attributes = attributes;
    this.parent = parent;
  }

  /** All text within, as a reader sees it. */
  get text(): string {
    return this.children.map((child) => (typeof child === 'string' ? child : child.text)).join('');
  }

  get classes(): readonly string[] {
    return (this.attributes.get('class') ?? '').split(' ');
  }

  /** Every element within, in their order. */
  descendants(found: MarkupElement[] = []): readonly MarkupElement[] {
    for (const child of this.children) {
      if (typeof child === 'string') continue;
      found.push(child);
      child.descendants(found);
    }
    return found;
  }

  isWithin(name: string): boolean {
    return this.name === name || (this.parent?.isWithin(name) ?? false);
  }

  /** Elements within by `name`, `.class`, `name.class` or `#id`. */
  all(selector: string): readonly MarkupElement[] {
    const [, name, kind, id] = /^([a-z0-9]*)(?:\.([\w-]+))?(?:#([\w-]+))?$/.exec(selector) ?? [];
    return this.descendants().filter(
      (element) =>
        (name === '' || element.name === name) &&
        (kind === undefined || element.classes.includes(kind)) &&
        (id === undefined || element.attributes.get('id') === id),
    );
  }

  /** Their texts. */
  texts(selector: string): readonly string[] {
    return this.all(selector).map(({ text }) => text);
  }

  /** The one that there is. */
  one(selector: string): MarkupElement {
    const found = this.all(selector);
    if (found.length !== 1) throw new Error(`${found.length} elements are ${selector}`);
    return found[0] as MarkupElement;
  }
}

/** Throws at the first thing that is not as it should be. The element returned holds everything. */
export function readMarkup(text: string): MarkupElement {
  const root = new MarkupElement('', new Map(), undefined);
  let open = root;
  let at = 0;
  const wrong = (what: string) => new Error(`${what} at ${at}: ${JSON.stringify(text.slice(at, at + 120))}`);
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw wrong('no markup');
    const [token, closed, opened, attributes = '', selfClosed] = match;
    if (closed !== undefined) {
      if (closed !== open.name) throw wrong(`<${open.name}> is open`);
      open = open.parent as MarkupElement;
    } else if (opened !== undefined) {
      const element = new MarkupElement(opened, readAttributes(attributes, wrong), open);
      const inGraphic = opened === 'svg' || open.isWithin('svg');
      if (selfClosed === '/' && !inGraphic) throw wrong(`<${opened}/> is not closed in HTML`);
      if (ENDS_PARAGRAPH.test(opened) && open.isWithin('p')) throw wrong(`<${opened}> ends the paragraph`);
      open.children.push(element);
      if (RAW_ELEMENTS.has(opened)) {
        const end = text.indexOf(`</${opened}>`, TOKEN.lastIndex);
        if (end < 0) throw wrong(`<${opened}> has no end`);
        element.children.push(text.slice(TOKEN.lastIndex, end));
        TOKEN.lastIndex = end + opened.length + 3;
      } else if (selfClosed === '' && !VOID_ELEMENTS.has(opened)) open = element;
    } else if (!token.startsWith('<')) open.children.push(decoded(token, wrong));
    at = TOKEN.lastIndex;
  }
  if (open !== root) throw wrong(`<${open.name}> is never closed`);
  return root;
}

function readAttributes(text: string, wrong: (what: string) => Error): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(ATTRIBUTE)) {
    if (attributes.has(name)) throw wrong(`${name} twice`);
    if (NUMERIC.has(name) && NO_NUMBER.test(value)) throw wrong(`${name}="${value}"`);
    if ((name === 'width' || name === 'height') && value.startsWith('-')) throw wrong(`${name}="${value}"`);
    attributes.set(name, decoded(value, wrong));
  }
  return attributes;
}

function decoded(text: string, wrong: (what: string) => Error): string {
  if (/\p{Cs}|[^\P{Cc}\n\t]/u.test(text)) throw wrong('a character that no page may have');
  return text.replaceAll(/&([^;]*;?)/g, (entity, name: string) => {
    const character = name.endsWith(';') ? ENTITIES[name.slice(0, -1)] : undefined;
    if (character === undefined) throw wrong(`the entity ${entity.slice(0, 12)}`);
    return character;
  });
}

/** What refers to an element that is not there, or there more than once; and ids that several elements have. */
export function brokenReferences(root: MarkupElement): readonly string[] {
  const counts = new Map<string, number>();
  const broken: string[] = [];
  const elements = root.descendants();
  for (const { attributes } of elements) {
    const id = attributes.get('id');
    if (id === undefined) continue;
    if (!/^[\w-]+$/.test(id) || counts.has(id)) broken.push(`id ${id}`);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const { name, attributes } of elements) {
    const ids = ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for'].flatMap(
      (attribute) => attributes.get(attribute)?.split(' ') ?? [],
    );
    const href = attributes.get('href');
    if (href?.startsWith('#') === true) ids.push(href.slice(1));
    for (const [, id = ''] of [...attributes.values()].flatMap((value) => [...value.matchAll(/url\(#([^)]*)\)/g)]))
      ids.push(id);
    for (const id of ids) if (counts.get(id) !== 1) broken.push(`${name} refers to ${id}`);
  }
  return broken;
}

/** Attributes that make a browser fetch something, or run it. */
export function outsideReferences(root: MarkupElement): readonly string[] {
  return root.descendants().flatMap(({ name, attributes }) =>
    [...attributes].flatMap(([attribute, value]) => {
      const fetches = /^(?:src|srcset|action|data|poster|xlink:href|on.*)$/.test(attribute);
      const leaves = attribute === 'href' && /^\s*(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(value);
      const styled = /url\((?!#)/i.test(value) && (attribute === 'style' || attribute.startsWith('marker'));
      return fetches || leaves || styled ? `<${name} ${attribute}="${value}">` : [];
    }),
  );
}
