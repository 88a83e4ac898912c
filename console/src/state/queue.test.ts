// Does whoever loads the rest of a list get the rest, also while it is being loaded?
import { expect, it, vi } from 'vitest';

Object.assign(globalThis, { document: { addEventListener: () => undefined, removeEventListener: () => undefined }, EventSource: class { close(): void {} addEventListener(): void {} } });
const { QueueList } = await import('./queue.svelte');

/** Pages of one row each, answered when told. */
function server(pages: number) {
  const open: (() => void)[] = [];
  const asked: string[] = [];
  vi.stubGlobal('fetch', (path: string) => {
    if (path.includes('/facets')) return Promise.resolve(new Response('{"total":0,"fields":[]}'));
    const after = Number(new URL(path, 'http://x').searchParams.get('after') ?? '0');
    asked.push(String(after));
    const body = { rows: [{ id: `a${after}` }], changed: '2026-11-20T00:00:00Z', ...(after + 1 < pages ? { next: String(after + 1) } : {}) };
    return new Promise<Response>((resolve) => open.push(() => resolve(new Response(JSON.stringify(body)))));
  });
  const answer = async () => {
    open.splice(0).forEach((go) => go());
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { answer, asked };
}

it('waits for rows on their way, and asks for those after them', async () => {
  const { answer, asked } = server(3);
  const list = new QueueList('', '-score');
  void list.load();
  await answer();
  // A person scrolls: the second page is on its way when all are asked for.
  const scrolled = list.more();
  const all = list.further();
  void list.more();
  expect(asked).toEqual(['0', '1']);
  await answer();
  await scrolled;
  await answer();
  await all;
  expect(list.error).toBeUndefined();
  expect(asked).toEqual(['0', '1', '2']);
  expect(list.rows.map((row) => row.id)).toEqual(['a0', 'a1', 'a2']);
  expect(list.whole).toBe(true);
  list.close();
});

it('waits for nothing of a list that nobody looks at any more', async () => {
  const { answer, asked } = server(3);
  const list = new QueueList('', '-score');
  void list.load();
  const all = list.further();
  list.close();
  await answer();
  await all;
  expect(asked).toEqual(['0']);
});

it('fails where the rest does not come', async () => {
  const { answer } = server(3);
  const list = new QueueList('', '-score');
  void list.load();
  await answer();
  vi.stubGlobal('fetch', () => Promise.reject(new Error('gone')));
  await expect(list.further()).rejects.toThrow('does not answer');
  list.close();
});
