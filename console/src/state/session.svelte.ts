// Who is signed in, and what may they do?
import { drafts } from './drafts';
import { toasts } from './toasts.svelte';
import { asks, back, get, post, Refusal, remove, type Schemas } from '../api/client';

/** What a browser counts to at most, 24 days: no session holds so long. */
const LONGEST = 2 ** 31 - 1;
const ROLES: Schemas['Role'][] = ['viewer', 'analyst', 'responder', 'admin'];

class Session {
  me = $state.raw<Schemas['Me'] | null>(null);
  /** `asking` until the server has said whether there is a session. */
  state = $state<'asking' | 'out' | 'in' | 'unreachable'>('asking');
  /** A session was there and is over. */
  ended = $state(false);
  private timer: ReturnType<typeof setTimeout> | undefined;

  async look(): Promise<void> {
    try {
      this.know(await get('/v1/session'));
      this.state = 'in';
      this.ended = false;
    } catch (error) {
      this.state = error instanceof Refusal && error.status === 401 ? 'out' : 'unreachable';
    }
  }

  async signIn(name: string, password: string, totp: string): Promise<void> {
    const before = this.me?.name;
    this.know(await post('/v1/session', totp ? { name, password, totp } : { name, password }));
    // What one person had open is not shown to another.
    if (this.ended && before !== this.me?.name) return location.assign('/');
    const again = this.ended;
    this.state = 'in';
    this.ended = false;
    if (again) for (const ask of back) ask();
  }

  async signOut(): Promise<void> {
    await remove('/v1/session');
    clearTimeout(this.timer);
    toasts.clear();
    drafts.clear();
    this.me = null;
    this.ended = false;
    this.state = 'out';
  }

  /** It is over, and what it showed is gone: the shell shows nothing of it any more, and nothing is said of it. */
  over(): void {
    if (this.state !== 'in') return;
    clearTimeout(this.timer);
    this.ended = true;
    this.state = 'out';
    toasts.clear();
  }

  /** Whoever it is; the page knows by itself when that ends, also where the server cannot be asked. */
  private know(me: Schemas['Me']): void {
    this.me = me;
    clearTimeout(this.timer);
    if (me.ends) this.timer = setTimeout(() => this.over(), Math.min(Math.max(Date.parse(me.ends) - Date.now(), 0), LONGEST));
  }

  may(role: Schemas['Role']): boolean {
    return this.me !== null && ROLES.indexOf(this.me.role) >= ROLES.indexOf(role);
  }
}

export const session = new Session();
asks.signIn = () => session.over();
