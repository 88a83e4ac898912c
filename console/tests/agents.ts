// Who answers for hosts that are not there? Each keeps what it was told to hold, as an agent's ledger does; no kernel is asked.
import type { Rig } from './rig';

interface Action { kind: string; target: string; scope: unknown; expires: string; reason: string; requester: string; cause?: string }
interface Held extends Omit<Action, 'kind'> { id: string; since: string; mechanism: string; kernel: string }
type Order = { kind: 'act'; actions: Action[]; dry_run: boolean } | { kind: 'standing' } | { kind: 'other' };
/** What lifts a thing is taken for that thing alone, as the guard does. */
const LIFTS: Record<string, RegExp> = { unblock: /^(?!unit:|container:|exe:|host$)/, thaw: /^(?:unit|container|exe):/, rejoin: /^host$/ };

export class Host {
  readonly held = new Map<string, Held>();
  private over = false;
  private readonly going: Promise<void>;

  constructor(private readonly rig: Rig, readonly name: string) {
    this.going = this.obey();
  }

  /** Within two seconds. */
  async stop(): Promise<void> {
    this.over = true;
    await this.going;
  }

  /** Holds it, as if it had been told to. The same decision has the same id on every host. */
  hold(target: string, more: Partial<Held> = {}): string {
    const id = `id-of-${target.replaceAll(/[^a-z0-9]/g, '-')}`;
    const [since, expires] = [new Date().toISOString(), new Date(Date.now() + 3_600_000).toISOString()];
    this.held.set(target, { id, target, scope: 'host', since, expires, requester: 'ada', reason: 'a test of ours', mechanism: 'bpf', kernel: 'held', ...more });
    return id;
  }

  private async obey(): Promise<void> {
    let after = 0;
    while (!this.over) {
      const { status, text } = await this.rig.ask('GET', `/v1/agent/orders?host=${this.name}&after=${after}&wait_s=1`).catch(() => ({ status: 0, text: '' }));
      if (status !== 200) return;
      for (const { number, order } of JSON.parse(text).orders as { number: number; order: Order }[]) {
        await this.rig.ask('POST', `/v1/agent/orders/${number}/answer`, this.answer(order));
        after = number;
      }
    }
  }

  private answer(order: Order): object {
    if (order.kind === 'standing') return { standing: [...this.held.values()] };
    if (order.kind !== 'act') return {};
    const answer = { plan: [] as object[], refused: [] as object[], outcomes: [] as object[] };
    for (const { kind, ...action } of order.actions) {
      const lifts = LIFTS[kind];
      if (lifts && !lifts.test(action.target)) answer.refused.push({ action: kind, target: action.target, rule: 'target', reason: `it cannot be lifted by ${kind}` });
      else if (order.dry_run) answer.plan.push({ id: 'planned', action: kind, ...action, cuts: [] });
      else answer.outcomes.push(this.done(kind, action));
    }
    return answer;
  }

  private done(kind: string, action: Omit<Action, 'kind'>): object {
    const at = new Date().toISOString();
    const outcome = { action: kind, target: action.target, scope: action.scope, mechanism: 'bpf', verified: true, at };
    if (LIFTS[kind]) {
      this.held.delete(action.target);
      return { ...outcome, id: `lift-of-${action.target}`, state: 'lifted' };
    }
    const { reason, requester, expires, cause } = action;
    const id = this.hold(action.target, { reason, requester, expires, ...(cause ? { cause } : {}) });
    return { ...outcome, id, state: 'applied', expires };
  }
}
