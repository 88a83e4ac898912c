// Is each contact one row, as it was last heard of, whichever answer came first?
import { expect, it } from 'vitest';
import type { Schemas } from '../api/client';
import { merged, told } from './tail';

type Contact = Schemas['HostContact'];
const row = (peer: string, count: number, more: Partial<Contact> = {}): Contact =>
  ({ host: 'web-1', hour: '2026-11-20T03:00:00Z', application: { kind: 'unit', id: 'shop.service', name: 'shop' }, direction: 'outbound', protocol: 'tcp', peer, port: 443, count, last_seen: `2026-11-20T03:00:${String(count).padStart(2, '0')}Z`, ...more }) as Contact;
const seen = (rows: Contact[]) => rows.map((one) => `${one.peer} ${one.count}`);

it('keeps a listed row in its place, and puts what is new on top', () => {
  const tail = told([], [row('203.0.113.2', 9), row('203.0.113.9', 1)], 10);
  expect(seen(merged([row('203.0.113.1', 5), row('203.0.113.2', 3)], tail))).toEqual(['203.0.113.9 1', '203.0.113.1 5', '203.0.113.2 9']);
});

it('does not go back where the list was asked for before and came after', () => {
  const tail = told([], [row('203.0.113.1', 4)], 10);
  expect(seen(merged([row('203.0.113.1', 6)], tail))).toEqual(['203.0.113.1 6']);
});

it('tells apart what differs in host, hour, port, way or application', () => {
  const all = [row('203.0.113.1', 1), row('203.0.113.1', 1, { host: 'web-2' }), row('203.0.113.1', 1, { hour: '2026-11-20T04:00:00Z' }), row('203.0.113.1', 1, { port: 80 }), row('203.0.113.1', 1, { direction: 'inbound' }), { ...row('203.0.113.1', 1), application: undefined } as unknown as Contact];
  expect(told([], all, 10).length).toBe(6);
  expect(merged(all, told([], all, 10)).length).toBe(6);
});

it('holds the latest, not all', () => {
  let tail: Contact[] = [];
  for (let n = 1; n <= 30; n += 1) tail = told(tail, [row(`203.0.113.${n}`, n)], 10);
  expect(seen(tail)[0]).toBe('203.0.113.30 30');
  expect(tail.length).toBe(10);
});
