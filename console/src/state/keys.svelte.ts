// Which key does what on this page? Letters count only where nobody is writing.

import { untrack } from 'svelte';

export interface Key {
  key: string;
  what: string;
  run: () => void;
}

class Keys {
  private sets = $state.raw<{ title: string; keys: Key[] }[]>([]);
  private before = '';
  private since = 0;
  /** While a dialog is open, keys belong to it. */
  held = $state(0);

  get all(): { title: string; keys: Key[] }[] {
    return this.sets;
  }

  /** Adds keys; the answer takes them away again. For `$effect`. */
  add(title: string, keys: Key[]): () => void {
    const set = { title, keys };
    // Whoever adds keys does not depend on which others there are.
    untrack(() => (this.sets = [...this.sets, set]));
    return () => untrack(() => (this.sets = this.sets.filter((other) => other !== set)));
  }

  hear(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing || this.held > 0) return;
    const named = event.ctrlKey || event.metaKey ? `Ctrl-${event.key.toLowerCase()}` : event.key;
    if (event.altKey || (!named.startsWith('Ctrl-') && writes(event.target))) return;
    // Enter and space on what has the focus are its own.
    if ((named === 'Enter' || named === ' ') && (event.target as Element).closest('a, button, summary, select')) return;
    const pair = event.timeStamp - this.since < 1200 && this.before ? `${this.before} ${named}` : named;
    const found = this.find(pair) ?? this.find(named);
    this.before = !found && this.begins(named) ? named : '';
    this.since = event.timeStamp;
    if (!found) return;
    event.preventDefault();
    found.run();
  }

  private find(name: string): Key | undefined {
    for (const set of [...this.sets].reverse()) {
      const key = set.keys.find((one) => one.key === name);
      if (key) return key;
    }
    return undefined;
  }

  private begins(name: string): boolean {
    return this.sets.some((set) => set.keys.some((one) => one.key.startsWith(`${name} `)));
  }
}

function writes(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return element?.matches?.('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]') ?? false;
}

export const keys = new Keys();
