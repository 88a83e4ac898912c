// Who is signed in, and what may they do?
import { asks, back, get, post, Refusal, remove, type Schemas } from '../api/client';

const ROLES = ['viewer', 'analyst', 'responder', 'admin'];

class Session {
  me = $state.raw<Schemas['Me'] | null>(null);
  /** `asking` until the server has said whether there is a session. */
  state = $state<'asking' | 'out' | 'in' | 'unreachable'>('asking');
  /** A session was there and is over. */
  ended = $state(false);

  async look(): Promise<void> {
    try {
      this.me = await get('/v1/session');
      this.state = 'in';
      this.ended = false;
    } catch (error) {
      this.state = error instanceof Refusal && error.status === 401 ? 'out' : 'unreachable';
    }
  }

  async signIn(name: string, password: string, totp: string): Promise<void> {
    const before = this.me?.name;
    this.me = await post('/v1/session', totp ? { name, password, totp } : { name, password });
    // What one person had open is not shown to another.
    if (this.ended && before !== this.me?.name) return location.assign('/');
    const again = this.ended;
    this.state = 'in';
    this.ended = false;
    if (again) for (const ask of back) ask();
  }

  async signOut(): Promise<void> {
    await remove('/v1/session');
    this.me = null;
    this.ended = false;
    this.state = 'out';
  }

  over(): void {
    if (this.state !== 'in') return;
    this.ended = true;
    this.state = 'out';
  }

  may(role: string): boolean {
    return this.me !== null && ROLES.indexOf(this.me.role) >= ROLES.indexOf(role);
  }
}

export const session = new Session();
asks.signIn = () => session.over();
