/**
 * Guesses the option that an unknown one stands for: a misspelt one, or one pasted from a page with dashes in place of
 * hyphens.
 */

/** Characters that look like hyphens: dashes and minus signs. */
const DASHES = '\u2010-\u2015\u2212\ufe58\ufe63\uff0d';
/** A word that would be an option if its first characters were hyphens. */
const DASHED = new RegExp(`^(?=-*[${DASHES}])[-${DASHES}]+([A-Za-z].*)$`);
const ONE_HYPHEN = /^-([A-Za-z].+)$/;
/** A guess may have one mistake for so many characters, and at least one. */
const LENGTH_PER_MISTAKE = 3;

type Names = Readonly<Record<string, { readonly short?: string }>>;

/** A word of the command line without its value: `--rate` of `--rate=5`. */
export function optionWord(word: string): string {
  return /^[^=]*/.exec(word)?.[0] || word;
}

/** The error for an option with a dash in place of its hyphen; undefined for other words. */
export function findDashedOption(options: Names, word: string): string | undefined {
  const [, name] = DASHED.exec(word) ?? [];
  if (name === undefined) return undefined;
  return `Unknown option '${word}': its dash is not a hyphen${guess(options, name)}`;
}

/** The error for a long name after a single hyphen; undefined for other words. */
export function findOneHyphen(options: Names, word: string): string | undefined {
  const [, name] = ONE_HYPHEN.exec(word) ?? [];
  return name !== undefined && Object.hasOwn(options, name) ? describeUnknownOption(options, word) : undefined;
}

/** The error for an unknown option, with the nearest known one if it is near. */
export function describeUnknownOption(options: Names, word: string): string {
  return `Unknown option '${word}'${guess(options, word.replace(/^-+/, ''))}`;
}

function guess(options: Names, name: string): string {
  const short = Object.values(options).find((option) => option.short === name)?.short;
  const meant = short === undefined ? nearestName(Object.keys(options), name) : short;
  if (meant === undefined) return '';
  return `; did you mean ${short === undefined ? '--' : '-'}${meant}?`;
}

/** The name that a misspelt one stands for; undefined if none is near. A single letter is not guessed. */
export function nearestName(names: readonly string[], given: string): string | undefined {
  if (given.length < 2) return undefined;
  const plain = given.toLowerCase().replaceAll('_', '-');
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(given.length / LENGTH_PER_MISTAKE)) + 1;
  for (const name of names) {
    const distance = editDistance(plain, name.toLowerCase());
    if (distance >= least) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

/** How many characters must be added, removed or changed to turn one into the other (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const changed = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
