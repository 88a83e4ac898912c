// Are two works at once told and stopped apart?
import { expect, it } from 'vitest';
import { long } from './long.svelte';

it('stops the one that is meant, and counts each by itself', async () => {
  const turns: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => turns.push(resolve));
  const next = async () => {
    turns.splice(0).forEach((go) => go());
    await new Promise((resolve) => setTimeout(resolve));
  };
  const writing = long.run('Writing', [500, 500], turn);
  const loading = long.run('Loading', [10, 10, 10], turn);
  expect(long.all.map((work) => [work.what, work.done, work.total])).toEqual([['Writing', 0, 1000], ['Loading', 0, 30]]);
  long.all[0]?.stop();
  await next();
  expect(await writing).toBe(false);
  expect(long.all.map((work) => [work.what, work.done, work.stopped])).toEqual([['Loading', 10, false]]);
  await next();
  await next();
  expect(await loading).toBe(true);
  expect(long.all).toEqual([]);
});

it('is over when a step fails', async () => {
  await expect(long.run('Writing', [1, 1], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(long.all).toEqual([]);
});

it('asks until there are no more, or so many that it says so', async () => {
  const asked: (number | undefined)[] = [];
  const ask = async (after: number | undefined) => {
    asked.push(after);
    const from = after ?? 0;
    return { rows: [from, from + 1], ...(from < 4 ? { next: from + 2 } : {}) };
  };
  expect(await long.pages(ask)).toEqual({ rows: [0, 1, 2, 3, 4, 5], more: false, total: 6 });
  expect(asked).toEqual([undefined, 2, 4]);
  expect(await long.pages(ask, 6, 3)).toEqual({ rows: [0, 1, 2], more: true, total: 6 });
  expect(await long.pages(ask, undefined, 4)).toEqual({ rows: [0, 1, 2, 3], more: true, total: undefined });
  const stopped = long.pages(ask, 6);
  expect(long.all.map((work) => [work.done, work.total])).toEqual([[0, 6]]);
  long.all[0]?.stop();
  expect(await stopped).toBeUndefined();
  expect(long.all).toEqual([]);
});
