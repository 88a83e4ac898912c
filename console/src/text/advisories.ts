// How fresh are the advisories by which hosts judge, the worst first?
import type { Schemas } from '../api/client';
import { isFine, sources } from './host';

export interface Advisories {
  source: string;
  /** In the host's words. */
  status: string;
  fine: boolean;
  /** Seconds, when the host last said so. */
  age?: number | undefined;
  /** When that was, where the age is known. */
  confirmed?: string | undefined;
  /** Where it is so, the worst host first. */
  hosts: string[];
}

const KIND = 'advisories ';

/**
 * Each source once, by the host where it is worst: what is wrong before what is old. Hosts that are silent are not asked:
 * what they said is as old as their silence. `vuln` is the host that has none at all.
 */
export function advisories(hosts: Schemas['AgentStatus'][]): Advisories[] {
  const by = new Map<string, (Advisories & { host: string })[]>();
  for (const host of hosts.filter((one) => one.connected)) {
    for (const one of sources(host)) {
      if (one.source !== 'vuln' && !one.source.startsWith(KIND)) continue;
      const source = one.source.startsWith(KIND) ? one.source.slice(KIND.length) : 'every source';
      const known = by.get(source) ?? [];
      known.push({ source, status: one.status, fine: isFine(one.status), age: one.age ?? undefined, confirmed: confirmed(host.last_seen, one.age), hosts: [], host: host.agent.host });
      by.set(source, known);
    }
  }
  const worse = (a: Advisories, b: Advisories) => Number(a.fine) - Number(b.fine) || (b.age ?? Infinity) - (a.age ?? Infinity) || 0;
  return [...by.values()]
    .flatMap((all) => {
      all.sort((a, b) => worse(a, b) || a.host.localeCompare(b.host, 'en'));
      const [first] = all;
      return first ? [{ source: first.source, status: first.status, fine: first.fine, age: first.age, confirmed: first.confirmed, hosts: all.filter((one) => one.fine === first.fine).map((one) => one.host) }] : [];
    })
    .sort((a, b) => worse(a, b) || a.source.localeCompare(b.source, 'en'));
}

function confirmed(seen: string, age: number | null | undefined): string | undefined {
  return age === null || age === undefined ? undefined : new Date(Date.parse(seen) - age * 1000).toISOString();
}
