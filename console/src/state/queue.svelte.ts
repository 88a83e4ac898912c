// What is in the queue, what comes in while somebody looks, and how does the rest get here?
import { back, get, read, Refusal, type Schemas } from '../api/client';
import type { Summary } from '../api/alert';
import { micros } from '../text/time';
import { Stream } from './stream';

export type Sort = Schemas['Sort'];
type Events = Schemas['QueueEvents'];

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
  private over = false;
  private stream: Stream<Events> | undefined;
  private asking: Promise<void> = Promise.resolve();

  constructor(readonly filter: string, readonly sort: Sort) {}

  /** A list stays as it is while somebody signs in again; one that could not be asked for is asked for now. */
  private readonly again = () => (this.error ? void this.load() : this.stream?.wake());

  /** The latest that is known of each, new ones on their places. */
  load(): Promise<void> {
    return (this.asking = this.first());
  }

  /** The next rows, unless some are on their way already. */
  async more(): Promise<void> {
    if (!this.loading) await (this.asking = this.page());
  }

  /** The next rows after those that are on their way; fails where they do not come. */
  async further(): Promise<void> {
    while (this.loading) await this.asking;
    if (this.over) return;
    this.error = undefined;
    await this.more();
    if (this.error) throw this.error;
  }

  private async first(): Promise<void> {
    const turn = ++this.turn;
    back.add(this.again);
    this.loading = true;
    try {
      const page = await get('/v1/queue', { filter: this.filter, sort: this.sort, limit: PAGE });
      if (turn !== this.turn) return;
      this.rows = page.rows;
      this.next = page.next;
      this.whole = !page.next;
      this.fresh = new Set();
      this.gone = new Set();
      this.error = undefined;
      this.watch(micros(page.changed));
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

  private async page(): Promise<void> {
    if (!this.next || this.rows.length >= HELD) return;
    const turn = this.turn;
    this.loading = true;
    try {
      const page = await get('/v1/queue', { filter: this.filter, sort: this.sort, limit: PAGE, after: this.next });
      if (turn !== this.turn) return;
      const known = new Set(this.rows.map((row) => row.id));
      this.rows = [...this.rows, ...page.rows.filter((row) => !known.has(row.id))];
      this.next = page.next;
      this.whole = !page.next;
    } catch (error) {
      if (turn === this.turn) this.error = error;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  close(): void {
    this.over = true;
    this.loading = false;
    this.turn += 1;
    this.stream?.close();
    back.delete(this.again);
  }

  get wrongFilter(): Refusal | undefined {
    return this.error instanceof Refusal && this.error.at !== undefined ? this.error : undefined;
  }

  /** What changes after the page was read, in microseconds. */
  private watch(since: number): void {
    this.stream?.close();
    this.stream = new Stream<Events>('/v1/queue/watch', { filter: this.filter }, {
      alert: (line) => this.take(read(line) as Events['alert']),
      gone: (id) => this.drop(id),
      // Too much was missed: the list is asked for anew.
      reset: () => void this.load(),
    }, (state) => (this.live = state), since);
  }

  private drop(id: string): void {
    if (this.rows.some((row) => row.id === id)) this.gone = new Set(this.gone).add(id);
    if (this.fresh.has(id)) this.fresh = new Set([...this.fresh].filter((one) => one !== id));
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
