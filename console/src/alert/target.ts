// What is an action's target, where does it lead, which alerts are about it, and what lifts it?
import type { Schemas } from '../api/client';
import { to } from '../state/route.svelte';
import { term } from '../text/filter';
import { covers, isName, netOf, type Cover } from '../text/net';

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

/** The alerts about it; of an isolated host those that it has, of a network those with any address in it. */
export function alertsOf(target: string, host: string): string {
  if (target === 'host') return term('host', host);
  return APPLICATION.test(target) ? term('app', target) : peerOf(target);
}

/** The alerts with a peer: an address, a network, an address with a port, a name, or a name with all beneath it. */
export function peerOf(peer: string): string {
  const net = netOf(peer);
  if (!net) return peer.startsWith('*.') && isName(peer.slice(2)) ? `(${term('peer', peer)} or name:${peer} or name:${peer.slice(2)})` : `(${term('peer', peer)} or ${term('name', peer)})`;
  const bare = net.port === undefined ? peer : peer.slice(0, peer.lastIndexOf(':'));
  const address = term('address', bare.replace(/^\[|\]$/g, ''));
  return `(${net.port === undefined ? address : `${address} port:${net.port}`} or ${term('peer', peer)})`;
}

/** Something in force, and how much of what a page is about it covers. */
export interface Covering { action: Schemas['HostAction']; cover: Cover }

/** What is in force on an address, a network or a name, also by a wider network; what covers all of it first. */
export function coveringOf(actions: Schemas['HostAction'][], subject: string): Covering[] {
  const found = actions.flatMap((action) => {
    const cover = covers(action.target, subject);
    // A block for one application leaves the others free.
    return cover ? [{ action, cover: action.scope === 'host' ? cover : ('part' as const) }] : [];
  });
  return [...found.filter((one) => one.cover === 'all'), ...found.filter((one) => one.cover === 'part')];
}

/** What a covering action leaves free, in words; nothing where it is all held. */
export function limitOf({ action, cover }: Covering): string {
  if (cover === 'all') return '';
  if (typeof action.scope === 'object') return 'application' in action.scope ? `for the application ${action.scope.application} only` : 'for one connection only';
  const port = netOf(action.target)?.port;
  return port === undefined ? 'a part of it only' : `port ${port} only`;
}

/** Whether every host that was asked holds all of it, by its kernel. */
export function isHeldEverywhere({ hosts, errors = [] }: Pick<Schemas['StandingList'], 'hosts' | 'errors'>, found: Covering[]): boolean {
  const holds = (host: string) => found.some(({ action, cover }) => cover === 'all' && action.host === host && (action.kernel === 'held' || action.kernel === 'other-expiry'));
  return hosts.length > 0 && errors.length === 0 && hosts.every(holds);
}
