// Is of a vulnerability told what its findings say, each thing once and the worst of it?
import { expect, it } from 'vitest';
import type { Finding } from '../api/alert';
import { known, names } from './known';

const finding = (more: Partial<Finding>): Finding => ({ purl: 'pkg:deb/debian/liblog@2.14', name: 'liblog', version: '2.14', id: 'DSA-1', cves: ['CVE-2026-1'], state: 'affected', presence: 'installed', severity: {}, source: 'debian', known_exploited: false, fixed: null, fix_command: null, ...more });

it('takes the findings that name it, whatever the case', () => {
  expect(names(finding({}), 'cve-2026-1')).toBe(true);
  expect(names(finding({}), 'dsa-1')).toBe(true);
  expect(names(finding({}), 'CVE-2026-11')).toBe(false);
});

it('tells the worst that is said, and by whom', () => {
  const all = known([
    { host: 'web-1', finding: finding({ cvss_tenths: 75, epss_bp: 120, severity: { nvd: '7.5' } }) },
    { host: 'web-2', finding: finding({ id: 'CVE-2026-1', source: 'osv', cvss_tenths: 98, known_exploited: true, severity: { nvd: '7.5', osv: 'critical' } }) },
  ], 'CVE-2026-1');
  expect(all).toMatchObject({ cvss: 98, epss: 120, exploited: true, ratings: [['nvd', '7.5'], ['osv', 'critical']], says: ['debian', 'osv'], advisories: ['DSA-1'] });
});

it('makes nothing up', () => {
  expect(known([{ host: 'web-1', finding: finding({ id: 'CVE-2026-1' }) }], 'CVE-2026-1')).toEqual({
    exploited: false, ratings: [], says: ['debian'], advisories: [],
    packages: [{ purl: 'pkg:deb/debian/liblog@2.14', name: 'liblog', version: '2.14', state: 'affected', presence: ['installed'], fixed: [], commands: [], hosts: ['web-1'] }],
  });
});

it('lists each version of a package once, with its hosts and what mends it', () => {
  const all = known([
    { host: 'web-2', finding: finding({ version: '2.9', fixed: '2.17' }) },
    { host: 'web-2', finding: finding({ presence: 'loaded', fixed: '2.17', fix_command: 'apt-get install liblog=2.17' }) },
    { host: 'web-1', finding: finding({ fixed: '2.17' }) },
  ], 'CVE-2026-1');
  expect(all.packages.map((one) => [one.version, one.presence, one.fixed, one.commands, one.hosts])).toEqual([
    ['2.9', ['installed'], ['2.17'], [], ['web-2']],
    ['2.14', ['installed', 'loaded'], ['2.17'], ['apt-get install liblog=2.17'], ['web-1', 'web-2']],
  ]);
});
