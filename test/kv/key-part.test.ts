import { expect, it } from 'vitest';
import { keyPart } from '../../src/kv/key-part.ts';
import { RpcError } from '../../src/protocol/errors.ts';

it('leaves a plain name as it is, and encodes what separates parts or encodes', () => {
  expect(['ada', 'a/b', 'a%2Fb', 'ä', ''].map((name) => keyPart('user', name))).toEqual([
    'ada',
    'a%2Fb',
    'a%252Fb',
    '%C3%A4',
    '',
  ]);
});

it('refuses a name that is not well-formed text, with the name of its field', () => {
  const error = RpcError.of('malformed-request', 'body.user: is not well-formed text');
  expect(() => keyPart('user', 'half \ud83d')).toThrow(error);
  expect(error.code).toBe(12);
});
