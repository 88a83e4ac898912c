// How much of a long list was asked for? The address says how many pages, so that a reload shows the same.
import { untrack } from 'svelte';
import { Loaded } from './loaded.svelte';
import { route } from './route.svelte';

/** The first page as it was answered, and the rows of all that were asked for. */
export interface Pages<P, T> {
  first: P;
  rows: T[];
  next: string | number | undefined;
}

/** Pages that an address may ask for at once: nobody waits for more, or makes the server give them. */
export const PAGES_MOST = 10;

/** How many an address asks for. */
export function pagesOf(said: string): number {
  const count = Number(said);
  return Number.isInteger(count) && count > 1 ? Math.min(count, PAGES_MOST) : 1;
}

export class Paged<P, T> extends Loaded<Pages<P, T>> {
  constructor(private readonly page: (after?: string | number) => Promise<P>, private readonly read: (page: P) => { rows: T[]; next?: string | number | undefined }) {
    super(async () => {
      const pages = untrack(() => pagesOf(route.value('pages')));
      const first = await page();
      let { rows, next } = read(first);
      for (let more = 1; more < pages && next !== undefined; more += 1) {
        const later = read(await page(next));
        rows = [...rows, ...later.rows];
        next = later.next;
      }
      return { first, rows, next };
    });
  }

  /** One page more. */
  async more(): Promise<void> {
    const known = this.data;
    if (known?.next === undefined) return;
    const { rows, next } = this.read(await this.page(known.next));
    if (this.data !== known) return;
    this.data = { ...known, rows: [...known.rows, ...rows], next };
    route.set({ pages: String(Math.min(pagesOf(route.value('pages')) + 1, PAGES_MOST)) });
  }
}
