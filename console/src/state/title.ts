// What does the browser's tab say of a thing that has a better name than its id?
import { visible } from '../api/read';

/** Longer ones are cut by every browser. */
const MOST = 120;

/** `openssl 3.0.11 · Package – Tripoint`. Said after the shell has named the page by its address. For `$effect`. */
export function titled(name: string | undefined, page: string): () => void {
  const timer = name ? setTimeout(() => { document.title = titleOf(name, page); }) : undefined;
  return () => clearTimeout(timer);
}

export function titleOf(name: string, page: string): string {
  const line = visible(name).replace(/\s+/g, ' ').trim();
  return `${line.length > MOST ? `${line.slice(0, MOST - 1)}…` : line} · ${page} – Tripoint`;
}
