/** The beginning of a text, for people; with a sign where that is not all. */
export function excerpt(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
}
