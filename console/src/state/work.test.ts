// Does an undo make an alert as it was, and not merely something else?
import { expect, it } from 'vitest';
import { differs, inverse, type Standing } from './work';

const open: Standing = { id: 'aa', status: 'open' };

it('gives a closed alert back how it stood', () => {
  const close = { do: 'resolve', resolution: 'expected' } as const;
  expect(inverse(close, { ...open, status: 'contained' })).toEqual([{ do: 'status', status: 'contained' }]);
  expect(inverse(close, { ...open, status: 'resolved', resolution: 'testing' })).toEqual([{ do: 'resolve', resolution: 'testing' }]);
  expect(inverse({ do: 'status', status: 'investigating' }, open)).toEqual([{ do: 'status', status: 'open' }]);
});

it('gives an alert back to whom it was, and to nobody', () => {
  const assign = { do: 'assign', assignee: 'eva' } as const;
  expect(inverse(assign, { ...open, status: 'investigating', assignee: 'ada' })).toEqual([{ do: 'assign', assignee: 'ada' }]);
  expect(inverse(assign, open)).toEqual([{ do: 'assign', assignee: null }, { do: 'status', status: 'open' }]);
});

it('gives a tag back its value, and takes away only what was not there', () => {
  const tag = { do: 'tag', name: 'team', value: 'red' } as const;
  expect(inverse(tag, { ...open, tags: { team: 'blue' } })).toEqual([{ do: 'tag', name: 'team', value: 'blue' }]);
  expect(inverse(tag, { ...open, tags: {} })).toEqual([{ do: 'untag', name: 'team' }]);
  expect(inverse(tag, open)).toEqual([]);
});

it('says what was decided meanwhile', () => {
  expect(differs(open, { ...open, tags: { team: 'red' } })).toBe('');
  expect(differs(open, { ...open, status: 'resolved', resolution: 'expected' })).toBe('it is resolved (expected) meanwhile');
  expect(differs(open, { ...open, assignee: 'eva' })).toBe('eva works on it meanwhile');
  expect(differs({ ...open, assignee: 'ada' }, open)).toBe('nobody works on it meanwhile');
});
