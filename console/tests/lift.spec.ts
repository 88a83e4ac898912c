// Is an action lifted where one looks at it and as its target asks, and is told what became of it?
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from './agents';
import { badOf, PASSWORD, Rig, until } from './rig';
import { alert, item } from './seed';

const PEER = '203.0.113.66';
const UNIT = 'unit:shop.service';
const ALERT = '00000000000000c1';
let rig: Rig;
let page: Page;
let web1: Host;
let web2: Host;
const problems: string[] = [];
const exceptions = async () => JSON.parse((await rig.ask('GET', '/v1/exceptions')).text).exceptions as { id: string; hosts?: string }[];

beforeAll(async () => {
  rig = await Rig.start();
  await rig.report('web-1', [item(alert({ id: ALERT, host: 'web-1', app: 'shop', score: 91, peer: PEER }))]);
  await rig.report('web-2', [item(alert({ id: '00000000000000c2', host: 'web-2', app: 'wiki', score: 61, peer: PEER }))]);
  [web1, web2] = [new Host(rig, 'web-1'), new Host(rig, 'web-2')];
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await rig.setUp(page);
});
afterAll(async () => {
  await Promise.all([web1?.stop(), web2?.stop()]);
  await rig?.stop();
});

describe('an action', () => {
  it('is lifted on the host that the page names, also after a link to another', async () => {
    const id = web1.hold(PEER);
    expect(web2.hold(PEER)).toBe(id);
    await page.goto(`${rig.origin}/action/${id}?host=web-1`);
    await page.getByRole('region', { name: 'Action' }).getByRole('link', { name: 'web-2' }).click();
    await page.waitForURL(/host=web-2/);
    await page.getByRole('region', { name: 'Action' }).locator('dd').getByRole('link', { name: 'web-1' }).waitFor();
    await page.getByRole('button', { name: 'Lift…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Lift it' }).click();
    await until(() => web2.held.size === 0, 'it is lifted on web-2');
    expect(web1.held.has(PEER), 'and stays on web-1').toBe(true);
    await page.getByText('It is not in force on web-2 now').waitFor();
    await page.getByText('Its target is held on web-1').waitFor();
  });

  it('says by the alert that caused it what became of it', async () => {
    await page.goto(`${rig.origin}/alerts/${ALERT}`);
    await page.getByRole('button', { name: '24 h' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByText('read back from the kernel').first().waitFor();
    await page.locator('header').getByRole('link', { name: PEER }).first().click();
    await page.getByRole('button', { name: 'Lift…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Lift it' }).click();
    const end = page.getByRole('region', { name: 'What became of it' });
    await end.getByText('It was lifted').waitFor();
    await end.getByRole('link', { name: ALERT }).waitFor();
    await page.goto(`${rig.origin}/action/never-heard-of?host=web-1&target=${PEER}`);
    await end.getByText('Not known: the one alert').waitFor();
  });

  it('lets a halted application go on, and leads to its page', async () => {
    web1.hold(UNIT);
    await page.goto(`${rig.origin}/actions`);
    await page.getByRole('link', { name: UNIT }).click();
    const facts = page.getByRole('region', { name: 'Action' });
    expect(await facts.getByRole('link', { name: UNIT }).getAttribute('href')).toBe('/application/shop.service');
    await page.getByRole('region', { name: 'Alerts with its target' }).getByRole('link', { name: /^shop@web-1/ }).waitFor();
    await page.getByRole('button', { name: 'Lift…' }).click();
    await page.getByRole('dialog', { name: `Let go on ${UNIT}` }).getByRole('button', { name: 'Let go on' }).click();
    await until(() => !web1.held.has(UNIT), 'it goes on');
  });

  it('takes back of an allowance what it made, and nothing else', async () => {
    const other = await rig.ask('POST', '/v1/exceptions', { target: PEER, reason: 'made a moment before', for_seconds: 3600 });
    expect(other.status).toBe(200);
    const mine = JSON.parse(other.text).id;
    // A browser whose clock is an hour ahead.
    const late = await (await rig.context()).newPage();
    await late.clock.install({ time: Date.now() + 3_600_000 });
    await rig.signIn(late);
    await late.goto(`${rig.origin}/alerts/${ALERT}`);
    await late.getByRole('button', { name: 'Allow…' }).click();
    await late.getByRole('dialog').getByRole('button', { name: 'Allow', exact: true }).click();
    await until(async () => (await exceptions()).length === 2, 'an exception is made');
    await late.getByRole('button', { name: 'Undo' }).last().click();
    await late.getByText('Undone').waitFor();
    expect((await exceptions()).map((one) => one.id)).toEqual([mine]);
    expect(await badOf(late)).toEqual([]);
    await late.context().close();
  });

  it('is allowed on one of their hosts by who is held to groups', async () => {
    expect((await rig.ask('POST', '/v1/groups', { name: 'web', hosts: ['web-1'] })).status).toBe(200);
    expect((await rig.ask('POST', '/v1/users', { name: 'wil', role: 'responder', password: PASSWORD, groups: ['web'] })).status).toBe(200);
    const theirs = await (await rig.context()).newPage();
    await rig.signIn(theirs, 'wil');
    for (const [place, path] of [['the alert', `/alerts/${ALERT}`], ['its peer', `/address/${PEER}`]]) {
      const before = new Set((await exceptions()).map((one) => one.id));
      await theirs.goto(rig.origin + path);
      await theirs.getByRole('button', { name: 'Allow…' }).click();
      const dialog = theirs.getByRole('dialog');
      if (path === `/address/${PEER}`) await dialog.getByRole('combobox').selectOption('web-1');
      await dialog.getByRole('button', { name: 'Allow', exact: true }).click();
      const made = await until(async () => (await exceptions()).find((one) => !before.has(one.id)), `${place} makes an exception`);
      expect(made.hosts, place).toBe('web-1');
    }
    expect(await badOf(theirs)).toEqual([]);
    await theirs.context().close();
  });

  it('is within reach on a small screen', async () => {
    web1.hold('2001:db8::66', { reason: 'W'.repeat(300) });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${rig.origin}/actions`);
    const lift = page.getByRole('row', { name: '2001:db8::66' }).getByRole('button', { name: 'Lift…' });
    await lift.click();
    await page.getByRole('dialog', { name: 'Lift the block of 2001:db8::66' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'the list scrolls, and not the page').toBeLessThanOrEqual(390);
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  it('had no error of its own', async () => {
    expect(problems).toEqual([]);
    expect(await badOf(page)).toEqual([]);
  });
});
