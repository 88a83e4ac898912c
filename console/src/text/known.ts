// What is known of a vulnerability, by the findings that name it?
import type { Finding } from '../api/alert';

export interface Known {
  /** The worst that anybody says, in tenths. */
  cvss?: number;
  /** The highest, in hundredths of a per cent. */
  epss?: number;
  exploited: boolean;
  /** What each says of how bad it is. */
  ratings: [who: string, says: string][];
  /** By whose advisories it was found. */
  says: string[];
  /** What it is called there. */
  advisories: string[];
  packages: Package[];
}

/** One version of a package, wherever it is. */
export interface Package {
  purl: string;
  name: string;
  version: string;
  state: string;
  /** Each in which it was seen: `loaded`, `installed` and so on. */
  presence: string[];
  fixed: string[];
  commands: string[];
  hosts: string[];
}

/** Whether a finding names it; such names know no case. */
export const names = (finding: Finding, cve: string) => [...finding.cves, finding.id].some((one) => one.toLowerCase() === cve.toLowerCase());

export function known(all: { finding: Finding; host: string }[], cve: string): Known {
  const findings = all.map((one) => one.finding);
  const sorted = (texts: (string | null | undefined)[]) => [...new Set(texts.filter((one): one is string => Boolean(one)))].sort();
  const highest = (numbers: (number | undefined)[]) => numbers.reduce<number | undefined>((most, one) => (one !== undefined && (most === undefined || one > most) ? one : most), undefined);
  const by = new Map<string, typeof all>();
  for (const one of all) {
    const key = `${one.finding.purl} ${one.finding.version} ${one.finding.state}`;
    by.set(key, [...(by.get(key) ?? []), one]);
  }
  const packages = [...by.values()].flatMap((of) => {
    const [first] = of;
    if (!first) return [];
    const { purl, name, version, state } = first.finding;
    const each = (value: (finding: Finding) => string | null) => sorted(of.map((one) => value(one.finding)));
    return [{ purl, name, version, state, presence: each((one) => one.presence), fixed: each((one) => one.fixed), commands: each((one) => one.fix_command), hosts: sorted(of.map((one) => one.host)) }];
  });
  const [cvss, epss] = [highest(findings.map((one) => one.cvss_tenths)), highest(findings.map((one) => one.epss_bp))];
  return {
    ...(cvss === undefined ? {} : { cvss }),
    ...(epss === undefined ? {} : { epss }),
    exploited: findings.some((one) => one.known_exploited),
    ratings: [...new Map(findings.flatMap((one) => Object.entries(one.severity ?? {})).map((one) => [one.join(' '), one])).values()].sort(([a], [b]) => a.localeCompare(b, 'en')),
    says: sorted(findings.map((one) => one.source)),
    advisories: sorted(findings.map((one) => one.id)).filter((one) => one.toLowerCase() !== cve.toLowerCase()),
    packages: packages.sort((a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en', { numeric: true })),
  };
}
