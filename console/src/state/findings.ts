// What do alerts know of a vulnerability or a package? It stands in each of them: some are read.
import { alertOf, type Alert, type Finding } from '../api/alert';
import { get } from '../api/client';

/** Alerts that are read, those seen last. */
export const READ = 20;

export interface Found { finding: Finding; host: string }
export interface Findings {
  found: Found[];
  /** How many alerts were read. */
  read: number;
  /** There are more that were not. */
  more: boolean;
}

/** The alerts that the filter takes and were seen last, read whole, whether or not somebody has closed them. */
export async function alertsAbout(filter: string): Promise<{ alerts: Alert[]; more: boolean }> {
  const page = await get('/v1/queue', { filter, sort: '-last_seen', limit: READ });
  return { alerts: await Promise.all(page.rows.map((row) => alertOf(row.id))), more: page.next !== undefined };
}

/** Findings that are meant, from those alerts. */
export async function findingsOf(filter: string, isMeant: (finding: Finding) => boolean): Promise<Findings> {
  const { alerts, more } = await alertsAbout(filter);
  const found = alerts.flatMap((alert) => alert.findings.filter(isMeant).map((finding) => ({ finding, host: alert.host })));
  return { found, read: alerts.length, more };
}
