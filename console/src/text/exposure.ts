// Which applications are most exposed, by the worst that is open about each?
import type { Summary } from '../api/alert';
import { many } from './words';

export interface Exposure {
  application: string;
  /** A vulnerability of it is exploited in the wild. */
  exploited: boolean;
  /** Its logs say that an attack of a peer has likely succeeded. */
  succeeded: boolean;
  worst: Summary;
  /** Alerts with a connection that is still open. */
  connected: number;
  peers: number;
  hosts: number;
  alerts: number;
}

/**
 * Worst first: exploited in the wild, likely succeeded, the worst score, what is still connected, how many peers. Applications
 * of one name are one.
 */
export function exposures(rows: Summary[]): Exposure[] {
  const by = new Map<string, Summary[]>();
  for (const row of rows) {
    const known = by.get(row.application.name);
    if (known) known.push(row);
    else by.set(row.application.name, [row]);
  }
  const distinct = (all: string[]) => new Set(all).size;
  const all = [...by].map(([application, of]): Exposure => ({
    application,
    exploited: of.some((row) => row.known_exploited),
    succeeded: of.some((row) => row.values.evidence?.includes('likely_succeeded')),
    worst: of.reduce((worst, row) => (row.score > worst.score ? row : worst)),
    connected: of.filter((row) => row.still_open).length,
    peers: distinct(of.map((row) => row.indicator)),
    hosts: distinct(of.map((row) => row.host)),
    alerts: of.length,
  }));
  const rank = (one: Exposure) => [Number(one.exploited), Number(one.succeeded), one.worst.score, one.connected, one.peers, one.alerts];
  return all.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    const at = x.findIndex((value, place) => value !== y[place]);
    return at < 0 ? a.application.localeCompare(b.application, 'en') : (y[at] ?? 0) - (x[at] ?? 0);
  });
}

/** What it is ranked by, in a line. */
export function facts(one: Exposure): string {
  return [
    one.exploited ? 'exploited in the wild' : '',
    one.succeeded ? 'likely succeeded' : '',
    one.connected > 0 ? `${many(one.connected, 'alert')} still connected` : '',
    many(one.peers, 'peer'),
    one.hosts > 1 ? many(one.hosts, 'host') : '',
    many(one.alerts, 'open alert'),
  ].filter(Boolean).join(', ');
}
