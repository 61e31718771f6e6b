/** The beginning of a text, for people. A longer text ends in a mark. No surrogate pair is cut in two. */
export function excerpt(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax).replace(/[\uD800-\uDBFF]$/, '')}…` : text;
}
