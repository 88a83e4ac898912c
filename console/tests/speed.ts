// How is it measured what a page costs the one who waits for it?
import type { Page } from 'playwright-core';
import { until } from './rig';

/** Bytes over the wire, packed as they come, until the queue is there; nothing is kept from before. */
export async function bytesUntilQueue(page: Page, origin: string): Promise<number> {
  let bytes = 0;
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await page.goto(`${origin}/queue`);
  await page.getByRole('grid').waitFor();
  return bytes;
}

/** Milliseconds until something stands there, and until the first row does, at each turn. */
export async function paints(page: Page, origin: string, turns: number): Promise<{ paint: number; row: number }[]> {
  const times = [];
  for (let turn = 0; turn < turns; turn += 1) {
    await page.goto(`${origin}/queue`);
    // The first is the head.
    await page.getByRole('grid').getByRole('row').nth(1).waitFor();
    times.push(await page.evaluate(() => ({ row: performance.now(), paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity })));
  }
  return times;
}

/** Goes to the end again and again until so many rows of 34 pixels are loaded. */
export const load = (page: Page, rows: number) =>
  until(() => page.evaluate((height) => {
    const grid = document.querySelector('[role=grid]');
    if (grid) grid.scrollTop = grid.scrollHeight;
    return (grid?.scrollHeight ?? 0) > height;
  }, rows * 34), 'all rows are loaded', 120_000);

/** The longest task, in milliseconds, while all loaded rows pass by; 0 when none took over 50. */
export const longestTask = (page: Page) =>
  page.evaluate(async () => {
    const grid = document.querySelector('[role=grid]') as HTMLElement;
    grid.scrollTop = 0;
    await new Promise((resolve) => setTimeout(resolve, 600));
    let worst = 0;
    const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => (worst = Math.max(worst, entry.duration))));
    observer.observe({ type: 'longtask' });
    for (let at = 0; at < grid.scrollHeight; at += 2400) {
      grid.scrollTop = at;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    observer.disconnect();
    return worst;
  });
