// How does what changes get here while somebody looks, and how does it again after a break?
import { address, asks, get, Refusal } from '../api/client';

/** Who is told what. */
export interface Hearer {
  alert(line: string): void;
  gone(id: string): void;
  /** Too much was missed: the list is asked for anew. */
  reset(): void;
  live(state: 'on' | 'lost'): void;
}

/** Waits after a refusal, in ms: doubled up to the longest. */
const FIRST = 1000;
const LONGEST = 60_000;

/** The changes since a moment, in microseconds. A browser gives a stream up for good when it is refused: this does not. */
export class Stream {
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private over = false;

  constructor(
    private readonly filter: string,
    private since: number,
    private readonly hearer: Hearer,
  ) {
    document.addEventListener('visibilitychange', this.turn);
    this.open();
  }

  /** Somebody has signed in again: no need to wait any longer. */
  wake(): void {
    this.failures = 0;
    if (!this.source) this.open();
  }

  close(): void {
    this.over = true;
    document.removeEventListener('visibilitychange', this.turn);
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  /** A browser grants a server six connections for all its tabs: one that nobody sees needs none. */
  private turn = (): void => {
    if (document.visibilityState === 'hidden') this.stop();
    else if (!this.source) this.open();
  };

  private open(): void {
    this.stop();
    if (this.over || document.visibilityState === 'hidden') return;
    const source = new EventSource(address('/v1/queue/watch', [], { filter: this.filter, since: this.since }));
    this.source = source;
    const hear = (name: string, then: (data: string) => void) =>
      source.addEventListener(name, (event) => {
        this.since = Number(event.lastEventId) || this.since;
        then(event.data);
      });
    hear('alert', (line) => this.hearer.alert(line));
    hear('gone', (id) => this.hearer.gone(id));
    hear('reset', () => this.hearer.reset());
    source.onopen = () => {
      this.failures = 0;
      this.hearer.live('on');
    };
    source.onerror = () => {
      this.hearer.live('lost');
      // What merely broke off the browser opens again by itself.
      if (source.readyState === EventSource.CLOSED && source === this.source) this.again();
    };
  }

  private again(): void {
    this.stop();
    const wait = Math.min(LONGEST, FIRST * 2 ** this.failures++);
    this.timer = setTimeout(() => void this.probe(), wait);
  }

  /** A stream does not say why it was refused: the session does. */
  private async probe(): Promise<void> {
    try {
      await get('/v1/session');
    } catch (error) {
      if (this.over) return;
      if (error instanceof Refusal && error.status === 401) asks.signIn();
      else this.again();
      return;
    }
    this.open();
  }
}
