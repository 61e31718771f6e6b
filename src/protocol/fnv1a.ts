/** FNV-1a (Fowler, Noll, Vo), 32 bits, a UTF-16 unit a step: signed. Its low bits are good only after some mixing. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
