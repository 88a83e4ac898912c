// What is in the queue, what comes in while somebody looks, and how does the rest get here?
import { address, back, get, read, Refusal, type Schemas } from '../api/client';
import type { Summary } from '../api/alert';
import { micros } from '../text/time';

export type Sort = Schemas['Sort'];


/** Rows asked for at once. */
const PAGE = 500;
/** Rows held at most: nobody scrolls further, a filter is quicker. */
const HELD = 20_000;

export class QueueList {
  rows = $state.raw<Summary[]>([]);
  facets = $state.raw<Schemas['Facets'] | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  loading = $state(false);
  whole = $state(false);
  /** Rows that the filter would take and that are not shown yet. */
  fresh = $state.raw<Set<string>>(new Set());
  /** Rows that the filter takes no more; they stay where they are until the list is asked for again. */
  gone = $state.raw<Set<string>>(new Set());
  live = $state<'on' | 'off' | 'lost'>('off');
  private next: string | undefined;
  private turn = 0;
  private source: EventSource | undefined;

  constructor(readonly filter: string, readonly sort: Sort) {}

  /** A list stays as it is while somebody signs in again; one that could not be asked for is asked for now. */
  private readonly again = () => (this.error ? void this.load() : this.watch());

  /** A browser has six connections to a server: a tab that nobody sees keeps none of them, and hears what it missed later. */
  private readonly looked = () => {
    if (!document.hidden) this.again();
    else this.source?.close();
  };

  /** The latest that is known of each, new ones on their places. */
  async load(): Promise<void> {
    const turn = ++this.turn;
    back.add(this.again);
    document.addEventListener('visibilitychange', this.looked);
    this.loading = true;
    try {
      const page = await get('/v1/queue', { filter: this.filter, sort: this.sort, limit: PAGE });
      if (turn !== this.turn) return;
      this.rows = page.rows as Summary[];
      this.next = page.next;
      this.whole = !page.next;
      this.fresh = new Set();
      this.gone = new Set();
      this.error = undefined;
      this.watch();
      void this.count();
    } catch (error) {
      if (turn === this.turn) this.error = error;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  async count(): Promise<void> {
    const facets = await get('/v1/queue/facets', { filter: this.filter }).catch(() => undefined);
    if (facets) this.facets = facets;
  }

  async more(): Promise<void> {
    if (this.loading || !this.next || this.rows.length >= HELD) return;
    const turn = this.turn;
    this.loading = true;
    try {
      const page = await get('/v1/queue', { filter: this.filter, sort: this.sort, limit: PAGE, after: this.next });
      if (turn !== this.turn) return;
      const known = new Set(this.rows.map((row) => row.id));
      this.rows = [...this.rows, ...(page.rows as Summary[]).filter((row) => !known.has(row.id))];
      this.next = page.next;
      this.whole = !page.next;
    } catch (error) {
      if (turn === this.turn) this.error = error;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  close(): void {
    this.turn += 1;
    this.source?.close();
    this.source = undefined;
    back.delete(this.again);
    document.removeEventListener('visibilitychange', this.looked);
  }

  get wrongFilter(): Refusal | undefined {
    return this.error instanceof Refusal && this.error.at !== undefined ? this.error : undefined;
  }

  private watch(): void {
    this.source?.close();
    if (document.hidden) return;
    const since = this.rows.reduce((latest, row) => Math.max(latest, micros(row.changed)), 0);
    const source = new EventSource(address('/v1/queue/watch', [], { filter: this.filter, since: since || undefined }));
    this.source = source;
    source.onopen = () => (this.live = 'on');
    source.onerror = () => {
      this.live = 'lost';
      // The browser tries again by itself, but not after a refusal: the session was over, or the server was renewed.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.source === source && this.watch(), 5000);
    };
    source.addEventListener('alert', (event) => this.take(read(event.data) as Summary));
    source.addEventListener('gone', (event) => {
      if (this.rows.some((row) => row.id === event.data)) this.gone = new Set(this.gone).add(event.data);
      if (this.fresh.has(event.data)) this.fresh = new Set([...this.fresh].filter((id) => id !== event.data));
    });
    source.addEventListener('reset', () => void this.load());
    source.onmessage = null;
  }

  /** A known row changes in its place; an unknown one waits until somebody wants it. */
  private take(row: Summary): void {
    const at = this.rows.findIndex((known) => known.id === row.id);
    if (at < 0) {
      this.fresh = new Set(this.fresh).add(row.id);
      return;
    }
    const rows = this.rows.slice();
    rows[at] = row;
    this.rows = rows;
    if (this.gone.has(row.id)) this.gone = new Set([...this.gone].filter((id) => id !== row.id));
  }
}
