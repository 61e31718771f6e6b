/**
 * A copy of a text that is to be kept. In V8 a slice of 13 characters or more is a view of the whole text. A line may
 * have megabytes. As long as a name from it is remembered, the whole line, or the chunk it came in, would stay in
 * memory.
 */
export function detached(text: string): string {
  // Concatenating, then slicing, makes V8 copy the characters.
  return `.${text}`.slice(1);
}
