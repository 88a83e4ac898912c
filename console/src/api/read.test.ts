// Is every string harmless to show, and the file what the server sent?
import { expect, it } from 'vitest';
import { asSent, read } from './read';

const HOSTILE = '\u001b[31m\u202egnp.exe\u0000';

it('shows what is hidden, and gives it back as it was', () => {
  const rows = [
    { name: HOSTILE, score: 7, tags: ['plain', HOSTILE, { [HOSTILE]: HOSTILE, fine: { deep: HOSTILE, none: null } }] },
    { name: 'plain', text: 'a\tb\nc', list: [] },
  ];
  const shown = read(JSON.stringify(rows)) as typeof rows;
  expect(shown[0]?.name).toBe('\\x1b[31m\\u{202e}gnp.exe\\x00');
  expect(JSON.stringify(shown)).not.toMatch(/\u202e|\\u0000|\\u001b/);
  expect(asSent(shown)).toEqual(rows);
  // Rows in another order are the same rows.
  expect(asSent([shown[1], shown[0]])).toEqual([rows[1], rows[0]]);
});

it('tells texts apart that look the same when shown', () => {
  const rows = [{ name: '\u0001' }, { name: '\\x01' }];
  expect(asSent(read(JSON.stringify(rows)))).toEqual(rows);
});

it('takes no name for more than a name', () => {
  const text = `{"__proto__":{"bad":"${'\\u202e'}"},"a\\u202e":1}`;
  const shown = read(text) as { bad?: string };
  expect(shown.bad).toBeUndefined();
  expect(({} as { bad?: string }).bad).toBeUndefined();
  expect(JSON.stringify(asSent(shown))).toBe(JSON.stringify(JSON.parse(text)));
});
