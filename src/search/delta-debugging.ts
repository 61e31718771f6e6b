/**
 * Delta debugging: the items of a list without which a predicate does not hold. Zeller and Hildebrandt, "Simplifying
 * and Isolating Failure-Inducing Input" (2002).
 *
 * Of their ddmin only the complements are tried, from halves down to single items. After a removal a pass continues at
 * the same place, not at the start. So it finds the few important items among n in a small multiple of log n trials.
 * The result is theirs: no single item can be removed.
 */

/**
 * Removes items while `fails` holds for the rest, which keeps its order. The caller knows that it holds for all of
 * them.
 *
 * @param over asked between two trials; true ends the search, with the best result so far
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
      // The empty list is known not to fail.
      if (rest.length > 0 && (await fails(rest))) kept = rest;
      else start += chunkLength;
    }
    if (over() || (chunkLength === 1 && kept.length === lengthBefore)) return kept;
    chunkLength = Math.ceil(Math.min(chunkLength, kept.length) / 2);
  }
}
