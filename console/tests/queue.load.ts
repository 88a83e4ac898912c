// What does the console cost whoever opens a queue as long as it may become? `cargo xtask bench queue` has filled it.
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Rig } from './rig';
import { bytesUntilQueue, load, longestTask, paints } from './speed';

const { TRIPOINT_FOLDER, TRIPOINT_SETUP, TRIPOINT_FIGURES } = process.env;
const TURNS = 9;
const ROWS = 10_000;

const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

it('is measured', async () => {
  if (!TRIPOINT_FOLDER || !TRIPOINT_SETUP || !TRIPOINT_FIGURES) throw new Error('`cargo xtask bench queue` says where the server is');
  const rig = await Rig.beside(TRIPOINT_FOLDER, TRIPOINT_SETUP);
  try {
    const page = await (await rig.context()).newPage();
    await rig.setUp(page);
    const bytes = await bytesUntilQueue(page, rig.origin);
    const times = await paints(page, rig.origin, TURNS);
    await load(page, ROWS);
    const loaded = await page.evaluate(() => document.querySelector('[role=grid]')?.scrollHeight ?? 0) / 34;
    expect(loaded).toBeGreaterThanOrEqual(ROWS);
    const longest = [await longestTask(page), await longestTask(page), await longestTask(page)];
    writeFileSync(TRIPOINT_FIGURES, JSON.stringify([
      ['until the queue is there, packed', bytes / 1000, 'kB'],
      ['first paint, median', middle(times.map((one) => one.paint)), 'ms'],
      ['first paint, longest', Math.max(...times.map((one) => one.paint)), 'ms'],
      ['first row, median', middle(times.map((one) => one.row)), 'ms'],
      ['first row, longest', Math.max(...times.map((one) => one.row)), 'ms'],
      ['rows loaded to scroll through', loaded, ''],
      ['longest task while they pass, median of three (0: none over 50)', middle(longest), 'ms'],
      ['longest task while they pass, longest of three', Math.max(...longest), 'ms'],
    ]));
  } finally {
    await rig.stop();
  }
}, 300_000);
