// Can a person prove who they are, be asked again, come back where they were, and keep and order their work?
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { encode } from 'uqr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badOf, PASSWORD, Rig, SCREENS, until } from './rig';
import { alert, item } from './seed';

const ID = ['00000000000000a1', '00000000000000a2', '00000000000000a3'] as const;
let rig: Rig;
let page: Page;
let secret = '';
let codes: string[] = [];
const problems: string[] = [];

/** The six digits of RFC 6238 for a key in Base32, at a step from now. */
function digits(key: string, step = 0): string {
  const bits = [...key.replace(/[\s=]/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + step));
  const hash = createHmac('sha1', bytes).update(counter).digest();
  const at = (hash.at(-1) ?? 0) & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** A code that still holds for some seconds: each does for its own half minute alone. */
async function lasting(key: string): Promise<string> {
  const into = (Date.now() / 1000) % 30;
  if (into > 22) await new Promise((done) => setTimeout(done, (31 - into) * 1000));
  return digits(key);
}

const shot = (name: string) => page.screenshot({ path: join(SCREENS, `${name}.png`) });
const alertOf = async (id: string) => JSON.parse((await rig.ask('GET', `/v1/alerts/${id}`)).text);
async function signIn(on: Page, totp: string): Promise<void> {
  await on.getByLabel('Name').fill('ada');
  await on.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await on.getByLabel('Six digits').fill(totp);
  await on.getByRole('button', { name: 'Sign in' }).click();
}

/** Of what was shown nothing is in the document any more, neither to be read nor hidden, nor in the title. */
async function nothingOf(on: Page): Promise<void> {
  const all = await on.evaluate(() => `${document.title} ${document.documentElement.outerHTML}`);
  for (const shown of ['203.0.113', 'web-1', 'shop-', ...ID, 'seen before']) expect(all, shown).not.toContain(shown);
  expect(await on.evaluate(() => Object.keys(sessionStorage).length + Object.values(localStorage).filter((kept) => /203\.0|web-1|ada/.test(kept)).length)).toBe(0);
}

beforeAll(async () => {
  rig = await Rig.start();
  await rig.report('web-1', ID.map((id, n) => item(alert({ id, host: 'web-1', app: `shop-${n}`, score: 70 + n, peer: `203.0.113.${60 + n}` }))));
  page = await (await rig.context()).newPage();
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  await rig.setUp(page);
});
afterAll(() => rig?.stop());

describe('a person', () => {
  it('adds an authenticator by a code that a telephone can read, and gets recovery codes once', async () => {
    await page.goto(`${rig.origin}/settings`);
    const card = page.getByRole('region', { name: 'Authenticator' });
    const told = page.waitForResponse('**/v1/me/totp');
    await card.getByRole('button', { name: 'Add one' }).click();
    const seed = (await (await told).json()) as { secret: string; uri: string };
    secret = seed.secret;
    const picture = card.getByRole('img', { name: 'QR code' });
    await picture.waitFor();
    // The squares are those of the address, and the address is the one that authenticators know.
    expect(seed.uri).toContain(`secret=${secret}`);
    const { data } = encode(seed.uri, { border: 3 });
    const drawn = (await picture.locator('path').getAttribute('d')) ?? '';
    expect(drawn.split('M').length - 1).toBe(data.flat().filter(Boolean).length);
    await shot('authenticator');
    await card.getByLabel('The six digits').fill('000000');
    await card.getByRole('button', { name: 'Confirm' }).click();
    await page.locator('.toast.is-failed').waitFor();
    await card.getByLabel('The six digits').fill(await lasting(secret));
    await card.getByRole('button', { name: 'Confirm' }).click();
    await card.getByText('each opens once').waitFor();
    codes = await card.locator('ol li').allInnerTexts();
    expect(codes.length).toBe(10);
    // Each is read whole: none lies over another.
    expect(await page.locator('.codes li').evaluateAll((all) => all.every((one) => one.scrollWidth <= one.clientWidth))).toBe(true);
    await shot('recovery-codes');
    const waiting = page.waitForEvent('download');
    await card.getByRole('button', { name: 'Save as a file' }).click();
    expect((await waiting).suggestedFilename()).toBe('tripoint-recovery-codes.txt');
    await card.getByRole('button', { name: 'I have kept them' }).click();
    await card.getByText('asked for at each sign-in').waitFor();
    await page.reload();
    await card.getByText('asked for at each sign-in').waitFor();
    expect(await page.locator('main').innerText()).not.toContain(codes[0] as string);
  });

  it('signs in with it, or with a recovery code, which opens once', async () => {
    const other = await (await rig.context()).newPage();
    await other.goto(rig.origin);
    await signIn(other, '');
    await other.getByRole('alert').waitFor();
    // The code that switched it on opens nothing any more; that of the next half minute does.
    await signIn(other, digits(secret));
    await other.getByRole('alert').waitFor();
    rig.sql('UPDATE users SET totp_step = totp_step - 2');
    await signIn(other, await lasting(secret));
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await signIn(other, codes[0] as string);
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await signIn(other, codes[0] as string);
    await other.getByRole('alert').waitFor();
    expect(await badOf(other)).toEqual([]);
    await other.context().close();
  });

  it('is asked again who is there before something that matters, and what was begun goes on', async () => {
    if (!rig.sql('UPDATE sessions SET confirmed = confirmed - 301000000')) return;
    await page.goto(`${rig.origin}/exceptions`);
    await page.getByRole('button', { name: 'Make one' }).click();
    const form = page.getByRole('dialog', { name: 'Make an exception' });
    await form.getByLabel('Peer').fill('203.0.113.200');
    await form.getByLabel('Why', { exact: true }).fill('a test of ours');
    await form.getByRole('button', { name: 'Preview' }).click();
    await form.getByRole('button', { name: 'Make it' }).click();
    const asked = page.getByRole('dialog', { name: 'Is it still you?' });
    await asked.waitFor();
    await page.waitForTimeout(200);
    await shot('step-up');
    await asked.getByLabel('Password').fill('not it at all');
    await asked.getByRole('button', { name: 'Confirm' }).click();
    await asked.getByRole('alert').waitFor();
    expect(JSON.parse((await rig.ask('GET', '/v1/exceptions')).text).exceptions).toEqual([]);
    await asked.getByLabel('Password').fill(PASSWORD);
    await asked.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('Exception made').waitFor();
    // The next one is not asked for: it holds for five minutes.
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('Exception removed').waitFor();
    // Whoever does not confirm has done nothing.
    rig.sql('UPDATE sessions SET confirmed = confirmed - 301000000');
    await page.goto(`${rig.origin}/users`);
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByLabel('Name').fill('web');
    await page.getByLabel('Hosts', { exact: true }).fill('web-*');
    await page.getByRole('button', { name: 'Keep' }).click();
    await asked.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.toast.is-failed').waitFor();
    expect(JSON.parse((await rig.ask('GET', '/v1/groups')).text)).toEqual([]);
    expect(await page.getByLabel('Name').inputValue()).toBe('web');
  });

  it('proves it at the provider in another window, and what was begun goes on in this one', async () => {
    await rig.ask('POST', '/v1/users', { name: 'olga', role: 'admin', password: PASSWORD, groups: [] });
    const other = await (await rig.context()).newPage();
    await rig.signIn(other, 'olga');
    // As whoever signs in by a provider is kept.
    if (!rig.sql("UPDATE users SET password = '' WHERE name = 'olga'")) return;
    rig.sql("UPDATE sessions SET confirmed = confirmed - 301000000 WHERE person = 'olga'");
    await other.goto(`${rig.origin}/settings`);
    await other.getByText('you have no password here').waitFor();
    expect(await other.getByLabel('Until now').count()).toBe(0);
    // The provider, as far as this server hears of it: the person is there, and the browser is sent on to where it was to go.
    await other.context().route('**/v1/oidc/begin?*', async (route) => {
      const asked = new URL(route.request().url()).searchParams;
      expect(asked.get('confirm')).toBe('true');
      rig.sql(`UPDATE sessions SET confirmed = ${Date.now() * 1000} WHERE person = 'olga'`);
      await route.fulfill({ status: 303, headers: { location: asked.get('then') ?? '' } });
    });
    await other.goto(`${rig.origin}/exceptions`);
    await other.getByRole('button', { name: 'Make one' }).click();
    const form = other.getByRole('dialog', { name: 'Make an exception' });
    await form.getByLabel('Peer').fill('203.0.113.201');
    await form.getByLabel('Why', { exact: true }).fill('typed before');
    await form.getByRole('button', { name: 'Preview' }).click();
    await form.getByRole('button', { name: 'Make it' }).click();
    const asked = other.getByRole('dialog', { name: 'Is it still you?' });
    const opened = other.context().waitForEvent('page');
    await asked.getByRole('link', { name: 'Prove it where you sign in' }).click();
    await opened;
    await other.getByText('Exception made').waitFor();
    const { exceptions } = JSON.parse((await rig.ask('GET', '/v1/exceptions')).text) as { exceptions: { reason: string }[] };
    expect(exceptions.map((one) => one.reason)).toEqual(['typed before']);
    await other.getByRole('button', { name: 'Remove' }).click();
    await other.getByText('Exception removed').waitFor();
    expect(await badOf(other)).toEqual([]);
    await other.context().close();
  });

  it('clears the page when the session ends, and keeps the words that one had begun', async () => {
    await page.goto(`${rig.origin}/alerts/${ID[0]}`);
    await page.getByRole('textbox', { name: 'Comment' }).fill('seen before, in spring');
    if (!rig.sql('UPDATE sessions SET used = used - 1801000000')) await page.context().clearCookies();
    await page.getByRole('button', { name: 'Comment', exact: true }).click();
    await page.getByText('Your session has ended').waitFor();
    await page.waitForTimeout(200);
    await shot('session-ended');
    await nothingOf(page);
    await signIn(page, codes[1] as string);
    await page.getByText('Your session has ended').waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Related alerts' }).waitFor();
    expect(await page.getByRole('textbox', { name: 'Comment' }).inputValue()).toBe('seen before, in spring');
    await page.getByRole('button', { name: 'Comment', exact: true }).click();
    await page.locator('article').getByText('seen before, in spring').waitFor();
    expect((await alertOf(ID[0])).work.comments[0].text).toBe('seen before, in spring');
  });

  it('shows nothing of it to somebody else who signs in there', async () => {
    await rig.ask('POST', '/v1/users', { name: 'vera', role: 'viewer', password: PASSWORD, groups: [] });
    const other = await (await rig.context()).newPage();
    await rig.signIn(other, 'vera');
    await other.goto(`${rig.origin}/alerts/${ID[0]}`);
    await other.getByRole('heading', { name: 'Related alerts' }).waitFor();
    await other.context().clearCookies();
    await other.reload();
    await other.getByLabel('Name').waitFor();
    expect(await other.locator('body').innerText(), 'nothing is there before one has signed in').not.toContain('203.0.113');
    await rig.signIn(other, 'vera');
    await other.goto(`${rig.origin}/alerts/${ID[0]}`);
    await other.getByRole('heading', { name: 'Related alerts' }).waitFor();
    await other.context().clearCookies();
    await other.getByText('Your session has ended').waitFor({ timeout: 30_000 });
    await nothingOf(other);
    await signIn(other, codes[2] as string);
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await other.context().close();
  });

  it('is shown nothing any more when its time is over, also where the server cannot be asked', async () => {
    const other = await (await rig.context()).newPage();
    await other.clock.install();
    await rig.signIn(other, 'vera');
    await other.goto(`${rig.origin}/alerts/${ID[0]}`);
    await other.getByRole('heading', { name: 'Related alerts' }).waitFor();
    await other.context().setOffline(true);
    await other.clock.fastForward('11:59:00');
    await other.getByRole('heading', { name: 'Related alerts' }).waitFor();
    await other.clock.fastForward('01:10');
    await other.getByText('Your session has ended').waitFor();
    await nothingOf(other);
    await other.context().close();
  });

  it('chooses another password by a code that an admin handed over, once', async () => {
    await page.goto(`${rig.origin}/users`);
    await page.getByRole('row', { name: /vera/ }).getByRole('button', { name: 'Lost…' }).click();
    const lost = page.getByRole('dialog', { name: 'What has vera lost?' });
    await lost.getByLabel('How do you know who asks?').fill('called back on the known number');
    const told = page.waitForResponse('**/v1/users/vera/reset');
    await lost.getByRole('button', { name: 'The password: make a code' }).click();
    const asked = page.getByRole('dialog', { name: 'Is it still you?' });
    await Promise.race([asked.waitFor(), lost.getByText('Hand it over').waitFor()]);
    if (await asked.isVisible()) {
      await asked.getByLabel('Password').fill(PASSWORD);
      await asked.getByRole('button', { name: 'Confirm' }).click();
    }
    await lost.getByText('Hand it over').waitFor();
    await shot('password-code');
    expect((await told).status()).toBeLessThan(500);
    const link = (await lost.locator('code, .mono').first().innerText()).trim();
    expect(link).toMatch(/\/reset#vera:[A-Z2-7]{26}$/);
    const other = await (await rig.context()).newPage();
    await other.goto(link);
    await other.getByLabel('New password', { exact: true }).fill('four dry owls hoot');
    await other.getByLabel('New password again').fill('four dry owls hoot');
    await shot('password-reset');
    await other.getByRole('button', { name: 'Change it' }).click();
    await other.getByText('Your password is changed').waitFor();
    expect(other.url()).not.toContain('vera');
    await other.getByLabel('Name').fill('vera');
    await other.getByLabel('Password', { exact: true }).fill('four dry owls hoot');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    const again = await (await rig.context()).newPage();
    await again.goto(link);
    await again.getByLabel('New password', { exact: true }).fill('five grey owls nest');
    await again.getByLabel('New password again').fill('five grey owls nest');
    await again.getByRole('button', { name: 'Change it' }).click();
    await again.getByRole('alert').waitFor();
    await again.context().close();
    await other.context().close();
  });

  it('adds an authenticator before anything else where two factors are demanded', async () => {
    const strict = await Rig.start('server', {}, '[auth]\nsecond_factor = "required"\n');
    try {
      const first = await (await strict.context()).newPage();
      await first.goto(strict.setup);
      await first.getByLabel('Name').fill('ada');
      await first.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await first.getByLabel('Password again').fill(PASSWORD);
      await first.getByRole('button', { name: 'Make the first admin' }).click();
      const card = first.getByRole('region', { name: 'Add an authenticator' });
      await card.waitFor();
      await first.goto(`${strict.origin}/users`);
      await card.waitFor();
      expect(await first.getByRole('navigation').count()).toBe(0);
      const told = first.waitForResponse('**/v1/me/totp');
      await card.getByRole('button', { name: 'Add one' }).click();
      const seed = (await (await told).json()) as { secret: string };
      await card.getByRole('img', { name: 'QR code' }).waitFor();
      await first.screenshot({ path: join(SCREENS, 'enrol.png') });
      await card.getByLabel('The six digits').fill(await lasting(seed.secret));
      await card.getByRole('button', { name: 'Confirm' }).click();
      await card.getByText('each opens once').waitFor();
      await card.getByRole('button', { name: 'I have kept them' }).click();
      await first.getByRole('heading', { name: 'Users', exact: true }).waitFor();
      expect(await badOf(first)).toEqual([]);
    } finally {
      await strict.stop();
    }
  });

  it('keeps a view, comes back to it, and forgets it', async () => {
    await page.goto(`${rig.origin}/queue?filter=${encodeURIComponent('application:shop-1')}&sort=-last_seen`);
    await page.getByRole('button', { name: 'Keep this view' }).click();
    const dialog = page.getByRole('dialog', { name: 'Keep this view' });
    await dialog.getByLabel('Name').fill('The shop');
    await dialog.getByLabel('for everybody').check();
    await dialog.getByRole('button', { name: 'Keep', exact: true }).click();
    await page.getByText('View kept').waitFor();
    await page.goto(`${rig.origin}/queue`);
    await page.getByRole('button', { name: 'The shop' }).click();
    await page.getByText('1 alert', { exact: true }).waitFor();
    expect(page.url()).toContain('application%3Ashop-1');
    expect(page.url()).toContain('sort=-last_seen');
    await page.getByRole('button', { name: 'Forget this view' }).click();
    await page.getByText('View forgotten').waitFor();
    expect(JSON.parse((await rig.ask('GET', '/v1/views')).text).views).toEqual([]);
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByRole('button', { name: 'The shop' }).waitFor();
    await page.getByRole('button', { name: 'Forget this view' }).click();
    await page.getByRole('button', { name: 'The shop' }).waitFor({ state: 'detached' });
  });

  it('makes one alert part of another, and splits it off again', async () => {
    await page.goto(`${rig.origin}/alerts/${ID[1]}`);
    const pane = page.getByRole('region', { name: 'Work' });
    await pane.getByRole('button', { name: 'merge' }).click();
    await pane.getByLabel('Make it part of').fill(ID[0]);
    await pane.getByRole('button', { name: 'Do it' }).click();
    await pane.getByRole('link', { name: ID[0] }).click();
    await page.getByRole('region', { name: 'Part of this alert' }).getByRole('link').first().waitFor();
    expect((await alertOf(ID[1])).work.merged_into).toBe(ID[0]);
    expect(JSON.parse((await rig.ask('GET', '/v1/queue')).text).rows.map((row: { id: string }) => row.id)).not.toContain(ID[1]);
    await page.goto(`${rig.origin}/alerts/${ID[1]}`);
    await pane.getByRole('button', { name: 'split' }).click();
    await pane.getByRole('button', { name: 'merge' }).waitFor();
    expect((await alertOf(ID[1])).work.merged_into).toBeUndefined();
  });

  it('attaches what lies elsewhere by reference, and nothing that runs', async () => {
    await page.goto(`${rig.origin}/alerts/${ID[2]}`);
    const pane = page.getByRole('region', { name: 'Work' });
    const add = pane.getByRole('button', { name: 'add' }).nth(1);
    await add.click();
    await pane.getByLabel('What it is').fill('capture');
    await pane.getByLabel('Where it lies').fill('javascript:pwned()');
    await pane.getByRole('button', { name: 'Do it' }).click();
    await page.locator('.toast.is-failed').waitFor();
    await pane.getByLabel('Where it lies').fill('https://files.example/7.pcap');
    await pane.getByRole('button', { name: 'Do it' }).click();
    const link = pane.getByRole('link', { name: 'capture' });
    await link.waitFor();
    expect([await link.getAttribute('href'), await link.getAttribute('rel')]).toEqual(['https://files.example/7.pcap', 'noopener noreferrer']);
    await pane.getByRole('button', { name: 'take away' }).click();
    await link.waitFor({ state: 'detached' });
    await until(async () => ((await alertOf(ID[2])).work.attachments ?? []).length === 0, 'it is gone');
    expect(await badOf(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
