// What does a page know, is it being asked for, and what went wrong?
import { Refusal } from '../api/client';

/** Something asked of the server. What was known stays while it is asked again, and when that fails. */
export class Loaded<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  loading = $state(false);
  at = $state(0);
  private turn = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  async load(): Promise<void> {
    const turn = ++this.turn;
    this.loading = true;
    try {
      const data = await this.ask();
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

  get missing(): boolean {
    return this.error instanceof Refusal && this.error.status === 404;
  }

  get forbidden(): boolean {
    return this.error instanceof Refusal && this.error.status === 403;
  }
}

/** Asks now and every so many seconds while somebody looks; ends what it began. For `$effect`. */
export function kept<T>(loaded: Loaded<T>, seconds: number): () => void {
  void loaded.load();
  const timer = setInterval(() => {
    if (!document.hidden) void loaded.load();
  }, seconds * 1000);
  return () => clearInterval(timer);
}
