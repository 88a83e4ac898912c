// Does a channel tell what it sends, whether it works, and what it gave up? And an alert: is it handed on as report and STIX?
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badOf, Rig, SCREENS, until } from './rig';
import { alert, item } from './seed';

const HOSTILE = '<img id=pwn src=x onerror=pwned()>\u202e\u001b[31m';
let rig: Rig;
let page: Page;
let receiver: Server;
let status = 200;
const came: { path: string; body: string }[] = [];
const problems: string[] = [];
const shot = (name: string) => page.screenshot({ path: join(SCREENS, `${name}.png`) });

beforeAll(async () => {
  receiver = createServer((request, answer) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      came.push({ path: request.url ?? '', body });
      answer.writeHead(status, { 'content-type': 'text/plain' }).end(HOSTILE);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  rig = await Rig.start('server', {}, `
[[notify.channel]]
name = "ops"
kind = "slack"
url = "${at}/slack"
template = "{{ headline }} on {{ about }}"

[[notify.channel]]
name = "falco"
kind = "falcosidekick"
url = "${at}/falco"

[[notify.route]]
name = "high"
filter = "severity>=high"
channels = ["ops"]

[[notify.route]]
name = "team"
filter = "severity>=medium"
kinds = ["alerts", "overdue"]
channels = ["falco"]
quiet = ["00:00-24:00"]
zone = "+01:00"
digest = "15m"
escalate = [{ after = "90m", if = "unassigned", to = ["ops"] }]

[[notify.maintenance]]
name = "database move"
filter = "host:db-*"
until = "${new Date(Date.now() + 3 * 3_600_000).toISOString()}"

[[notify.maintenance]]
name = "new kernels"
from = "${new Date(Date.now() + 48 * 3_600_000).toISOString()}"
until = "${new Date(Date.now() + 50 * 3_600_000).toISOString()}"
`);
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await rig.setUp(page);
  await rig.report('web-1', [item(alert({ id: '00000000000000c1', host: 'web-1', app: 'shop', score: 92 }))]);
  await until(() => came.some((one) => one.path === '/slack'), 'the alert is told');
});
afterAll(async () => {
  receiver?.closeAllConnections();
  await new Promise((resolve) => receiver?.close(resolve));
  await rig?.stop();
});

describe('a channel', () => {
  it('says how it fares, sends a test, and shows what a template makes of an alert', async () => {
    await page.goto(`${rig.origin}/channels`);
    await page.getByRole('link', { name: 'ops' }).waitFor();
    await page.getByText('works', { exact: true }).first().waitFor();
    await shot('channels');
    await page.getByRole('link', { name: 'ops' }).click();
    await page.getByText('1 delivered').waitFor();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('The test was taken').waitFor();
    expect(came.at(-1)?.body).toContain('test');
    const before = came.length;
    await page.getByRole('button', { name: 'Preview' }).click();
    const preview = page.getByRole('region', { name: 'What it would send' }).last();
    await preview.getByText('on web-1').first().waitFor();
    expect(came.length, 'a preview sends nothing').toBe(before);
  });

  it('keeps what was given up with the reason, whatever the receiver says, and tries it again', async () => {
    status = 400;
    await rig.report('web-1', [item(alert({ id: '00000000000000c2', host: 'web-1', app: 'wiki', score: 93, peer: '203.0.113.99' }))]);
    const row = page.getByRole('region', { name: 'Given up' });
    await until(async () => JSON.parse((await rig.ask('GET', '/v1/channels/ops/dead')).text).letters.length === 1, 'it is given up');
    await page.goto(`${rig.origin}/channel/ops`);
    await row.getByText('400').first().waitFor();
    expect(await page.locator('#pwn').count()).toBe(0);
    expect(await badOf(page)).toEqual([]);
    await shot('channel');
    status = 200;
    const before = came.length;
    await row.getByRole('checkbox').check();
    await row.getByRole('button', { name: 'Try the chosen again' }).click();
    await page.getByText('1 message will be tried again').waitFor();
    await until(() => came.length > before, 'it comes again');
    await row.getByText('Nothing was given up.').waitFor({ timeout: 30_000 });
  });

  it('is told by routes that say what they take, what holds it back and what if nobody looks', async () => {
    await page.goto(`${rig.origin}/channel/ops`);
    const leads = page.getByRole('region', { name: 'What leads here' });
    for (const text of ['high', 'team', 'severity>=high', 'New and worse alerts', 'If nobody works on it after 1 h 30 min']) await leads.getByText(text, { exact: text === 'high' || text === 'team' }).first().waitFor();
    await leads.getByRole('link', { name: 'All routes, maintenance and promises' }).click();
    const card = page.getByRole('region', { name: 'Where alerts go' });
    for (const text of ['New and worse alerts, overdue alerts', 'Quiet 00:00-24:00 (UTC +01:00)', 'quiet now', 'Gathered for 15 min, then told as one.', 'Maintenance: database move.', 'planned', 'Taken up within']) await card.getByText(text).first().waitFor();
    expect(await card.getByRole('link', { name: 'severity>=medium' }).getAttribute('href')).toBe('/queue?filter=severity%3E%3Dmedium');
    await card.getByLabel('Of which alert').selectOption('00000000000000c1');
    await page.waitForURL(/\?alert=00000000000000c1$/);
    const answer = card.getByRole('status');
    await answer.getByText('at once').waitFor();
    await answer.getByText('held back for quiet hours of team until').waitFor();
    await answer.getByText('high: its filter takes it').waitFor();
    expect(await badOf(page)).toEqual([]);
    await page.mouse.move(0, 0);
    await card.scrollIntoViewIfNeeded();
    await card.evaluate((node) => node.scrollIntoView({ block: 'start' }));
    await shot('routing');
    await card.getByRole('link', { name: 'falco' }).first().click();
    await leads.getByText('Gathered for 15 min').waitFor();
    expect(await leads.getByText('high', { exact: true }).count(), 'it does not lead there').toBe(0);
  });

  it('is shown to a viewer without what only others may do', async () => {
    const name = 'vera';
    await rig.ask('POST', '/v1/users', { name, role: 'viewer', password: 'three wet owls sing', groups: [] });
    const other = await (await rig.context()).newPage();
    await rig.signIn(other, name);
    await other.goto(`${rig.origin}/channel/ops`);
    await other.getByText('2 delivered').or(other.getByText('3 delivered')).first().waitFor();
    for (const button of ['Send a test', 'Preview', 'Try all again']) expect(await other.getByRole('button', { name: button }).count(), button).toBe(0);
    await other.context().close();
  });
});

/** Words of a PDF as Chromium writes them are glyphs; the pages are counted by their objects, the title stands in plain. */
const pagesOf = (pdf: Buffer): number => {
  const text = [...pdf.toString('latin1').matchAll(/stream\r?\n([\s\S]*?)endstream/g)].map((match) => {
    try {
      return inflateSync(Buffer.from(match[1] as string, 'latin1')).toString('latin1');
    } catch {
      return '';
    }
  });
  return [pdf.toString('latin1'), ...text].join('\n').match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
};

describe('an alert', () => {
  it('is a report on paper: all of it, none of the buttons', async () => {
    await page.goto(`${rig.origin}/alerts/00000000000000c1`);
    await page.getByRole('heading', { name: 'Related alerts' }).waitFor();
    await page.emulateMedia({ media: 'print' });
    await page.waitForTimeout(200);
    const visible = await page.locator('main').innerText();
    // What is folded up on the screen is not on paper, and a moment is not so long ago.
    expect(visible).toContain('Mozilla/5.0');
    expect(visible).not.toMatch(/\d (min|h|d|s) ago/);
    expect(await page.locator('main').evaluate((main) => [...main.querySelectorAll('details')].every((one) => (one.lastElementChild as HTMLElement).checkVisibility({ contentVisibilityAuto: true })))).toBe(true);
    for (const text of ['connected to command-and-control server 203.0.113.66', 'Is it bad, and who says so?', 'c2-tracker', 'CVE-2026-10001', 'jndi', 'How bad, and why', 'What happened', 'Comments']) expect(visible, text).toContain(text);
    for (const name of ['Disconnect', 'Report (PDF)', 'Copy', 'Look again now']) expect(await page.getByRole('button', { name, exact: true }).and(page.locator(':visible')).count(), name).toBe(0);
    expect(await page.getByRole('navigation').and(page.locator(':visible')).count()).toBe(0);
    const pdf = await page.pdf({ format: 'A4', margin: { top: '12mm', bottom: '12mm', left: '12mm', right: '12mm' }, printBackground: true });
    const pages = pagesOf(pdf);
    console.log(`console: the report of an alert has ${pages} pages, ${Math.round(pdf.length / 1000)} kB`);
    expect(pages).toBeGreaterThanOrEqual(2);
    expect(pages).toBeLessThanOrEqual(6);
    await page.setViewportSize({ width: 794, height: 1123 });
    await shot('alert-report');
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ media: 'screen' });
  });

  it('prints when asked for the report, and is saved as STIX', async () => {
    await page.evaluate(() => { window.print = () => { (window as unknown as { printed: boolean }).printed = true; }; });
    await page.getByRole('button', { name: 'Report (PDF)' }).click();
    expect(await page.evaluate(() => (window as unknown as { printed?: boolean }).printed)).toBe(true);
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'STIX' }).click();
    const bundle = JSON.parse(readFileSync(await (await waiting).path(), 'utf8'));
    expect(bundle.type).toBe('bundle');
    expect(bundle.objects.map((one: { type: string }) => one.type)).toContain('vulnerability');
    expect(problems).toEqual([]);
  });
});
