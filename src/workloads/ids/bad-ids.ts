/**
 * Texts that are not ids, by name: the values of `guid_status` that must be refused with error 12. Parsers of some
 * languages read most of them as numbers, and so as the id of another request.
 */

const SNOWFLAKE = '595172839467794432';
const UUID = '0199c1a2-7b3c-7001-8041-5f2d9e8c7b6a';

export const BAD_IDS: ReadonlyMap<string, { readonly id?: unknown }> = new Map(
  Object.entries({
    missing: {},
    null: { id: null },
    boolean: { id: true },
    integer: { id: 595_172_839_467 },
    fraction: { id: 1.5 },
    list: { id: [SNOWFLAKE] },
    object: { id: { id: SNOWFLAKE } },
    empty: { id: '' },
    letters: { id: 'snowflake' },
    negative: { id: '-1' },
    'plus-sign': { id: `+${SNOWFLAKE}` },
    'white-space': { id: ` ${SNOWFLAKE}` },
    'line-break': { id: `${SNOWFLAKE}\n` },
    'leading-zero': { id: `0${SNOWFLAKE}` },
    'fraction-text': { id: `${SNOWFLAKE}.0` },
    exponent: { id: '5e17' },
    hexadecimal: { id: '0x842748a77a40000' },
    separators: { id: '595_172_839_467_794_432' },
    'arabic-digits': { id: '٥٩٥١٧٢٨٣٩٤٦٧٧٩٤٤٣٢' },
    '2^64': { id: '18446744073709551616' },
    '10-kilobytes': { id: '9'.repeat(10_000) },
    'upper-case-uuid': { id: UUID.toUpperCase() },
    'uuid-version-4': { id: '9f4c1d5e-3b2a-4c6d-8e7f-0a1b2c3d4e5f' },
    'uuid-variant-of-microsoft': { id: '0199c1a2-7b3c-7001-c041-5f2d9e8c7b6a' },
    'uuid-without-hyphens': { id: UUID.replaceAll('-', '') },
    'uuid-in-braces': { id: `{${UUID}}` },
    'uuid-with-a-letter-too-many': { id: `${UUID}0` },
    // A version 7 UUID, but from before the first id.
    'uuid-of-2022': { id: '0180e2a2-7b3c-7001-8041-5f2d9e8c7b6a' },
    'nil-uuid': { id: '00000000-0000-0000-0000-000000000000' },
  }),
);
