/**
 * Delta debugging: what is left of a list when everything is taken out without which a predicate still holds. Zeller
 * and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).
 *
 * Of their ddmin only the complements are tried, from halves down to single items, and a pass goes on where something
 * was taken out instead of from the start. So the few items that matter among n are found in a small multiple of log n
 * trials, and the result is theirs: no single item can be left out.
 */

/**
 * Takes items out for as long as `fails` holds for the rest, whose order stays as it was. That it holds for all of them
 * is taken for granted.
 *
 * @param over asked between two trials; true ends the search, with the best so far
 */
export async function ddmin<Item>(
  items: readonly Item[],
  fails: (kept: readonly Item[]) => Promise<boolean>,
  over: () => boolean = () => false,
): Promise<readonly Item[]> {
  if (items.length === 0 || (await fails([]))) return [];
  let kept = items;
  let chunkLength = Math.ceil(kept.length / 2);
  for (;;) {
    const lengthBefore = kept.length;
    for (let start = 0; start < kept.length && !over(); ) {
      const rest = [...kept.slice(0, start), ...kept.slice(start + chunkLength)];
      // That nothing at all does not do is known.
      if (rest.length > 0 && (await fails(rest))) kept = rest;
      else start += chunkLength;
    }
    if (over() || (chunkLength === 1 && kept.length === lengthBefore)) return kept;
    chunkLength = Math.ceil(Math.min(chunkLength, kept.length) / 2);
  }
}
