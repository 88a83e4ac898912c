// What takes longer than a breath: how far is it, and has somebody stopped it?

/** One such work. */
export class Work {
  done = $state(0);
  stopped = $state(false);
  readonly total: number;

  /** Without sizes nobody knows how much it is. */
  constructor(readonly what: string, readonly sizes: number[], total?: number) {
    this.total = total ?? sizes.reduce((sum, size) => sum + size, 0);
  }

  stop(): void {
    this.stopped = true;
  }
}

/** What a filter takes, or the first so many of it. */
export interface Taken<T> {
  rows: T[];
  /** There are more. */
  more: boolean;
  /** How many there are, where that is known. */
  total?: number | undefined;
}

/** Rows that a file holds at most: each is held in memory until it is written. */
const MOST = 100_000;

class Long {
  /** Those that go on, each stopped by itself. */
  all = $state.raw<Work[]>([]);

  /** Does the steps one after the other, each of so many things, until all are done or somebody stops it; true when all are. */
  async run(what: string, sizes: number[], step: (index: number) => Promise<unknown>): Promise<boolean> {
    const work = new Work(what, sizes);
    this.all = [...this.all, work];
    try {
      for (const [index, size] of sizes.entries()) {
        if (work.stopped) return false;
        await step(index);
        work.done += size;
      }
      return true;
    } finally {
      this.all = this.all.filter((one) => one !== work);
    }
  }

  /** Asks for page after page, until there are no more; nothing when somebody stops it. */
  async pages<T, A>(ask: (after: A | undefined) => Promise<{ rows: T[]; next?: A | undefined }>, total?: number, most = MOST): Promise<Taken<T> | undefined> {
    const work = new Work('Writing', [], total ?? 0);
    this.all = [...this.all, work];
    try {
      const rows: T[] = [];
      let after: A | undefined;
      do {
        const page = await ask(after);
        if (work.stopped) return undefined;
        rows.push(...page.rows);
        after = page.next;
        work.done = rows.length;
      } while (after !== undefined && rows.length < most);
      const more = after !== undefined || rows.length > most;
      return { rows: rows.slice(0, most), more, total: more ? total : rows.length };
    } finally {
      this.all = this.all.filter((one) => one !== work);
    }
  }
}

export const long = new Long();
