// Is a reload no new visit, and a look after half an hour one?
import { afterEach, expect, it, vi } from 'vitest';
import { looked, visit, visitOf, written } from './visit';

const MINUTE = 60_000;
const NOON = Date.parse('2026-11-20T12:00:00Z');

it('is the same visit within half an hour of the last look', () => {
  expect(looked(undefined, NOON)).toEqual({ before: undefined, last: NOON });
  const first = { before: NOON - 500 * MINUTE, last: NOON };
  const still = looked(first, NOON + 30 * MINUTE);
  expect(still).toEqual({ before: first.before, last: NOON + 30 * MINUTE });
  // Every look counts, so that somebody who stays for hours is there all the time.
  expect(looked(still, NOON + 59 * MINUTE).before).toBe(first.before);
  expect(looked(still, NOON + 61 * MINUTE)).toEqual({ before: NOON + 30 * MINUTE, last: NOON + 61 * MINUTE });
});

it('begins anew where the clock was set back or what is kept cannot be read', () => {
  expect(looked({ before: NOON - MINUTE, last: NOON + MINUTE }, NOON)).toEqual({ before: NOON - MINUTE, last: NOON });
  expect(looked({ before: NOON + MINUTE, last: NOON + 2 * MINUTE }, NOON)).toEqual({ before: undefined, last: NOON });
  for (const text of [null, '', 'x', '2026-11-20T12:00:00Z x', `${'2026-11-20T12:00:00Z '.repeat(3)}`]) expect(visitOf(text)).toBeUndefined();
  for (const one of [{ last: NOON }, { before: NOON - MINUTE, last: NOON }]) expect(visitOf(written(one))).toEqual(one);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
it('keeps the moment over reloads, and the look alive while it is seen', () => {
  let kept: string | null = '2026-11-20T08:00:00.000Z';
  vi.stubGlobal('localStorage', { getItem: () => kept, setItem: (_: string, text: string) => (kept = text) });
  const page = { hidden: false };
  vi.stubGlobal('document', page);
  vi.useFakeTimers({ now: NOON });
  const one = visit();
  expect(one.before).toBe('2026-11-20T08:00:00.000Z');
  vi.advanceTimersByTime(120 * MINUTE);
  one.end();
  const reloaded = visit();
  expect(reloaded.before).toBe('2026-11-20T08:00:00.000Z');
  // Hidden for an hour, then looked at again by a reload.
  page.hidden = true;
  vi.advanceTimersByTime(60 * MINUTE);
  reloaded.end();
  const next = visit();
  expect(next.before).toBe('2026-11-20T14:00:00.000Z');
  next.end();
});
