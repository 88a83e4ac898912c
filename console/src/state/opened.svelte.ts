// Which dialog of a page is open? The address says so, that it can be sent; nothing is done before somebody has read it.
import type { Schemas } from '../api/client';
import { route } from './route.svelte';
import { session } from './session.svelte';

/** The spans that dialogs offer, in seconds. */
export const SPANS = [3600, 86_400, 604_800, 2_592_000];

export class Opened<T extends string> {
  private beside = $state('');
  private span = $state('');

  /** `roles` says from which role on each may be opened. In a panel beside other things the address is not its own. */
  constructor(private readonly roles: Record<T, Schemas['Role']>, private readonly panel = false) {}

  /** Nothing where none is open, and where the address asks for what is not there or not for this person. */
  get name(): T | '' {
    const said = this.panel ? this.beside : route.value('dialog');
    return Object.hasOwn(this.roles, said) && session.may(this.roles[said as T]) ? (said as T) : '';
  }

  /** For how long, in seconds. */
  get seconds(): number {
    const said = Number(this.panel ? this.span : route.value('for'));
    return SPANS.includes(said) ? said : 86_400;
  }

  show(name: T | '', seconds?: number): void {
    const span = seconds === undefined ? '' : String(seconds);
    if (!this.panel) return route.set({ dialog: name, for: span });
    this.beside = name;
    this.span = span;
  }

  close = (): void => this.show('');
}
