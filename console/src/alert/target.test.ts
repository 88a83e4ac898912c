// Is what is in force lifted by the one verb that its guard takes, and linked to a page about it?
import { expect, it } from 'vitest';
import type { Schemas } from '../api/client';

// The address of the page is read where the route is made.
Object.assign(globalThis, { location: { pathname: '/', search: '' }, addEventListener: () => undefined });
const { alertsOf, coveringOf, isHeldEverywhere, liftOf, limitOf, pageOf } = await import('./target');

it('lets a halted application go on, a host come back, and a peer through', () => {
  expect(['unit:nginx.service', 'exe:/usr/bin/a b', 'container:c0ffee', 'host', '203.0.113.66', '2001:db8::1', 'a.example', '*.evil.example', '203.0.113.0/24'].map(liftOf))
    .toEqual(['thaw', 'thaw', 'thaw', 'rejoin', 'unblock', 'unblock', 'unblock', 'unblock', 'unblock']);
});

it('leads to the page about it', () => {
  expect(pageOf('unit:nginx.service')).toBe('/application/nginx.service');
  expect(pageOf('exe:/usr/bin/a b')).toBe('/application/%2Fusr%2Fbin%2Fa%20b');
  expect(pageOf('203.0.113.66')).toBe('/address/203.0.113.66');
  expect(pageOf('host')).toBeUndefined();
});

it('finds the alerts about it', () => {
  expect(alertsOf('unit:nginx.service', 'web1')).toBe('app:unit:nginx.service');
  expect(alertsOf('exe:/usr/bin/a "b', 'web1')).toBe('app:"exe:/usr/bin/a \\"b"');
  expect(alertsOf('203.0.113.66', 'web1')).toBe('(address:203.0.113.66 or peer:203.0.113.66)');
  expect(alertsOf('203.0.113.0/24', 'web1')).toBe('(address:203.0.113.0/24 or peer:203.0.113.0/24)');
  expect(alertsOf('203.0.113.66:443', 'web1')).toBe('(address:203.0.113.66 port:443 or peer:203.0.113.66:443)');
  expect(alertsOf('[2001:db8::1]:443', 'web1')).toBe('(address:2001:db8::1 port:443 or peer:"[2001:db8::1]:443")');
  expect(alertsOf('cdn.evil.example', 'web1')).toBe('(peer:cdn.evil.example or name:cdn.evil.example)');
  expect(alertsOf('*.evil.example', 'web1')).toBe('(peer:"*.evil.example" or name:*.evil.example or name:evil.example)');
  expect(alertsOf('host', 'web1')).toBe('host:web1');
});

const held = (host: string, target: string, more: Partial<Schemas['HostAction']> = {}): Schemas['HostAction'] =>
  ({ id: target, host, target, scope: 'host', expires: '2026-11-21T00:00:00Z', requester: 'ada', reason: '', mechanism: 'bpf', kernel: 'held', ...more });

it('sees that an address is blocked by the network that it is in', () => {
  const found = coveringOf([held('web1', '203.0.113.60:443'), held('web1', '203.0.113.0/24'), held('web2', '198.51.100.0/24'), held('web2', 'host'), held('web2', '203.0.113.60', { scope: { application: 'unit:a.service' } })], '203.0.113.60');
  expect(found.map((one) => [one.action.host, one.action.target, limitOf(one)])).toEqual([
    ['web1', '203.0.113.0/24', ''], ['web1', '203.0.113.60:443', 'port 443 only'], ['web2', '203.0.113.60', 'for the application unit:a.service only'],
  ]);
});

it('says that all hosts hold it only where all were asked and their kernels do', () => {
  const of = (...actions: Schemas['HostAction'][]) => coveringOf(actions, '203.0.113.60');
  const both = of(held('web1', '203.0.113.0/24'), held('web2', '203.0.113.60'));
  expect(isHeldEverywhere({ hosts: ['web1', 'web2'] }, both)).toBe(true);
  expect(isHeldEverywhere({ hosts: ['web1', 'web2', 'web3'] }, both)).toBe(false);
  expect(isHeldEverywhere({ hosts: ['web1', 'web2'], errors: ['web3: no answer'] }, both)).toBe(false);
  expect(isHeldEverywhere({ hosts: ['web1'] }, of(held('web1', '203.0.113.0/24', { kernel: 'missing' })))).toBe(false);
  expect(isHeldEverywhere({ hosts: ['web1'] }, of(held('web1', '203.0.113.60:443')))).toBe(false);
  expect(isHeldEverywhere({ hosts: [] }, [])).toBe(false);
});
