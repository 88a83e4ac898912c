// How many pages may an address ask for?
import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/', search: '' });
vi.stubGlobal('addEventListener', () => undefined);
const { PAGES_MOST, pagesOf } = await import('./paged.svelte');

describe('pages', () => {
  it('are a small whole number, whatever the address says', () => {
    for (const said of ['', '0', '1', '-3', '2.5', 'many', 'NaN']) expect(pagesOf(said), said).toBe(1);
    expect([pagesOf('3'), pagesOf('10'), pagesOf('11'), pagesOf('1e9'), pagesOf('Infinity')]).toEqual([3, PAGES_MOST, PAGES_MOST, PAGES_MOST, 1]);
  });
});
