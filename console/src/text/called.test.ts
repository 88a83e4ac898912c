// Are things called what people call them, and is what nobody named left as it is?
import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { didOf } from './did';
import { applicationOf, browserOf, grouped, mechanisms, proper, sourceOf } from './names';

describe('names', () => {
  it('are proper', () => {
    expect([proper('slack'), proper('osv'), proper('constructor'), proper('my-feed')]).toEqual(['Slack', 'OSV', 'constructor', 'my-feed']);
    expect(mechanisms('bpf+nftables')).toBe('kernel programs (BPF), nftables');
    expect([sourceOf('intel'), sourceOf('advisories debian'), sourceOf('advisories'), sourceOf('')]).toEqual(['Indicators', 'Advisories, Debian', 'advisories', '']);
    expect([grouped('ok, 41000 records'), grouped('since 2026-11-20')]).toEqual(['ok, 41,000 records', 'since 2026-11-20']);
    expect([applicationOf('unit:shop.service'), applicationOf('exe:/bin/a:b'), applicationOf('shop')]).toEqual(['systemd unit shop.service', 'program /bin/a:b', 'shop']);
  });
  it('know browsers', () => {
    const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
    expect(browserOf(chrome)).toBe('Chrome 131 on Linux');
    expect(browserOf(`${chrome.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64')} Edg/131.0.0.0`)).toBe('Edge 131 on Windows');
    expect(browserOf('Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0')).toBe('Firefox 133 on macOS');
    expect([browserOf(''), browserOf('curl/8')]).toEqual(['a browser', 'curl/8']);
  });
  it('say of each change that a person can ask for what it was', () => {
    const contract = JSON.parse(readFileSync(join(import.meta.dirname, '../../../openapi/tripoint.json'), 'utf8')) as { paths: Record<string, Record<string, unknown>> };
    // What asks without changing anything, agents and bouncers stand in no row of the audit.
    const silent = /^POST \/v1\/(?:exceptions\/preview|channels\/\{name\}\/preview|agent\/.*|usage-metrics)$/;
    const changes = Object.entries(contract.paths).flatMap(([path, methods]) => Object.keys(methods).filter((method) => method === 'post' || method === 'delete').map((method) => `${method.toUpperCase()} ${path}`)).filter((one) => !silent.test(one));
    expect(changes.length).toBeGreaterThan(30);
    expect(changes.filter((one) => didOf(one) === '')).toEqual([]);
    expect(didOf('POST /v1/later')).toBe('');
  });
});
