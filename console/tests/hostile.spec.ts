// Can somebody who names a process, a host or a line of a log make the console do something? 500 payloads in 40 fields.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payloads } from './payloads';
import { badOf, PASSWORD, Rig, SCREENS } from './rig';
import { alert, item } from './seed';

const ALL = payloads();
const PLAIN = 'plain words';
/** Pages that are open at once. */
const TABS = 3;
const FIELDS = 40;

let rig: Rig;
let pages: Page[] = [];
const problems: string[] = [];
let cells = 0;
const fields = new Set<string>();

const idOf = (n: number) => (0xe0000000 + n).toString(16).padStart(16, '0');
/** What a name may be long; what the rest has to say stands in other fields. */
const short = (text: string, most: number) => [...text].slice(0, most).join('');
const hostOf = (text: string, n: number) => `${short(text, 48)} ${n}`;

/** The fields of what was sent that hold the text, or as much of it as there is room for. */
function holding(value: unknown, text: string, path = ''): string[] {
  if (typeof value === 'string') return value.includes(short(text, 15)) ? [path] : [];
  if (Array.isArray(value)) return value.flatMap((one) => holding(one, text, `${path}[]`));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, one]) => [...holding(name, text, `${path}.{}`), ...holding(one, text, `${path}.${name}`)]);
}

async function seed(text: string, n: number): Promise<void> {
  const host = hostOf(text, n);
  const app = short(text, 200);
  const hour = new Date(Date.now() - (Date.now() % 3_600_000)).toISOString();
  const now = new Date().toISOString();
  const one = alert({ id: idOf(n), host, app, score: 90, minutes: n % 50, text, peer: `2001:db8::${n.toString(16)}` });
  const contact = { hour, application: { kind: 'unit', id: app, name: app }, direction: 'outbound', protocol: 'tcp', peer: `2001:db8::${n.toString(16)}`, port: 443, name: short(text, 60), count: 1, carried: 1, bytes_in: 1, bytes_out: 1, first_seen: now, last_seen: now };
  const health = { kernel: text, sensor: 'bpf', firewall: 'bpf+nftables', mode: 'advise', capabilities: [{ name: text, status: 'missing', lost: text }], data: [{ source: text, age: 1, status: 'fresh' }], losses: {}, counters: {} };
  const items = [item(one), { type: 'contacts', contacts: [contact] }, { type: 'health', at: now, health }];
  await rig.report(host, items, short(text, 60));
  const few = short(text, 250);
  const works: object[] = [{ do: 'comment', text }, { do: 'assign', assignee: few }, { do: 'tag', name: 'seen', value: few }, { do: 'attach', name: few, url: 'https://tickets.example/7' }, { do: 'severity', level: 'critical', reason: few }];
  for (const work of works) {
    const answer = await rig.ask('POST', `/v1/alerts/${idOf(n)}/work`, work);
    expect(answer.status, `${JSON.stringify(work).slice(0, 200)}: ${answer.text.slice(0, 300)}`).toBe(200);
  }
  if (text === PLAIN) return;
  const held = [...holding({ alert: one }, text), ...holding({ contact, health, agent: { host, version: text } }, text), ...works.flatMap((work) => holding({ work }, text).map((path) => `${path} (${(work as { do: string }).do})`))];
  expect(new Set(held).size, `fields that hold ${JSON.stringify(text)}`).toBeGreaterThanOrEqual(FIELDS);
  cells += held.length;
  held.forEach((path) => fields.add(path));
}

/** What is kept by people: held to a few, as the server does. */
async function seedPeople(): Promise<void> {
  const some = ALL.filter((text) => text.trim() !== '' && Buffer.byteLength(text) <= 1000);
  for (const [n, text] of some.slice(0, 120).entries()) {
    const answer = await rig.ask('POST', '/v1/exceptions', { target: `192.0.2.${n}`, application: `exe:${text}`, hosts: `none-${text}`, rule: text, cves: [text], ticket: text, reason: text, for_seconds: 86_400 });
    expect(answer.status, answer.text).toBe(200);
    cells += 6;
  }
  let kept = 0;
  for (const text of some.slice(0, 95)) {
    const answer = await rig.ask('POST', '/v1/views', { name: short(text, 60), filter: `"${text.replace(/[\\"]/g, '\\$&')}"`, sort: '-score', shared: true });
    // Controls are refused in names; no other reason is good enough.
    if (answer.status === 200) kept += 2;
    else expect(answer.text).toContain('control');
  }
  for (const [n, text] of some.slice(0, 60).entries()) {
    const answer = await rig.ask('POST', '/v1/groups', { name: `g${n}`, hosts: [short(text, 100)] });
    if (answer.status === 200) kept += 1;
    // Names of people and programs are plain, whatever a client sends.
    if (/^[\w.@-]{1,64}$/.test(text)) continue;
    for (const [path, body] of [['/v1/groups', { name: text, hosts: ['x'] }], ['/v1/users', { name: text, role: 'viewer', password: PASSWORD }], ['/v1/bouncers', { name: text }]] as const) {
      const refused = await rig.ask('POST', path, body);
      expect([400, 422], `${path} ${refused.text}`).toContain(refused.status);
    }
  }
  cells += kept;
}

async function each<T>(list: T[], width: number, work: (one: T, lane: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async (_, lane) => {
    while (next < list.length) await work(list[next++] as T, lane);
  }));
}

/** RFC 4180, as a spreadsheet reads it. */
function records(file: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of file.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end !== ',') rows.push([]);
  }
  return rows;
}

interface Seen { bad: string[]; strange: string[]; marks: boolean; tags: Record<string, number>; late: string }

/** Goes to a page of the console without loading it anew, waits until it is all there, and looks for what should not be. */
function look(page: Page, path: string, wanted: { text?: string; ready?: string }): Promise<Seen> {
  return page.evaluate(async ({ path, wanted }) => {
    history.pushState(null, '', path);
    dispatchEvent(new PopStateEvent('popstate'));
    const there = () => {
      const main = document.querySelector('main');
      if (!main || main.querySelector('.bones') || !main.querySelector('h1')) return false;
      return (!wanted.ready || main.querySelector(wanted.ready) !== null) && (!wanted.text || main.textContent?.includes(wanted.text));
    };
    const end = performance.now() + 15_000;
    do await new Promise((resolve) => setTimeout(resolve, 8));
    while (!there() && performance.now() < end);
    const strange: string[] = [];
    const note = (what: string, element: Element) => strange.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
    const ours = (address: string) => new URL(address, location.href).origin === location.origin && !address.startsWith('//');
    for (const element of document.querySelectorAll('html, head, head *, body, #app, #app *, body > *')) {
      const name = element.localName;
      const inHead = element.closest('head') !== null || element.parentElement === document.body;
      if (/^(iframe|object|embed|img|image|video|audio|base|portal|template|marquee|math|foreignObject|animate|use|frame|applet|style)$/i.test(name) || name.includes('-') || (name === 'noscript' && !inHead)) note('element', element);
      if (/^(script|link|meta)$/.test(name) && !inHead) note('element', element);
      for (const { name: attribute, value } of element.attributes) {
        if (/^on/i.test(attribute) || /^(srcdoc|formaction|xlink:href|action|background|ping|popover)$/i.test(attribute)) note(`attribute ${attribute}`, element);
        if (attribute === 'id' && value === 'pwn') note('id', element);
        const isIcon = name === 'link' && element.getAttribute('rel') === 'icon';
        const isTold = name === 'a' && /^https?:\/\//.test(value) && element.getAttribute('rel') === 'noopener noreferrer';
        if (/^(href|src|data)$/i.test(attribute) && !ours(value) && !isIcon && !isTold) note(`address ${value.slice(0, 60)}`, element);
      }
    }
    const main = document.querySelector('main');
    const tags: Record<string, number> = {};
    // Comments may be made of emphasis and links; they are looked at above like everything else.
    for (const element of main?.querySelectorAll('*') ?? []) if (!element.closest('article')) tags[element.localName] = (tags[element.localName] ?? 0) + 1;
    const text = document.title + (main as HTMLElement | null)?.innerText;
    return { bad: (window as unknown as { bad: string[] }).bad, strange, marks: /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u001b\u0007\u009b\u0000]/.test(text), tags, late: there() ? '' : (main?.innerText ?? '').slice(0, 400) };
  }, { path, wanted });
}

function fine(seen: Seen, what: string): void {
  if (seen.bad.length === 0 && seen.strange.length === 0 && !seen.marks && !seen.late) return;
  expect(seen, what).toEqual({ ...seen, bad: [], strange: [], marks: false, late: '' });
}

beforeAll(async () => {
  rig = await Rig.start();
  await seedPeople();
  await seed(PLAIN, ALL.length);
  await each([...ALL.entries()], 8, ([n, text]) => seed(text, n));
  const context = await rig.context();
  pages = await Promise.all(Array.from({ length: TABS }, () => context.newPage()));
  for (const page of pages) {
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
    page.on('dialog', (dialog) => { problems.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
    page.on('request', (request) => { if (!request.url().startsWith(`${rig.origin}/`) && !request.url().startsWith('blob:')) problems.push(`asks elsewhere: ${request.url()}`); });
    page.on('console', (line) => { if (/content security policy|trusted ?type|refused to/i.test(line.text())) problems.push(line.text()); });
  }
  const first = pages[0] as Page;
  await rig.setUp(first);
  await Promise.all(pages.map(async (page) => {
    await page.goto(`${rig.origin}/settings`);
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
  }));
}, 240_000);
afterAll(() => rig?.stop());

describe(`${ALL.length} payloads`, () => {
  it('are sent in forty fields each', () => {
    console.log(`console: ${cells} cells of ${fields.size} fields and what people keep hold one of ${ALL.length} payloads`);
    expect(new Set(ALL).size).toBe(500);
    expect(cells).toBeGreaterThanOrEqual(ALL.length * FIELDS);
  });

  it('change nothing on the page of their alert: not one element more than with plain words', async () => {
    const begun = Date.now();
    const page = (n: number) => ({ text: idOf(n), ready: '#like-title' });
    const plain = await look(pages[0] as Page, `/alerts/${idOf(ALL.length)}`, page(ALL.length));
    fine(plain, 'plain words');
    await each([...ALL.entries()], TABS, async ([n, text], lane) => {
      const seen = await look(pages[lane] as Page, `/alerts/${idOf(n)}`, page(n));
      fine(seen, `alert with ${JSON.stringify(text)}`);
      expect(seen.tags, `elements of the alert with ${JSON.stringify(text)}`).toEqual(plain.tags);
    });
    console.log(`console: ${ALL.length} alerts opened in ${Date.now() - begun} ms`);
  }, 120_000);

  it('do nothing on the pages about what they name', async () => {
    let opened = 0;
    const about = ['application', 'host', 'feed', 'cve', 'address', 'package', 'user', 'exception', 'channel'];
    await each([...ALL.entries()], TABS, async ([n, text], lane) => {
      const kind = about[n % about.length] as string;
      const name = kind === 'host' ? hostOf(text, n) : short(text, 200);
      fine(await look(pages[lane] as Page, `/${kind}/${encodeURIComponent(name)}`, {}), `${kind} of ${JSON.stringify(text)}`);
      opened += 1;
      if (n % 10 > 0) return;
      fine(await look(pages[lane] as Page, `/queue?open=${idOf(n)}&filter=${encodeURIComponent(`id:${idOf(n)}`)}`, { text: idOf(n) }), `panel of ${JSON.stringify(text)}`);
      fine(await look(pages[lane] as Page, `/queue?filter=${encodeURIComponent(text)}`, {}), `filter ${JSON.stringify(text)}`);
      opened += 2;
    });
    console.log(`console: ${opened} pages about what they name`);
  }, 120_000);

  it('do nothing in lists, in any order, in files', async () => {
    const lists = ['/', '/actions', '/queue', '/queue?sort=-last_seen', '/connections', '/exceptions', '/hosts', '/feeds', '/channels', '/users', '/tokens', '/audit', '/settings'];
    await each(lists, TABS, async (path, lane) => fine(await look(pages[lane] as Page, path, {}), path));
    const page = pages[0] as Page;
    for (const [path, button] of [['/queue', 'Save as CSV'], ['/exceptions', 'CSV'], ['/hosts', 'CSV'], ['/connections', 'CSV']] as const) {
      await page.goto(rig.origin + path);
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: button, exact: true }).first().click();
      const file = readFileSync(await (await waiting).path(), 'utf8');
      expect(file.length, path).toBeGreaterThan(2000);
      const wild = records(file).flat().filter((cell) => /^\s*[=+@|%\uff1d\uff0b\uff0d\uff20-]/.test(cell) && !/^-?[\d.]+$/.test(cell));
      expect(wild, path).toEqual([]);
      expect(file, path).not.toMatch(/[\u0000\u001b\u202e]/);
    }
    await page.goto(`${rig.origin}/alerts/${idOf(ALL.indexOf('-->' + ALL.find((one) => one.startsWith('<img'))))}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(SCREENS, 'hostile.png') });
  }, 60_000);

  it('ran nothing, asked nobody and were never reported', async () => {
    expect(problems).toEqual([]);
    for (const page of pages) expect(await badOf(page)).toEqual([]);
  });
});
