/** The beginning of a text, for people; with a sign where that is not all. A pair of surrogates is not cut in two. */
export function excerpt(text: string, lengthMax: number, mark = '…'): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax).replace(/[\uD800-\uDBFF]$/, '')}${mark}` : text;
}
