// What has a person begun to write that is not sent yet? Their own words alone: they outlive the page, not the tab.

/** A comment for each alert; nobody writes on many at once. */
class Drafts {
  private readonly kept = new Map<string, string>();

  of(alert: string): string {
    return this.kept.get(alert) ?? '';
  }

  keep(alert: string, text: string): void {
    this.kept.delete(alert);
    if (text) this.kept.set(alert, text);
    const [first] = this.kept.keys();
    if (this.kept.size > MOST && first !== undefined) this.kept.delete(first);
  }

  clear(): void {
    this.kept.clear();
  }
}

const MOST = 20;
export const drafts = new Drafts();
