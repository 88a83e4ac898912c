// Does what the console says happen in the kernel? With the agent of this host, on documentation addresses only.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { badOf, Rig, SCREENS, until } from './rig';
import { alert, item } from './seed';

const PEER = '203.0.113.97';
let rig: Rig;
let page: Page;
const problems: string[] = [];

const inForce = async () => JSON.parse((await rig.ask('GET', '/v1/actions')).text) as { actions: { target: string; kernel: string }[]; hosts: string[] };

beforeAll(async () => {
  rig = await Rig.start('up', { TRIPOINT_INTEL__PERMIT_RANGES: '203.0.113.0/24' });
  const host = await until(async () => (await inForce()).hosts[0], 'the agent of this host answers', 60_000);
  await rig.report(host, [item(alert({ id: 'ababababababab01', host, app: 'shop', score: 91, peer: PEER }))]);
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  await rig.setUp(page);
});
afterAll(async () => {
  await rig?.ask('POST', '/v1/actions/release-all').catch(() => undefined);
  await rig?.stop();
});

describe('with the agent of this host', () => {
  it('blocks by the keyboard with a preview, says what the kernel says, and undoes it', async () => {
    await page.goto(`${rig.origin}/queue`);
    await page.getByRole('grid').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('b');
    const dialog = page.getByRole('dialog', { name: `Block ${PEER}` });
    await dialog.getByText('No live connection would end.').waitFor();
    expect((await inForce()).actions, 'a preview does nothing').toEqual([]);
    await page.screenshot({ path: join(SCREENS, 'block-preview.png') });
    await dialog.getByLabel('Why').fill('seen in the logs');
    await dialog.getByRole('button', { name: 'Block' }).click();
    // Five minutes after signing in it would be asked again who is there; now it is known.
    await page.getByText(`Block ${PEER}: done, read back from the kernel`).waitFor();
    await until(async () => (await inForce()).actions.some((action) => action.target === PEER && action.kernel === 'held'), 'the kernel holds it');
    await page.goto(`${rig.origin}/actions`);
    await page.getByRole('link', { name: PEER }).waitFor();
    await page.screenshot({ path: join(SCREENS, 'actions.png') });
    await page.getByRole('link', { name: PEER }).click();
    await page.getByRole('heading', { name: `Block of ${PEER}` }).waitFor();
    await page.getByText('held', { exact: true }).waitFor();
    await page.screenshot({ path: join(SCREENS, 'action.png') });
    expect(page.url()).toContain('host=');
    await page.getByRole('button', { name: 'Lift…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Lift it' }).click();
    await until(async () => (await inForce()).actions.length === 0, 'it is lifted');
    await page.goto(`${rig.origin}/alerts/ababababababab01`);
    await page.getByRole('button', { name: '24 h' }).click();
    await page.getByText('No live connection would end.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByText('read back from the kernel').first().waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('Undone').waitFor();
    await until(async () => (await inForce()).actions.length === 0, 'it is undone');
    expect(await badOf(page)).toEqual([]);
  });

  it('says why the guard refuses', async () => {
    await page.goto(`${rig.origin}/actions`);
    await page.getByLabel('Address, network or name to block').fill('127.0.0.1');
    await page.getByRole('button', { name: 'Block…' }).click();
    await page.getByText('Refused:').waitFor();
    await page.screenshot({ path: join(SCREENS, 'block-refused.png') });
    expect(await page.getByRole('dialog').getByRole('button', { name: 'Block', exact: true }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await page.goto(`${rig.origin}/hosts`);
    await page.getByText('connected', { exact: true }).first().waitFor();
    expect(problems).toEqual([]);
  });
});
