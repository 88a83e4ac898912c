// What takes longer than a breath: how far is it, and has somebody stopped it?

class Long {
  what = $state('');
  done = $state(0);
  total = $state(0);
  stopped = $state(false);

  /** Does the steps one after the other, each of so many things, until all are done or somebody stops it; true when all are. */
  async run(what: string, sizes: number[], step: (index: number) => Promise<unknown>): Promise<boolean> {
    [this.what, this.done, this.total, this.stopped] = [what, 0, sizes.reduce((sum, size) => sum + size, 0), false];
    try {
      for (const [index, size] of sizes.entries()) {
        if (this.stopped) return false;
        await step(index);
        this.done += size;
      }
      return true;
    } finally {
      this.what = '';
    }
  }

  stop(): void {
    this.stopped = true;
  }
}

export const long = new Long();
