// How does what changes get here while somebody looks, and how does it again after a break?
import { address, asks, get, Refusal, until } from '../api/client';

/** What becomes of the kinds of event that a stream has by the contract, in `Schemas`. */
export type Hears<E> = { [Name in keyof E & string]?: (data: string) => void };
export type Live = (state: 'on' | 'lost') => void;

/** Waits after a refusal, in ms: doubled up to the longest. */
const FIRST = 1000;
const LONGEST = 60_000;
/** A server that lives says something every nine seconds; one that says nothing for so long in ms does not live. */
const SILENT = 19_000;
/** How long in ms a server may take to say who is there. */
const PATIENCE = 5000;

/** What changes, from a moment on where the server knows such; in microseconds. A browser gives a stream up for good when it is refused: this does not. */
export class Stream<E extends object> {
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private over = false;

  constructor(
    private readonly path: string,
    private readonly query: Record<string, string>,
    private readonly hears: Hears<E>,
    private readonly live: Live,
    private since?: number,
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
    clearTimeout(this.watchdog);
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
    const source = new EventSource(address(this.path, [], { ...this.query, since: this.since ?? this.query.since }));
    this.source = source;
    this.heard();
    const hears: Record<string, ((data: string) => void) | undefined> = { alive: undefined, ...this.hears };
    for (const [name, then] of Object.entries(hears)) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        this.heard();
        if (this.since !== undefined) this.since = Number(event.lastEventId) || this.since;
        then?.(event.data);
      });
    }
    source.onopen = () => {
      this.failures = 0;
      this.heard();
      this.live('on');
    };
    source.onerror = () => {
      this.live('lost');
      // What merely broke off the browser opens again by itself.
      if (source.readyState === EventSource.CLOSED && source === this.source) this.again();
    };
  }

  /** A connection to a server that hangs stays open, and one that is cut off does for long: only silence tells. */
  private heard(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => {
      this.live('lost');
      this.again();
    }, SILENT);
  }

  private again(): void {
    this.stop();
    const wait = Math.min(LONGEST, FIRST * 2 ** this.failures++);
    this.timer = setTimeout(() => void this.probe(), wait);
  }

  /** A stream does not say why it was refused: the session does. */
  private async probe(): Promise<void> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE);
    try {
      await until(patience.signal, () => get('/v1/session'));
    } catch (error) {
      if (this.over) return;
      if (error instanceof Refusal && error.status === 401) asks.signIn();
      else this.again();
      return;
    } finally {
      clearTimeout(timer);
    }
    this.open();
  }
}
