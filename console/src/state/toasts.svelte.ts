// What has just happened, and can it be undone?
import { Refusal } from '../api/client';

export interface Toast {
  id: number;
  kind: 'done' | 'failed' | 'note';
  text: string;
  undo?: (() => Promise<unknown> | unknown) | undefined;
}

class Toasts {
  all = $state<Toast[]>([]);
  private last = 0;

  add(kind: Toast['kind'], text: string, undo?: Toast['undo']): void {
    const id = ++this.last;
    this.all = [...this.all.slice(-3), { id, kind, text, undo }];
    // What can be undone or went wrong stays longer.
    setTimeout(() => this.drop(id), undo ? 20_000 : kind === 'failed' ? 15_000 : 6000);
  }

  drop(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  clear(): void {
    this.all = [];
  }

  async undo(toast: Toast): Promise<void> {
    this.drop(toast.id);
    await attempt('Undone', () => toast.undo?.());
  }
}

export const toasts = new Toasts();

/** Does it and says how that went; true when it went well. */
export async function attempt(done: string, work: () => Promise<unknown> | unknown, undo?: Toast['undo']): Promise<boolean> {
  try {
    await work();
    if (done) toasts.add('done', done, undo);
    return true;
  } catch (error) {
    // That the session is over is said where one signs in again.
    if (!(error instanceof Refusal && error.kind === 'unauthorized')) toasts.add('failed', said(error));
    return false;
  }
}

export function said(error: unknown): string {
  if (error instanceof Refusal) return error.detail;
  return error instanceof Error ? error.message : String(error);
}
