// Can a person do the work of a night here, and can nobody who names a process make the console do something?
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from './agents';
import { badOf, PASSWORD, Rig, SCREENS, until } from './rig';
import { alert, item } from './seed';
import { bytesUntilQueue, load, longestTask, paints } from './speed';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let rig: Rig;
let page: Page;

beforeAll(async () => {
  rig = await Rig.start();
  const apps = ['shop', 'wiki', 'mail', 'git', 'chat', 'cache'];
  for (let host = 1; host <= 4; host += 1) {
    const some = apps.map((app, n) => alert({ id: `00000000000a${host}${n}00`.slice(0, 16), host: `web-${host}`, app, score: [96, 82, 64, 45, 31, 12][(n + host) % 6] as number, minutes: 3 + n * 47 + host * 290, peer: `203.0.113.${60 + n}`, inbound: n % 3 === 2 }));
    await rig.report(`web-${host}`, some.map(item));
    for (let ago = 0; ago < 12; ago += 1) await rig.report(`web-${host}`, [{ type: 'contacts', contacts: apps.map((app, n) => contact(app, n, host, ago)) }]);
    await rig.report(`web-${host}`, [health(host)]);
  }
  const context = await rig.context();
  page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
});
afterAll(() => rig?.stop());
const problems: string[] = [];

/** How a host is; the third is poorly. */
const health = (host: number) => ({ type: 'health', at: new Date().toISOString(), health: { kernel: '6.1.0', sensor: 'bpf', firewall: 'bpf+nftables', mode: host === 2 ? 'enforce' : 'advise', capabilities: [{ name: 'ring buffer', status: 'ok', lost: '' }, { name: 'conntrack', status: host === 3 ? 'missing' : 'ok', lost: host === 3 ? 'translated addresses' : '' }], data: [{ source: 'intel', age: 600, status: 'ok' }, { source: 'advisories debian', age: 3600 * host, status: 'ok, 41000 records' }, { source: 'advisories osv', age: host === 3 ? 1_036_800 : 900, status: host === 3 ? 'outdated: not confirmed for 12 days' : 'ok, 9000 records' }], losses: { ring_full: host === 3 ? 12 : 0 }, counters: {} } });

/** What an application had to do with a peer in an hour that began so many hours ago. */
function contact(app: string, n: number, host: number, ago: number) {
  const hour = Date.now() - (Date.now() % 3_600_000) - ago * 3_600_000;
  const count = 4 + ((n * 7 + host * 3 + ago * ago * (n + 1)) % 23);
  const seen = ago === 0 ? Date.now() - 60_000 * n : hour + 3_000_000;
  return { hour: new Date(hour).toISOString(), application: { kind: 'unit', id: `${app}.service`, name: app }, direction: n % 2 ? 'inbound' : 'outbound', protocol: 'tcp', peer: `203.0.113.${60 + n}`, port: 443, name: 'cdn.evil.example', count, carried: 3, bytes_in: 12_000 * (n + 1), bytes_out: 3000, first_seen: new Date(Math.max(hour, seen - 600_000)).toISOString(), last_seen: new Date(seen).toISOString() };
}

const shot = (name: string, on = page) => on.screenshot({ path: join(SCREENS, `${name}.png`) });

/** No serious violation, by the rules of axe. */
async function judged(on: Page, name: string): Promise<void> {
  await on.evaluate(AXE).catch(() => undefined);
  const found = await on.evaluate(async () => {
    const axe = (window as unknown as { axe: { run: (options: unknown) => Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.filter((one) => one.impact === 'serious' || one.impact === 'critical').map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 240)}`).join(' | ')}`);
  });
  expect(found, name).toEqual([]);
}

describe('the console', () => {
  it('is set up with the printed code, and the page may do little', async () => {
    const answer = await page.goto(rig.setup);
    const policy = answer?.headers()['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) expect(policy).toContain(part);
    expect(answer?.headers()['cache-control']).toBe('no-store');
    await page.getByLabel('Name').waitFor();
    await shot('setup');
    await judged(page, 'setup');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the first admin' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  it('says no to a wrong password and lets the right one in', async () => {
    const other = await (await rig.context()).newPage();
    await other.goto(rig.origin);
    await other.getByLabel('Name').fill('ada');
    await other.getByLabel('Password', { exact: true }).fill('not it at all');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('alert').waitFor();
    await shot('sign-in', other);
    await judged(other, 'sign-in');
    await rig.signIn(other);
    await other.context().close();
  });

  it('sends little before the first page is there', async () => {
    const other = await (await rig.context()).newPage();
    await rig.signIn(other);
    const bytes = await bytesUntilQueue(other, rig.origin);
    console.log(`console: ${Math.round(bytes / 1000)} kB until the queue is there`);
    expect(bytes).toBeLessThan(150_000);
    // Without anything kept by the browser; the quickest of three, as the machine does other things too.
    const paint = Math.min(...(await paints(other, rig.origin, 3)).map((one) => one.paint));
    console.log(`console: first paint after ${Math.round(paint)} ms`);
    expect(paint).toBeLessThanOrEqual(1000);
    await other.context().close();
  });

  it('is worked through by keyboard alone', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    await page.getByRole('grid').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('e');
    await page.getByText('Investigating', { exact: true }).waitFor();
    await page.keyboard.press('o');
    await page.getByRole('complementary', { name: 'Alert' }).getByRole('heading', { level: 2 }).first().waitFor();
    expect(page.url()).toContain('open=');
    await page.waitForTimeout(400);
    await shot('queue-with-alert');
    await page.keyboard.press('Escape');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('2 selected').waitFor();
    await page.keyboard.press('c');
    await page.getByRole('dialog', { name: 'Close 2 alerts' }).waitFor();
    await page.keyboard.press('3');
    await shot('close');
    await page.keyboard.press('Control+Enter');
    await page.getByText('Closed: 2 alerts').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('Undone').waitFor();
    const closed = JSON.parse((await rig.ask('GET', '/v1/queue?filter=status:resolved')).text);
    expect(closed.rows).toEqual([]);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await shot('keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('combobox').fill('wiki');
    await page.getByRole('dialog').getByRole('option').nth(1).waitFor();
    await page.waitForTimeout(400);
    await shot('palette');
    await judged(page, 'palette');
    await page.keyboard.press('Escape');
  });

  it('underlines the place where a filter is wrong', async () => {
    await page.goto(`${rig.origin}/queue`);
    await page.getByRole('grid').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('kev:yes hots:web-1');
    await page.keyboard.press('Enter');
    await page.locator('mark').waitFor();
    expect(await page.locator('mark').textContent()).toBe('hots');
    await shot('filter');
    await judged(page, 'filter');
    await page.getByLabel('Filter alerts').fill('host:web-1');
    await page.keyboard.press('Enter');
    await page.getByText('6 alerts', { exact: false }).first().waitFor();
  });

  it('shows what is new as a pill, and moves no row', async () => {
    await page.goto(`${rig.origin}/queue`);
    await page.getByText('live', { exact: true }).waitFor();
    const first = await page.getByRole('row').nth(1).getAttribute('id');
    await rig.report('web-1', [item(alert({ id: 'ffffffffffff0001', host: 'web-1', app: 'fresh', score: 99, minutes: 0 }))]);
    await page.getByRole('button', { name: '1 new' }).waitFor();
    expect(await page.getByRole('row').nth(1).getAttribute('id')).toBe(first);
    await shot('queue');
    await page.getByRole('button', { name: '1 new' }).click();
    await until(async () => (await page.getByRole('row').nth(1).getAttribute('id')) === 'row-ffffffffffff0001', 'the new one is on its place');
  });

  it('goes on where one was when the session has ended', async () => {
    const other = await (await rig.context()).newPage();
    await rig.signIn(other);
    await other.goto(`${rig.origin}/queue?filter=host:web-2`);
    await other.getByRole('grid').waitFor();
    await other.context().clearCookies();
    await other.getByLabel('Order').selectOption('first_seen');
    await other.getByText('Your session has ended').waitFor();
    await other.getByLabel('Name').fill('ada');
    await other.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('grid').waitFor();
    expect(other.url()).toContain('filter=host%3Aweb-2');
    await other.context().close();
  });

  it('keeps comments as text', async () => {
    await page.goto(`${rig.origin}/alerts/ffffffffffff0001`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByRole('textbox', { name: 'Comment' }).fill('**Seen** before, see `pcap`\n\n- <script>pwned()</script>\n- [ticket](https://tickets.example/7)');
    await page.getByRole('button', { name: 'Comment', exact: true }).click();
    await page.getByRole('link', { name: 'ticket' }).waitFor();
    expect(await page.locator('article strong').textContent()).toBe('Seen');
    await page.goto(`${rig.origin}/alerts/ffffffffffff0001`);
    await page.getByRole('heading', { name: 'Work' }).waitFor();
    await page.waitForTimeout(400);
    await shot('alert');
    expect(await badOf(page)).toEqual([]);
  });

  it('keeps tags, another severity and a reopened alert, as the server does', async () => {
    const id = 'ffffffffffff0001';
    const work = async () => JSON.parse((await rig.ask('GET', `/v1/alerts/${id}`)).text).work;
    await page.goto(`${rig.origin}/alerts/${id}`);
    const pane = page.getByRole('region', { name: 'Work' });
    await pane.getByRole('button', { name: 'add' }).first().click();
    await pane.getByLabel('Tag', { exact: true }).fill('team');
    await pane.getByLabel('Value, if any').fill('blue');
    await pane.getByRole('button', { name: 'Do it' }).click();
    await pane.getByText('team=blue').waitFor();
    await pane.getByRole('button', { name: 'change' }).last().click();
    await pane.getByLabel('How bad').selectOption('low');
    await pane.getByLabel('Why', { exact: true }).fill('a machine for tests');
    await pane.getByRole('button', { name: 'Do it' }).click();
    await pane.getByText('a machine for tests').waitFor();
    const kept = await work();
    expect([kept.tags.team, kept.severity.level, kept.severity.author]).toEqual(['blue', 'low', 'ada']);
    await pane.getByRole('button', { name: 'take back' }).click();
    await pane.getByText('as calculated').waitFor();
    await pane.getByRole('button', { name: 'Take the tag team away' }).click();
    await pane.getByText('team=blue').waitFor({ state: 'detached' });
    await rig.ask('POST', `/v1/alerts/${id}/resolve`, { resolution: 'testing' });
    await page.goto(`${rig.origin}/alerts/${id}`);
    await pane.getByRole('button', { name: 'Reopen' }).click();
    await pane.getByLabel('Status').waitFor();
    expect((await work()).status).toBe('open');
  });

  it('says until when somebody has to do something, and what was kept', async () => {
    await rig.report('web-1', [item(alert({ id: 'dddddddddddd0001', host: 'web-1', app: 'ledger', score: 95, minutes: 1, peer: '203.0.113.91' }))]);
    await page.goto(`${rig.origin}/queue?filter=app:ledger&sort=due`);
    await page.getByRole('row', { name: /ledger/ }).getByText(/^due in 1[0-5] min$/).waitFor();
    await page.goto(`${rig.origin}/alerts/dddddddddddd0001`);
    const promised = page.getByRole('list', { name: 'Promised' });
    await promised.getByText(/^Take up by .*, in 1[0-5] min$/).waitFor();
    await promised.getByText(/^Resolve by .*, in 23 h$/).waitFor();
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await promised.getByText(/^Taken up in time, /).waitFor();
    expect((await rig.ask('GET', `/v1/queue?filter=${encodeURIComponent('overdue>0s app:ledger')}`)).text).toContain('"rows":[]');
  });

  const PAGES: [string, string][] = [['overview', '/'], ['alerts', '/queue'], ['connections', '/connections'], ['actions', '/actions'], ['exceptions', '/exceptions'], ['hosts', '/hosts'], ['feeds', '/feeds'], ['channels-none', '/channels'], ['users', '/users'], ['tokens', '/tokens'], ['audit', '/audit'], ['settings', '/settings'],
    ['address', '/address/203.0.113.62'], ['application', '/application/shop'], ['cve', '/cve/CVE-2026-10001'], ['host', '/host/web-3'], ['feed', '/feed/c2-tracker'],
    ['package', '/package/pkg%3Amaven%2Forg.example%2Flogging-core%402.14.1'], ['exception', '/exception/EXCEPTION'], ['user', '/user/ada'], ['action-gone', '/action/none']];

  it('serves nobody badly: axe finds nothing serious on any page', async () => {
    const made = await rig.ask('POST', '/v1/exceptions', { target: '203.0.113.65', application: 'unit:cache.service', hosts: 'web-*', ticket: 'OPS-7', reason: 'the vendor measures from there', for_seconds: 604_800 });
    const { id } = JSON.parse(made.text) as { id: string };
    for (const page of PAGES) page[1] = page[1].replace('EXCEPTION', id);
    for (const [name, path] of [...PAGES, ['alert', '/alerts/ffffffffffff0001'] as [string, string]]) {
      await page.goto(rig.origin + path);
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(500);
      // No agent answers here: what is in force is asked for as long as the server waits.
      if (['overview', 'address', 'host'].includes(name)) await until(async () => (await page.locator('.bones').count()) === 0, 'all of it is there');
      await judged(page, name);
      if (!['alerts', 'actions', 'channels-none', 'action-gone'].includes(name)) await shot(name);
      expect(await badOf(page), name).toEqual([]);
    }
  });

  it('is light, of high contrast, and small', async () => {
    for (const theme of ['light', 'contrast']) {
      await page.evaluate((chosen) => localStorage.setItem('tripoint-theme', chosen), theme);
      for (const [name, path] of [['queue', '/queue'], ['overview', '/'], ['alert', '/alerts/ffffffffffff0001']] as const) {
        await page.goto(rig.origin + path);
        await page.locator('main h1').first().waitFor({ state: 'attached' });
        await page.waitForTimeout(400);
        await judged(page, `${name} ${theme}`);
        if (theme === 'light' || name === 'queue') await shot(`${name}-${theme}`);
      }
    }
    await page.evaluate(() => localStorage.setItem('tripoint-theme', 'dark'));
    await page.setViewportSize({ width: 390, height: 844 });
    for (const [name, path] of [...PAGES, ['alert', '/alerts/ffffffffffff0001'] as [string, string]]) {
      await page.goto(rig.origin + path);
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(300);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name} is not wider than the screen`).toBeLessThanOrEqual(390);
      if (['alerts', 'alert', 'overview'].includes(name)) {
        await judged(page, `${name} small`);
        await shot(`${name}-small`);
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  it('opens what the address says is open, for who may, and does nothing by itself', async () => {
    const asked: string[] = [];
    const note = (one: { method: () => string; postData: () => string | null; url: () => string }) => { if (one.method() === 'POST' && one.url().endsWith('/v1/actions')) asked.push(one.postData() ?? ''); };
    page.on('request', note);
    await page.goto(`${rig.origin}/alerts/ffffffffffff0001?dialog=block&for=3600`);
    const dialog = page.getByRole('dialog', { name: 'Block 203.0.113.66' });
    await dialog.waitFor();
    expect(await dialog.getByLabel('1 hour').isChecked()).toBe(true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('');
    await page.getByRole('button', { name: '7 d' }).click();
    await page.waitForURL(/\?dialog=block&for=604800$/);
    await page.reload();
    expect(await dialog.getByLabel('7 days').isChecked()).toBe(true);
    await page.goto(`${rig.origin}/address/203.0.113.62?dialog=allow`);
    await page.getByRole('dialog', { name: 'Allow 203.0.113.62' }).waitFor();
    for (const nothing of ['/alerts/ffffffffffff0001?dialog=constructor', '/address/203.0.113.62?dialog=isolate', '/host/none?dialog=isolate']) {
      await page.goto(rig.origin + nothing);
      await page.locator('main h1').first().waitFor();
      await page.waitForTimeout(300);
      expect(await page.getByRole('dialog').count(), nothing).toBe(0);
    }
    page.off('request', note);
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.filter((body) => JSON.parse(body).dry_run !== true), 'only asked what would be').toEqual([]);
    await rig.ask('POST', '/v1/users', { name: 'vic', role: 'viewer', password: PASSWORD, groups: [] });
    const other = await (await rig.context()).newPage();
    await rig.signIn(other, 'vic');
    await other.goto(`${rig.origin}/alerts/ffffffffffff0001?dialog=block`);
    await other.getByRole('button', { name: 'Disconnect' }).waitFor();
    await other.waitForTimeout(300);
    expect(await other.getByRole('dialog').count()).toBe(0);
    await other.context().close();
  });

  it('shows as many pages of a long list as the address says, over a reload', async () => {
    for (let n = 0; n < 205; n += 1) await rig.ask('DELETE', `/v1/groups/none-${n}`);
    await page.goto(`${rig.origin}/audit`);
    await page.getByText('200 rows').waitFor();
    await page.getByRole('button', { name: 'Older' }).click();
    await page.waitForURL(/[?&]pages=2(?:&|$)/);
    const rows = page.getByRole('row');
    await until(async () => (await rows.count()) > 206, 'the older rows are there');
    const before = await rows.count();
    await page.reload();
    await until(async () => (await rows.count()) >= before, 'they are there again');
  });

  it('says that nobody is told, and where to change it, while there is no route', async () => {
    await page.goto(`${rig.origin}/settings`);
    const card = page.getByRole('region', { name: 'Where alerts go' });
    await card.getByText('Nobody is told.').waitFor();
    await card.getByLabel('Of which alert').selectOption({ index: 1 });
    await card.getByText('Nobody would be told: no route takes it.').waitFor();
  });

  it('draws what began when, and says the same as a table', async () => {
    await page.goto(`${rig.origin}/?span=week`);
    const card = page.getByRole('region', { name: 'Alerts, by when they began' });
    const picture = card.getByRole('img');
    await picture.waitFor();
    const series = JSON.parse((await rig.ask('GET', `/v1/queue/series?since=${new Date(Date.now() - 604_800_000).toISOString()}&buckets=56`)).text) as { lines: { counts: number[] }[] };
    const all = series.lines.flatMap((line) => line.counts).reduce((sum, one) => sum + one, 0);
    expect(await picture.getAttribute('aria-label')).toContain(`Alerts by when they began: ${all} `);
    await card.getByText('As a table').click();
    const cells = (await card.locator('td.num').allInnerTexts()).map(Number).reduce((sum, one) => sum + one, 0);
    expect(cells).toBe(all);
    await card.getByRole('link').first().click();
    await page.getByRole('grid').waitFor();
    expect(page.url()).toContain('first_seen');
    await page.goto(`${rig.origin}/connections?by=direction`);
    const hours = page.getByRole('region', { name: 'Connections, hour by hour' });
    await hours.locator('.legend').getByText('outbound').waitFor();
    await judged(page, 'connections by direction');
  });

  it('names what is most exposed first, and whose advisories are old', async () => {
    // Whoever has been silent for a minute is not asked.
    for (let host = 1; host <= 4; host += 1) await rig.report(`web-${host}`, [health(host)]);
    await page.goto(rig.origin);
    const exposed = page.getByRole('region', { name: 'Most exposed applications' });
    await exposed.getByRole('listitem').first().getByText('exploited in the wild, likely succeeded').waitFor();
    const scores = JSON.parse((await rig.ask('GET', '/v1/queue?filter=kev%3Ayes%20evidence%3Alikely_succeeded%20not%20status%3Aresolved&limit=500')).text).rows as { application: { name: string }; score: number }[];
    const worst = Math.max(...scores.map((row) => row.score));
    const first = await exposed.getByRole('listitem').first().locator('bdi').innerText();
    expect(scores.some((row) => row.application.name === first && row.score === worst)).toBe(true);
    const advisories = page.getByRole('region', { name: 'Advisories' });
    await advisories.getByText('1 of 2 sources fresh on every host').waitFor();
    await advisories.getByText('osv: outdated: not confirmed for 12 days on').waitFor();
    await advisories.getByText('The oldest, debian on').waitFor();
    await advisories.getByRole('link', { name: 'web-3' }).click();
    await page.getByRole('heading', { name: 'web-3', level: 1 }).waitFor();
  });

  it('tells what is known of a vulnerability, and from how many alerts', async () => {
    await page.goto(`${rig.origin}/cve/cve-2026-10001`);
    const known = page.getByRole('region', { name: 'What is known of it' });
    await known.getByText('known to be exploited in the wild').waitFor();
    await known.getByText('9.9 of 10').waitFor();
    await known.getByText('97.5 %').waitFor();
    await known.getByRole('link', { name: 'logging-core' }).first().waitFor();
    await known.getByText('replace /opt/shop/lib/logging-core-2.14.1.jar by 2.17.1').first().waitFor();
    await known.getByText('Read from the 20 alerts seen last; there are more.').waitFor();
    await known.getByRole('link', { name: 'logging-core' }).first().click();
    await page.getByRole('region', { name: 'What is wrong with it' }).getByText('Read from the 20 alerts seen last').waitFor();
  });

  it('shows on the page of an address that its network is blocked, and says so where nobody could be asked', async () => {
    const host = new Host(rig, 'web-1');
    const id = host.hold('203.0.113.0/24');
    await page.goto(`${rig.origin}/address/203.0.113.60`);
    const force = page.getByRole('region', { name: 'Is it blocked?' });
    await force.getByText('203.0.113.0/24').waitFor();
    expect(await force.getByRole('link', { name: 'Blocked' }).getAttribute('href')).toContain(`/action/${id}`);
    await page.getByRole('region', { name: 'Who calls it bad?' }).getByRole('link', { name: 'example-drop' }).waitFor();
    await judged(page, 'address in a blocked network');
    await force.getByRole('button', { name: 'Lift…' }).click();
    await page.getByRole('dialog', { name: 'Lift the block of 203.0.113.0/24' }).getByRole('button', { name: 'Lift it' }).click();
    await until(() => host.held.size === 0, 'what is lifted is the network');
    await host.stop();
    await page.route('**/v1/actions', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ type: 'tripoint:busy', title: 'busy', status: 503, detail: 'the store is busy' }) }));
    await page.goto(`${rig.origin}/address/203.0.113.60`);
    await force.getByRole('alert').getByText('the store is busy').waitFor();
    await page.goto(`${rig.origin}/host/web-1`);
    await page.getByRole('region', { name: 'In force on it' }).getByRole('alert').waitFor();
    await page.unroute('**/v1/actions');
  });

  it('says of what nobody knows that it does not know it, and calls the rest by its name', async () => {
    await page.goto(`${rig.origin}/host/nope`);
    await page.getByText('No agent of this name has reported').waitFor();
    expect(await page.getByRole('button', { name: 'Isolate' }).count()).toBe(0);
    await page.goto(`${rig.origin}/address/nope`);
    await page.getByText('This is no address, no network').waitFor();
    await page.goto(`${rig.origin}/address/unheard.example`);
    await page.getByText('Nothing is known here of this name').waitFor();
    expect(await page.getByRole('button', { name: 'Block' }).count()).toBe(0);
    await page.goto(`${rig.origin}/application/nope`);
    await page.getByText('Nothing is known here of an application').waitFor();
    await page.goto(`${rig.origin}/alerts/ffffffffffff0001`);
    await page.getByText('ATT&CK T1190 Exploit Public-Facing Application').waitFor();
    await until(async () => (await page.title()).startsWith('fresh@web-1 connected to'), 'the tab bears the title of the alert');
    await page.route('**/v1/alerts/*/context', (route) => route.fulfill({ status: 503, body: '' }));
    await page.reload();
    await page.getByText('The next step, what was promised and related alerts are not known').waitFor();
    await page.unroute('**/v1/alerts/*/context');
    await page.goto(`${rig.origin}/package/${encodeURIComponent('pkg:maven/org.example/logging-core@2.14.1')}`);
    await page.getByRole('heading', { name: 'logging-core 2.14.1', level: 1 }).waitFor();
    await until(async () => (await page.title()) === 'logging-core 2.14.1 · Package – Tripoint', 'the tab bears the name of the package');
  });

  it('follows connections as hosts report them, without asking for the list again', async () => {
    await page.goto(`${rig.origin}/connections?peer=203.0.113.0%2F24`);
    const table = page.getByRole('region', { name: 'connections', exact: true });
    await table.getByRole('row').nth(1).waitFor();
    await page.getByRole('button', { name: 'Follow' }).click();
    await page.getByText('live: what hosts report comes by itself').waitFor();
    await page.waitForTimeout(500);
    const asked: string[] = [];
    const note = (request: { url: () => string }) => asked.push(new URL(request.url()).pathname);
    page.on('request', note);
    const fresh = (peer: string, port: number) => ({ ...contact('shop', 0, 1, 0), peer, port });
    await rig.report('web-1', [{ type: 'contacts', contacts: [fresh('203.0.113.199', 8443), fresh('198.51.100.199', 8444)] }]);
    const row = table.getByRole('row', { name: /203\.0\.113\.199/ });
    await row.waitFor();
    const count = Number(await row.getByRole('cell').nth(6).innerText());
    await rig.report('web-1', [{ type: 'contacts', contacts: [fresh('203.0.113.199', 8443)] }]);
    await until(async () => Number(await row.getByRole('cell').nth(6).innerText()) === 2 * count, 'the row grows in its place');
    expect(await table.getByText('198.51.100.199').count(), 'not asked for').toBe(0);
    page.off('request', note);
    expect(asked.filter((path) => path === '/v1/connections')).toEqual([]);
    await page.getByRole('button', { name: 'Following' }).click();
    await page.getByText('live: what hosts report').waitFor({ state: 'detached' });
  });

  it('keeps a selection in the address', async () => {
    await page.goto(`${rig.origin}/queue?filter=host:web-2`);
    await page.getByRole('grid').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.waitForURL(/selected=/);
    await page.reload();
    await page.getByText('2 selected').waitFor();
    expect(await page.getByRole('row', { selected: true }).count()).toBe(2);
  });

  it('makes an exception after a preview, and takes it back', async () => {
    await page.goto(`${rig.origin}/alerts/ffffffffffff0001`);
    await page.getByRole('button', { name: 'Exception…' }).click();
    await page.getByRole('dialog').getByLabel('Why', { exact: true }).fill('a test of ours');
    await page.getByRole('dialog').getByRole('button', { name: 'Preview' }).click();
    await page.getByRole('region', { name: 'What it would cover' }).waitFor();
    await page.getByRole('button', { name: 'Make it' }).waitFor();
    await shot('exception-preview');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('Exception made').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('Undone').waitFor();
    const left = JSON.parse((await rig.ask('GET', '/v1/exceptions')).text).exceptions as { reason: string }[];
    expect(left.filter((one) => one.reason === 'a test of ours')).toEqual([]);
  });

  it('scrolls ten thousand rows without a long task', async () => {
    for (let batch = 0; batch < 20; batch += 1) {
      const some = Array.from({ length: 500 }, (_, n) => alert({ id: (0xc0000000 + batch * 500 + n).toString(16).padStart(16, '0'), host: `bulk-${batch}`, app: `app-${n % 40}`, score: n % 60, minutes: n, poor: true }));
      await rig.report(`bulk-${batch}`, some.map(item));
    }
    const other = await page.context().newPage();
    const bytes = await bytesUntilQueue(other, rig.origin);
    console.log(`console: ${Math.round(bytes / 1000)} kB until a queue of 10,000 is there`);
    expect(bytes).toBeLessThan(150_000);
    await other.close();
    await page.goto(`${rig.origin}/queue?filter=host:bulk-*`);
    await page.getByRole('grid').waitFor();
    await load(page, 9_990);
    // What the page itself costs comes each time; what the machine does besides does not.
    const pass = () => longestTask(page);
    const longest = Math.min(await pass(), await pass(), await pass());
    console.log(`console: longest task while 10,000 rows scroll: ${Math.round(longest)} ms (0: none over 50)`);
    expect(longest).toBeLessThanOrEqual(50);
  }, 150_000);

  it('works on ten thousand at once, says how far it is, stops when told, and undoes it', async () => {
    const count = async (filter: string) => JSON.parse((await rig.ask('GET', `/v1/queue/facets?filter=${encodeURIComponent(filter)}`)).text).total as number;
    await page.goto(`${rig.origin}/queue?filter=host:bulk-*`);
    await page.getByText('10,000', { exact: false }).or(page.getByText('10\u202f000', { exact: false })).first().waitFor();
    await page.keyboard.press('X');
    await page.getByRole('button', { name: /^Select all/ }).click();
    await page.getByText(/^10.000 selected$/).waitFor({ timeout: 60_000 });
    await page.keyboard.press('e');
    const bar = page.getByRole('progressbar', { name: 'Investigating' });
    await bar.waitFor();
    await until(async () => Number(await bar.getAttribute('value')) > 0, 'some is done');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText(/^Stopped: .* alerts left as they were$/).waitFor({ timeout: 30_000 });
    const some = await count('host:bulk-* status:investigating');
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(10_000);
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('Undone', { exact: true }).waitFor({ timeout: 60_000 });
    expect(await count('host:bulk-* status:investigating')).toBe(0);
    console.log(`console: stopped after ${some} of 10,000, and undone`);
  }, 180_000);

  it('had no error of its own', () => expect(problems).toEqual([]));
});
