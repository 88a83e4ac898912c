// How do rows that were listed and rows that were told since become one list?
import type { Schemas } from '../api/client';

type Contact = Schemas['HostContact'];

/** What makes two rows one: the same hour, application and peer of a host. */
export const keyOf = (row: Contact) => JSON.stringify([row.host, row.hour, row.application?.kind, row.application?.id, row.direction, row.protocol, row.peer, row.port]);

/** Rows that are told are added to those told before, the latest first; at most so many. */
export function told(before: Contact[], rows: Contact[], most: number): Contact[] {
  const fresh = new Map(rows.map((row) => [keyOf(row), row]));
  const latest = [...fresh.values()].sort((a, b) => Date.parse(b.last_seen) - Date.parse(a.last_seen));
  return [...latest, ...before.filter((row) => !fresh.has(keyOf(row)))].slice(0, most);
}

/**
 * A row that is listed stays in its place and is as it was last heard of; others are on top. Counts only grow: whichever came
 * in first, the higher one is the later one.
 */
export function merged(listed: Contact[], tail: Contact[]): Contact[] {
  const known = new Map(tail.map((row) => [keyOf(row), row]));
  const places = new Set(listed.map(keyOf));
  const later = (row: Contact) => {
    const other = known.get(keyOf(row));
    return other && other.count >= row.count ? other : row;
  };
  return [...tail.filter((row) => !places.has(keyOf(row))), ...listed.map(later)];
}
