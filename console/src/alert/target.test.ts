// Is what is in force lifted by the one verb that its guard takes, and linked to a page about it?
import { expect, it } from 'vitest';

// The address of the page is read where the route is made.
Object.assign(globalThis, { location: { pathname: '/', search: '' }, addEventListener: () => undefined });
const { alertsOf, liftOf, pageOf } = await import('./target');

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
  expect(alertsOf('203.0.113.66', 'web1')).toBe('peer:203.0.113.66');
  expect(alertsOf('host', 'web1')).toBe('host:web1');
});
