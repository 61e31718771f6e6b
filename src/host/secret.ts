/** A secret of an operator, as it stands in a file. */

export const SECRET_BYTES = 32;

/**
 * Throws an Error that says what is wrong with the secret.
 *
 * @param content at least 32 bytes; one line break at the end is left out
 */
export function secretOf(content: Buffer): Buffer {
  const secret = content.subarray(0, content.toString('latin1').replace(/\r?\n$/, '').length);
  if (secret.length < SECRET_BYTES)
    throw new Error(`a secret has at least ${SECRET_BYTES} bytes, this one has ${secret.length}`);
  return secret;
}
