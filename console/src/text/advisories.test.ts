// Is the source of advisories that nobody can rely on named first, with the host where it is so?
import { expect, it } from 'vitest';
import type { Schemas } from '../api/client';
import { advisories } from './advisories';

const host = (name: string, data: [string, number | undefined, string][], connected = true) =>
  ({ agent: { host: name }, connected, last_seen: '2026-11-20T12:00:00Z', health: { data: data.map(([source, age, status]) => ({ source, age, status })) } }) as unknown as Schemas['AgentStatus'];

it('puts what is wrong before what is old', () => {
  const all = advisories([
    host('web-1', [['intel', 60, 'ok'], ['advisories debian', 7200, 'ok, 40 records'], ['advisories osv', 60, 'ok, 9 records']]),
    host('web-2', [['advisories debian', 3600, 'ok, 40 records'], ['advisories osv', 900_000, 'older than 7 days']]),
    host('web-3', [['vuln', undefined, 'no advisories loaded: run `tripoint vulns sync`']]),
    host('web-4', [['advisories debian', undefined, 'never fetched']], false),
  ]);
  expect(all.map((one) => [one.source, one.fine, one.age, one.hosts])).toEqual([
    ['every source', false, undefined, ['web-3']],
    ['osv', false, 900_000, ['web-2']],
    ['debian', true, 7200, ['web-1', 'web-2']],
  ]);
  expect(all.map((one) => one.confirmed)).toEqual([undefined, '2026-11-10T02:00:00.000Z', '2026-11-20T10:00:00.000Z']);
});

it('takes no trouble for a good word that begins alike', () => {
  expect(advisories([host('a', [['advisories x', 1, 'okay is what it is not']])])[0]?.fine).toBe(false);
  expect(advisories([host('a', [])])).toEqual([]);
});
