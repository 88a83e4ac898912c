// Is a real attack seen, understood, stopped and closed by a person at a browser? The one that `tripoint demo` stages.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { badOf, PROGRAM, Rig, until } from './rig';

const ATTACKER = '203.0.113.66';
let child: ChildProcess;
let rig: Rig;
let page: Page;
let said = '';
const problems: string[] = [];

const inForce = async () => (JSON.parse((await rig.ask('GET', '/v1/actions')).text) as { actions: { target: string; kernel: string }[] }).actions;

beforeAll(async () => {
  child = spawn(PROGRAM, ['demo', '--keep', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '', TRIPOINT_LOG: 'error' } });
  child.stdout?.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const setup = await until(() => {
    if (child.exitCode !== null) throw new Error(`the demonstration ended: ${said}`);
    return /a browser at (\S+)/.exec(said)?.[1];
  }, 'the attack is over and its server answers', 90_000);
  rig = await Rig.beside(/data in (\S+)/.exec(said)?.[1] ?? '', setup);
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(error.message));
});
afterAll(async () => {
  await rig?.stop();
  if (child?.exitCode === null) child.kill('SIGINT');
});

it('is seen with its evidence, blocked with a preview, let go, and closed', async () => {
  expect(said).not.toContain('✗');
  await rig.setUp(page);
  // What the story itself has blocked is let go, so that a person does it.
  await page.goto(`${rig.origin}/actions`);
  await page.getByRole('link', { name: ATTACKER }).first().waitFor();
  await page.getByRole('button', { name: 'Release all…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release all' }).click();
  await page.getByText('Everything is released').waitFor();
  await until(async () => (await inForce()).length === 0, 'nothing is in force');

  await page.goto(`${rig.origin}/queue?filter=${encodeURIComponent(`address:${ATTACKER} direction:outbound`)}`);
  await page.getByRole('grid').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('O');
  await until(() => /\/alerts\/\w+/.test(page.url()), 'the alert has a page');
  const id = new URL(page.url()).pathname.split('/').pop() ?? '';
  // Who it was, what it carries, who calls the peer bad, and what the attacker had sent.
  for (const evidence of ['shop-frontend', 'log4j-core', 'CVE-2021-44228', 'demo', ATTACKER]) await page.getByRole('main').getByText(evidence).first().waitFor();

  await page.getByRole('button', { name: '24 h' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('No live connection would end.').waitFor();
  expect(await inForce(), 'a preview does nothing').toEqual([]);
  await dialog.getByRole('button', { name: 'Block', exact: true }).click();
  await page.getByText('read back from the kernel').first().waitFor();
  await until(async () => (await inForce()).some((one) => one.target === ATTACKER && one.kernel === 'held'), 'the kernel holds it');
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await page.getByText('Undone').waitFor();
  await until(async () => (await inForce()).length === 0, 'it is undone');

  await page.keyboard.press('c');
  await page.getByRole('dialog', { name: /^Close/ }).waitFor();
  await page.keyboard.press('1');
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^Closed/).first().waitFor();
  const queue = JSON.parse((await rig.ask('GET', `/v1/queue?filter=${encodeURIComponent(`id:${id}`)}`)).text) as { rows: { status: string; resolution: string }[] };
  expect(queue.rows.map((row) => [row.status, row.resolution])).toEqual([['resolved', 'true-positive-remediated']]);
  expect(await badOf(page)).toEqual([]);
  expect(problems).toEqual([]);
}, 120_000);

it('leaves nothing behind', async () => {
  const over = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  expect(await over).toBe(0);
  expect(said).toContain('✓ clean up');
  expect(existsSync(join(rig.folder, 'run'))).toBe(false);
}, 60_000);
