// What is an action's target, where does it lead, which alerts are about it, and what lifts it?
import { to } from '../state/route.svelte';
import { term } from '../text/filter';

/** An application is named by its key: `unit:nginx.service`, `exe:/usr/bin/curl`. */
const APPLICATION = /^(?:unit|container|exe):(.+)$/s;

/** What ends it: a halted application goes on, an isolated host comes back, anything else is let through. */
export function liftOf(target: string): 'rejoin' | 'thaw' | 'unblock' {
  if (target === 'host') return 'rejoin';
  return APPLICATION.test(target) ? 'thaw' : 'unblock';
}

/** The page about it; none for the host itself, which is named beside it. */
export function pageOf(target: string): string | undefined {
  if (target === 'host') return undefined;
  const application = APPLICATION.exec(target)?.[1];
  return application ? to.application(application) : to.address(target);
}

/** The alerts about it; of an isolated host those that it has. */
export function alertsOf(target: string, host: string): string {
  if (target === 'host') return term('host', host);
  return term(APPLICATION.test(target) ? 'app' : 'peer', target);
}
