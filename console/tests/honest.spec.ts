// Does the console say what it does not know: that the server is silent, that a file is not all, that a page has not come?
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badOf, Rig, until } from './rig';
import { alert, item } from './seed';

const ROWS = 620;
let rig: Rig;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  rig = await Rig.start('server', {}, '[[notify.channel]]\nname = "ops"\nkind = "slack"\nurl = "http://127.0.0.1:9/"\n');
  await rig.report('web-1', Array.from({ length: ROWS }, (_, n) => item(alert({ id: (0xa0000000 + n).toString(16).padStart(16, '0'), host: 'web-1', app: `app-${n % 40}`, minutes: n, poor: true }))));
  await rig.report('web-1', [item(alert({ id: 'a1'.repeat(8), host: 'web-1', app: 'shop', score: 92 }))]);
  const hour = new Date(Date.now() - (Date.now() % 3_600_000)).toISOString();
  const contacts = Array.from({ length: ROWS }, (_, n) => ({ hour, application: { kind: 'unit', id: `app-${n % 2}.service`, name: `app-${n % 2}` }, direction: 'outbound', protocol: 'tcp', peer: `198.51.${100 + Math.floor(n / 250)}.${n % 250}`, port: 443, count: 1, carried: 1, bytes_in: 1, bytes_out: 1, first_seen: hour, last_seen: hour }));
  // An item takes 500.
  await rig.report('web-1', [{ type: 'contacts', contacts: contacts.slice(0, 310) }, { type: 'contacts', contacts: contacts.slice(310) }]);
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await rig.setUp(page);
});
afterAll(async () => {
  rig?.signal('SIGCONT');
  await rig?.stop();
});

/** Rows of the file that the button of a list makes, and its name. */
async function saved(path: string, list: string): Promise<[number, string]> {
  await page.goto(rig.origin + path);
  const waiting = page.waitForEvent('download');
  await page.getByRole('region', { name: list }).getByRole('button', { name: 'JSON', exact: true }).click();
  const file = await waiting;
  return [JSON.parse(readFileSync(await file.path(), 'utf8')).length, file.suggestedFilename()];
}

describe('the console', () => {
  it('writes all that a list takes, however much of it is shown', async () => {
    expect(await saved('/connections', 'Connections')).toEqual([ROWS, 'connections.json']);
    expect(await saved('/host/web-1', 'Alerts of it')).toEqual([ROWS + 1, 'alerts.json']);
    for (let n = 0; n < 210; n += 1) await rig.ask('POST', '/v1/exceptions', {});
    const [rows, name] = await saved('/audit', 'Audit');
    expect(name).toBe('audit.json');
    const counted = Number((await page.getByRole('region', { name: 'Audit' }).getByText(/rows/).innerText()).match(/\d+/)?.[0]);
    expect(counted).toBe(200);
    expect(rows).toBeGreaterThan(210);
    expect(await saved('/', 'Most exposed applications')).toEqual([41, 'most-exposed.json']);
    expect(await saved('/settings', 'Where you are signed in')).toEqual([1, 'sessions.json']);
  });

  it('finds hosts, applications, packages, feeds and channels by name, and commands on every page', async () => {
    await page.goto(rig.origin);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    for (const [typed, found, address] of [['web-1', 'web-1', '/host/web-1'], ['shop', 'shop', '/application/shop'], ['logging', 'pkg:maven/org.example/logging-core@2.14.1', '/package/'], ['ops', 'ops', '/channel/ops'], ['ada', 'ada', '/user/ada'], ['nobody', "Alerts: Nobody's", '/queue']] as const) {
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').getByRole('combobox').fill(typed);
      await page.getByRole('option').filter({ has: page.getByText(found, { exact: true }) }).first().click();
      await until(() => new URL(page.url()).pathname.startsWith(address), `${typed} leads to ${address}: ${page.url()}`);
    }
  });

  it('knows a channel that is none, and a queue that does not answer', async () => {
    await page.goto(`${rig.origin}/channel/nope`);
    await page.getByText('There is no such channel').waitFor();
    expect(await page.getByRole('button', { name: 'Send a test' }).count()).toBe(0);
    await page.route('**/v1/queue?*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"type":"tripoint:full","detail":"the disk is full"}' }));
    await page.goto(`${rig.origin}/channel/ops`);
    await page.getByRole('button', { name: 'Send a test' }).waitFor();
    await page.getByText('the disk is full').waitFor();
    expect(await page.getByText('no alert yet').count()).toBe(0);
    await page.unroute('**/v1/queue?*');
  });

  it('shows that a page is on its way, and asks for it again when it does not come', async () => {
    const other = await (await rig.context()).newPage();
    await rig.signIn(other);
    let answer = (_: 'go' | 'fail') => {};
    let held = 0;
    await other.route('**/Feeds-*.js', async (route) => {
      held += 1;
      const how = await new Promise<'go' | 'fail'>((resolve) => (answer = resolve));
      await (how === 'go' ? route.continue() : route.abort());
    });
    await other.getByRole('link', { name: 'Feeds' }).first().click();
    await until(() => held === 1, 'the page is asked for');
    await other.getByRole('main').getByRole('status', { name: 'Loading' }).waitFor();
    answer('fail');
    await other.getByText('This page could not be loaded').waitFor();
    await other.unroute('**/Feeds-*.js');
    await other.getByRole('button', { name: 'Try again' }).click();
    await other.getByRole('heading', { name: 'Feeds' }).waitFor();
    await other.context().close();
  });

  it('does not take back what somebody else decided while the page stood open', async () => {
    const id = 'a1'.repeat(8);
    const stands = async () => JSON.parse((await rig.ask('GET', `/v1/alerts/${id}`)).text).work as { status: string; resolution?: string };
    await page.goto(`${rig.origin}/alerts/${id}`);
    await page.getByRole('toolbar', { name: 'What to do' }).waitFor();
    // Before the page looks again by itself.
    expect((await rig.ask('POST', `/v1/alerts/${id}/resolve`, { resolution: 'expected' })).status).toBe(200);
    await page.keyboard.press('e');
    await page.getByText('Left as it is: it is resolved (expected) meanwhile').waitFor();
    expect(await stands()).toMatchObject({ status: 'resolved', resolution: 'expected' });
    // Now it is seen, and meant.
    await page.keyboard.press('e');
    await until(async () => (await stands()).status === 'investigating', 'it is taken up again');
    await rig.ask('POST', `/v1/alerts/${id}/work`, { do: 'status', status: 'open' });
  });

  it('says of a server that hangs that it is not live, within 20 seconds, and follows again', async () => {
    await page.goto(`${rig.origin}/queue`);
    await page.getByText('live', { exact: true }).waitFor();
    rig.signal('SIGSTOP');
    const began = Date.now();
    await page.getByText('not live', { exact: true }).waitFor({ timeout: 21_000 });
    console.log(`console: not live after ${Math.round((Date.now() - began) / 1000)} s of silence`);
    rig.signal('SIGCONT');
    await page.getByText('live', { exact: true }).waitFor({ timeout: 30_000 });
    await rig.report('web-2', [item(alert({ id: 'b2'.repeat(8), host: 'web-2', app: 'shop', score: 92 }))]);
    await page.getByText(/1 new/).first().waitFor();
  }, 90_000);

  it('sums up what changed since the visit before, over a reload', async () => {
    await page.evaluate(() => localStorage.setItem('tripoint-visited', new Date(Date.now() - 35 * 60_000).toISOString()));
    const since = page.getByRole('region', { name: /^Since your last visit/ });
    const says = async () => {
      await page.goto(rig.origin);
      await since.getByRole('link', { name: /new$/ }).waitFor();
      return (await since.getByRole('listitem').allInnerTexts()).join('; ');
    };
    const first = await says();
    // Of those that began in the last 35 minutes, and two that began twelve minutes ago.
    expect(first).toMatch(/^3[67] new/);
    expect(await says()).toBe(first);
    expect(await badOf(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
