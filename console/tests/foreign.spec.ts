// Can a page of somebody else's change anything, or put ours in a frame, while a person is signed in? Promise S4.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, Rig } from './rig';
import { alert, item } from './seed';

const ID = '00000000000000aa';
let rig: Rig;
let context: BrowserContext;
let foreign: Server;
let elsewhere = '';
let ours: Page;

/** Everything of the server that a change would show in. */
async function state(): Promise<string> {
  const paths = [`/v1/alerts/${ID}`, '/v1/queue', '/v1/exceptions', '/v1/users', '/v1/groups', '/v1/tokens', '/v1/bouncers', '/v1/views', '/v1/channels', '/v1/sessions'];
  const said = await Promise.all(paths.map(async (path) => `${path} ${(await rig.ask('GET', path)).text}`));
  // When a session was last used is no change that somebody asked for.
  const mine = JSON.parse(await ours.evaluate(() => fetch('/v1/sessions').then((answer) => answer.text()))) as { id: string }[];
  return [...said, mine.map((one) => one.id).sort().join()].join('\n');
}

/** What somebody would want to happen: the route, and a body that the server would take from our own page. */
const WANTED: [string, string, object][] = [
  ['POST', `/v1/alerts/${ID}/resolve`, { resolution: 'expected' }], ['POST', `/v1/alerts/${ID}/comment`, { text: 'pwned' }], ['POST', `/v1/alerts/${ID}/work`, { do: 'assign', assignee: 'pwned' }], ['POST', '/v1/queue/work', { ids: [ID], work: { do: 'tag', name: 'pwned' } }],
  ['POST', '/v1/exceptions', { target: '203.0.113.66', reason: 'pwned', for_seconds: 3600 }], ['POST', '/v1/users', { name: 'eve', role: 'admin', password: PASSWORD }], ['POST', '/v1/users/ada', { disabled: true }], ['POST', '/v1/groups', { name: 'pwned', hosts: ['*'] }],
  ['POST', '/v1/tokens', { name: 'pwned', role: 'admin', expires: new Date(Date.now() + 86_400_000).toISOString() }], ['POST', '/v1/bouncers', { name: 'pwned' }], ['POST', '/v1/views', { name: 'pwned', filter: 'kev:yes' }], ['POST', '/v1/actions', { kind: 'block', targets: ['203.0.113.66'], confirmed: true }],
  ['POST', '/v1/actions/release-all', {}], ['POST', '/v1/me/password', { old: PASSWORD, new: 'four dry owls hum' }], ['POST', '/v1/me/totp', {}], ['POST', '/v1/session', { name: 'ada', password: PASSWORD }], ['POST', '/v1/session/confirm', { password: PASSWORD }],
  ['DELETE', '/v1/session', {}], ['DELETE', '/v1/sessions', {}], ['DELETE', '/v1/users/ada', {}], ['DELETE', `/v1/views/kept`, {}],
];

beforeAll(async () => {
  rig = await Rig.start();
  await rig.report('web-1', [item(alert({ id: ID, host: 'web-1', app: 'shop' }))]);
  // A page of another origin of the same site (another port), and, by its other name, of another site.
  foreign = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>foreign</title><body></body>'));
  await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
  elsewhere = String((foreign.address() as AddressInfo).port);
  context = await rig.context();
  ours = await context.newPage();
  await rig.setUp(ours);
  await ours.goto(`${rig.origin}/settings`);
  await rig.ask('POST', '/v1/views', { name: 'kept', filter: 'kev:yes', shared: true });
});
afterAll(async () => {
  foreign?.closeAllConnections();
  await new Promise((resolve) => foreign?.close(resolve));
  await rig?.stop();
});

/** The same page on two hosts: same site and other origin, other site. */
const FROM = ['127.0.0.1', 'localhost'];
const visit = async (host: string) => {
  const page = await context.newPage();
  await page.goto(`http://${host}:${elsewhere}/`);
  return page;
};

describe('a page of somebody else', () => {
  it('would be obeyed if it were ours: the same requests do change things', async () => {
    const before = await state();
    const done = await ours.evaluate(async (id) => (await fetch(`/v1/alerts/${id}/comment`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"ours"}' })).status, ID);
    expect(done).toBe(200);
    expect(await state()).not.toBe(before);
  });

  it('changes nothing by forms of any kind, in any window', async () => {
    const before = await state();
    let sent = 0;
    for (const host of FROM) {
      const page = await visit(host);
      for (const [, path, body] of WANTED) {
        for (const kind of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
          const [answer] = await Promise.all([
            page.waitForResponse((heard) => heard.url() === rig.origin + path && heard.request().method() === 'POST'),
            page.evaluate(({ address, kind, body }) => {
              const frame = Object.assign(document.createElement('iframe'), { name: `f${Math.random()}` });
              const form = Object.assign(document.createElement('form'), { method: 'POST', action: address, enctype: kind, target: frame.name });
              // The known trick: a body of text/plain that reads as JSON.
              const text = JSON.stringify(body);
              const field = Object.assign(document.createElement('input'), { name: `${text.slice(0, -1)}${text === '{}' ? '' : ','}"x":"`, value: '"}' });
              form.append(field);
              document.body.append(frame, form);
              form.submit();
            }, { address: rig.origin + path, kind, body }),
          ]);
          expect(answer.status(), `${kind} ${path} from ${host}`).toBeGreaterThanOrEqual(400);
          sent += 1;
        }
      }
      // The whole window goes there: what the browser calls a navigation of somebody's.
      await page.evaluate((address) => {
        const form = Object.assign(document.createElement('form'), { method: 'POST', action: address, enctype: 'text/plain' });
        document.body.append(form);
        form.submit();
      }, `${rig.origin}/v1/alerts/${ID}/comment`);
      await page.waitForURL(`${rig.origin}/**`);
      await page.close();
    }
    console.log(`console: ${sent} foreign forms changed nothing`);
    expect(await state()).toBe(before);
  }, 120_000);

  it('changes nothing by fetch, beacon or EventSource, and reads nothing', async () => {
    const before = await state();
    let sent = 0;
    for (const host of FROM) {
      const page = await visit(host);
      for (const [method, path, body] of WANTED) {
        const got = await page.evaluate(async ({ address, method, body }) => {
          const all: string[] = [];
          for (const mode of ['cors', 'no-cors'] as const) for (const credentials of ['include', 'omit', 'same-origin'] as const) for (const kind of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'text/plain;application/json']) {
            // A browser without CORS sends simple methods only.
            const verb = mode === 'no-cors' && method === 'DELETE' ? 'POST' : method;
            await fetch(address, { method: verb, mode, credentials, headers: { 'content-type': kind }, body: JSON.stringify(body) }).then((answer) => all.push(answer.type === 'opaque' ? 'opaque' : `${answer.status} readable`), () => all.push('refused'));
          }
          navigator.sendBeacon(address, new Blob([JSON.stringify(body)], { type: 'text/plain' }));
          return all;
        }, { address: rig.origin + path, method, body });
        sent += got.length + 1;
        expect(got.filter((one) => one.includes('readable')), `${method} ${path} from ${host}`).toEqual([]);
      }
      const read = await page.evaluate(async ({ origin }) => {
        const all: string[] = [];
        for (const path of ['/v1/session', '/v1/queue', '/v1/users', '/v1/audit', '/metrics']) await fetch(origin + path, { credentials: 'include' }).then((answer) => answer.text()).then((text) => all.push(text), () => undefined);
        for (const path of ['/v1/queue/watch', '/v1/alerts/watch']) {
          const source = new EventSource(origin + path, { withCredentials: true });
          await new Promise((resolve) => { source.onopen = () => { all.push(`${path} open`); resolve(0); }; source.onerror = resolve; setTimeout(resolve, 1500); });
          source.close();
        }
        await new Promise((resolve) => { const socket = new WebSocket(`${origin.replace('http', 'ws')}/v1/queue/watch`); socket.onopen = () => { all.push('socket'); resolve(0); }; socket.onerror = resolve; });
        return all;
      }, { origin: rig.origin });
      expect(read, `read from ${host}`).toEqual([]);
      await page.close();
    }
    console.log(`console: ${sent} foreign requests changed nothing`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await state()).toBe(before);
  }, 120_000);

  it('changes nothing by links and pictures of changing routes', async () => {
    const before = await state();
    for (const host of FROM) {
      const page = await visit(host);
      await page.evaluate(async ({ origin, paths }) => {
        const done: Promise<unknown>[] = [];
        for (const path of paths) for (const [tag, at] of [['img', 'src'], ['script', 'src'], ['link', 'href'], ['video', 'src'], ['embed', 'src']] as const) {
          const element = document.createElement(tag);
          if (tag === 'link') element.setAttribute('rel', 'stylesheet');
          done.push(new Promise((resolve) => { element.onload = resolve; element.onerror = resolve; setTimeout(resolve, 1500); }));
          element.setAttribute(at, origin + path);
          document.body.append(element);
        }
        await Promise.all(done);
      }, { origin: rig.origin, paths: [...new Set(WANTED.map(([, path]) => path))] });
      await page.close();
    }
    expect(await state()).toBe(before);
  }, 60_000);

  it('cannot put a page of ours in a frame', async () => {
    for (const host of FROM) {
      const page = await visit(host);
      for (const tag of ['iframe', 'object', 'embed']) {
        for (const path of ['/', '/queue', `/alerts/${ID}`, '/setup', '/v1/session', '/nothing']) {
          await page.evaluate(({ tag, address }) => new Promise((resolve) => {
            document.body.replaceChildren();
            const element = document.createElement(tag);
            element.setAttribute(tag === 'object' ? 'data' : 'src', address);
            if (tag !== 'iframe') element.setAttribute('type', 'text/html');
            element.onload = resolve;
            element.onerror = resolve;
            setTimeout(resolve, 700);
            document.body.append(element);
          }), { tag, address: rig.origin + path });
          const inside = await Promise.all(page.frames().slice(1).map((frame) => frame.evaluate(() => document.body?.innerText ?? '').catch(() => '')));
          const shown = inside.filter((text) => /Tripoint|Alerts|Sign in|ada|Overview/.test(text));
          expect(shown, `${tag} ${path} from ${host}`).toEqual([]);
        }
      }
      await page.close();
    }
  }, 60_000);

  it('gets nothing out of a window that it opens', async () => {
    const before = await state();
    for (const host of FROM) {
      const page = await visit(host);
      const opening = context.waitForEvent('page');
      await page.evaluate((origin) => { (window as unknown as { w: Window | null }).w = window.open(`${origin}/queue`); }, rig.origin);
      const opened = await opening;
      await opened.waitForLoadState();
      const got = await page.evaluate(async (origin) => {
        const w = (window as unknown as { w: Window | null }).w;
        const all: string[] = [];
        addEventListener('message', (event) => all.push(`said ${String(event.data)}`));
        for (const said of ['{"type":"navigate","to":"/users"}', { do: 'resolve' }, 'javascript:pwned()']) for (const to of ['*', origin]) w?.postMessage(said, to);
        try { all.push(String(w?.document?.title)); } catch { /* not ours to see */ }
        try { if (w) (w as unknown as { eval: (text: string) => void }).eval('1'); } catch { /* nor to run in */ }
        await new Promise((resolve) => setTimeout(resolve, 400));
        return all.filter((one) => one !== 'undefined');
      }, rig.origin);
      expect(got, host).toEqual([]);
      expect(await opened.evaluate(() => (window as unknown as { bad: string[] }).bad)).toEqual([]);
      // Neither knows the other: whoever opened it cannot lead it away later.
      expect(await opened.evaluate(() => window.opener)).toBe(null);
      await opened.close();
      await page.close();
    }
    expect(await state()).toBe(before);
  }, 60_000);
});
