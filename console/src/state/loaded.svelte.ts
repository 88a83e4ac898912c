// What does a page know, is it being asked for, and what went wrong?
import { back, Refusal, until } from '../api/client';

/** Something asked of the server. What was known stays while it is asked again, and when that fails. */
export class Loaded<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  loading = $state(false);
  at = $state(0);
  private turn = 0;
  private pending: AbortController | undefined;

  constructor(private readonly ask: () => Promise<T>) {}

  async load(): Promise<void> {
    this.leave();
    const turn = this.turn;
    this.pending = new AbortController();
    this.loading = true;
    try {
      const data = await until(this.pending.signal, this.ask);
      if (turn !== this.turn) return;
      this.data = data;
      this.error = undefined;
      this.at = Date.now();
    } catch (error) {
      if (turn === this.turn) this.error = error;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  /** Nobody waits for it any more. */
  leave(): void {
    this.turn += 1;
    this.loading = false;
    this.pending?.abort();
  }

  get missing(): boolean {
    return this.error instanceof Refusal && this.error.status === 404;
  }

  get forbidden(): boolean {
    return this.error instanceof Refusal && this.error.status === 403;
  }
}

/** Asks now, and every so many seconds (0: never again) while somebody looks; ends what it began. For `$effect`. */
export function kept<T>(loaded: Loaded<T>, seconds: number): () => void {
  const ask = () => void loaded.load();
  ask();
  back.add(ask);
  const timer = seconds > 0 && setInterval(() => {
    // An answer that takes longer than that is waited for, not asked for again.
    if (!document.hidden && !loaded.loading) void loaded.load();
  }, seconds * 1000);
  return () => {
    if (timer) clearInterval(timer);
    back.delete(ask);
    loaded.leave();
  };
}
