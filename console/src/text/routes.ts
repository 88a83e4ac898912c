// How are routes and what holds back said to people?
import type { Schemas } from '../api/client';
import { exactly } from './time';

type Route = Schemas['RouteStatus'];

const KINDS: Record<string, string> = {
  alerts: 'new and worse alerts', work: 'work on alerts', overdue: 'overdue alerts', actions: 'actions', feeds: 'feeds in trouble', audit: 'every row of the audit',
};

/** Of what a route tells: `New and worse alerts, overdue alerts`. */
export function tellsOf(route: Route): string {
  const all = route.kinds.map((kind) => KINDS[kind] ?? kind).join(', ');
  return all.charAt(0).toUpperCase() + all.slice(1);
}

/** `Quiet 22:00-07:00 (UTC +01:00)`; nothing where it has no quiet hours. */
export function quietOf(route: Route): string {
  return route.quiet?.length ? `Quiet ${route.quiet.join(', ')} (UTC${route.zone ? ` ${route.zone}` : ''})` : '';
}

/** `If nobody has looked after 30 min`. */
export function stepOf(step: Schemas['EscalationStep'], first: boolean): string {
  return `${step.if === 'unassigned' ? 'If nobody works on it' : 'If nobody has looked'} after ${first ? '' : 'another '}${exactly(step.after_s)}`;
}

/** Whether it leads to a channel, at once or by an escalation. */
export const leadsTo = (route: Route, channel: string): boolean =>
  route.channels.includes(channel) || (route.escalate ?? []).some((step) => step.to.includes(channel));
