// How are the real program and a real browser put up for a test?
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export const PASSWORD = 'three wet owls sing';
/** The pictures of the documentation are taken anew where that is asked for; else they go nowhere. */
export const SCREENS = process.env.UPDATE ? join(import.meta.dirname, '../../docs/screens') : mkdtempSync(join(tmpdir(), 'tp-screens-'));
export const PROGRAM = process.env.TRIPOINT_PROGRAM ?? join(import.meta.dirname, '../../target/debug/tripoint');
const BROWSER = process.env.TRIPOINT_BROWSER ?? '/usr/bin/chromium';

const opened = () => chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

export class Rig {
  sequence = 0;
  private constructor(readonly folder: string, readonly origin: string, readonly setup: string, private readonly child: ChildProcess | null, readonly browser: Browser) {}

  /** `server` alone, or `up` with the agent of this host. */
  static async start(command: 'server' | 'up' = 'server', more: Record<string, string> = {}, config = ''): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), `tp-${process.pid}-`));
    const file = join(folder, 'test.toml');
    writeFileSync(file, config);
    const ready = join(folder, 'ready');
    const child = spawn(PROGRAM, [command, '--data-dir', folder, '--listen', '127.0.0.1:0', '--ready-file', ready, '--config', file], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH ?? '', TRIPOINT_LOG: 'error', ...more } });
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await until(() => existsSync(ready) || child.exitCode !== null, `the program is ready: ${said}`);
    if (child.exitCode !== null) throw new Error(`the program ended: ${said}`);
    const setup = await until(() => /first sign-in: (\S+)/.exec(said)?.[1], 'the address of the first sign-in');
    mkdirSync(SCREENS, { recursive: true });
    return new Rig(folder, new URL(setup).origin, setup, child, await opened());
  }

  /** A browser beside a server that somebody else has started and will end. */
  static async beside(folder: string, setup: string): Promise<Rig> {
    return new Rig(folder, new URL(setup).origin, setup, null, await opened());
  }

  async stop(): Promise<void> {
    await this.browser.close();
    const { child } = this;
    if (!child) return;
    const over = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await over;
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (!process.env.UPDATE) rmSync(SCREENS, { recursive: true, force: true });
  }

  /** Halts the server as a debugger does, or lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(name);
  }

  /** Asks through the Unix socket, as root of this host. */
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const asked = request({ socketPath: join(this.folder, 'run/tripoint.sock'), method, path, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (answer) => {
        let heard = '';
        answer.setEncoding('utf8');
        answer.on('data', (part) => (heard += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: heard }));
      });
      asked.on('error', reject);
      asked.end(text);
    });
  }

  /** Reports as the agent of a host does. */
  async report(host: string, items: unknown[], version = '0.1.0'): Promise<void> {
    const agent = { host, boot_id: createHash('sha256').update(host).digest('hex'), version, started: '2026-11-20T00:00:00Z' };
    this.sequence += 1;
    const answer = await this.ask('POST', '/v1/agent/batch', { agent, sequence: this.sequence, items });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  }

  async context(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', colorScheme: 'dark', ...options });
    // Whatever a stranger's text could do is told here.
    await context.addInitScript(() => {
      const bad: string[] = [];
      (window as unknown as { bad: string[] }).bad = bad;
      document.addEventListener('securitypolicyviolation', (event) => bad.push(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
      for (const name of ['alert', 'confirm', 'prompt'] as const) window[name] = (() => bad.push(`${name} ran`)) as never;
      (window as unknown as { pwned: () => void }).pwned = () => bad.push('pwned ran');
    });
    return context;
  }

  /** Makes the first admin, ada, and leaves the page on the overview. */
  async setUp(page: Page): Promise<void> {
    await page.goto(this.setup);
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the first admin' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  }

  /** What time would do: says something to the database while the server runs. False, with a line, where nothing can. */
  sql(statement: string): boolean {
    try {
      execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(this.folder, 'server/server.sqlite'), statement]);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      console.log('skipped: no sqlite3, so no time passes in this test');
      return false;
    }
  }

  async signIn(page: Page, name = 'ada'): Promise<void> {
    await page.goto(this.origin);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'attached' });
  }
}

/** Waits until it is so. */
export async function until<T>(what: () => T | Promise<T>, name: string, ms = 20_000): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${name}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const badOf = (page: Page): Promise<string[]> => page.evaluate(() => (window as unknown as { bad: string[] }).bad);
