import { describe, expect, it } from 'vitest';
import { escapeInvisible, escapeToOneLine, nameInvisible } from '../../src/protocol/invisible.ts';

describe('an invisible character', () => {
  it.each([
    ['\uFEFF{}', 'U+FEFF (byte order mark)'],
    ['\u0000', 'U+0000 (NUL, as in UTF-16)'],
    ['\u0007', 'U+0007'],
    ['\u3164', 'U+3164'],
    ['\u{E0041}', 'U+E0041'],
    ['\uD800', 'U+D800'],
  ])('at the beginning of %j is %s', (text, name) => {
    expect(nameInvisible(text)).toBe(name);
  });

  it.each(['', ' ', 'a\uFEFF', 'é', '💥', '{', '字'])('is not at the beginning of %j', (text) => {
    expect(nameInvisible(text)).toBeUndefined();
  });

  it('is written as an escape, and nothing else is', () => {
    expect(escapeInvisible('a b\u00a0\ufeff\u200b\u001b[2J\u202e\u{E0041}é💥 字')).toBe(
      'a b\\u00a0\\ufeff\\u200b\\u001b[2J\\u202e\\u{e0041}é💥 字',
    );
  });

  it('is written as an escape on one line, with a sign for a line break', () => {
    expect(escapeToOneLine('a\nb\u001b[2J \u009b')).toBe('a ⏎ b\\u001b[2J \\u009b');
  });
});
