// Which feeds call an address or a name bad, as far as alerts tell?
import type { Alert } from '../api/alert';
import { covers } from './net';

export type Claim = Alert['claims'][number];

/** Those that are about it, each thing that a feed says once, as it was last told; the surest first. */
export function claimsAbout(alerts: Pick<Alert, 'claims' | 'last_seen'>[], subject: string): Claim[] {
  const newest = [...alerts].sort((a, b) => Date.parse(b.last_seen) - Date.parse(a.last_seen));
  const found = new Map<string, Claim>();
  for (const claim of newest.flatMap((alert) => alert.claims)) {
    if (!covers(claim.matched, subject)) continue;
    const key = JSON.stringify([claim.feed, claim.matched, claim.category, claim.port, claim.direction]);
    if (!found.has(key)) found.set(key, claim);
  }
  return [...found.values()].sort((a, b) => b.confidence - a.confidence || a.feed.localeCompare(b.feed, 'en'));
}
