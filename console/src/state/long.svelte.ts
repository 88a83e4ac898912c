// What takes longer than a breath: how far is it, and has somebody stopped it?

/** One such work. */
export class Work {
  done = $state(0);
  stopped = $state(false);
  readonly total: number;

  constructor(readonly what: string, readonly sizes: number[]) {
    this.total = sizes.reduce((sum, size) => sum + size, 0);
  }

  stop(): void {
    this.stopped = true;
  }
}

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
}

export const long = new Long();
