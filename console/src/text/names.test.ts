// Do things bear the names that people know them by?
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { titleOf } from '../state/title';
import { technique } from './attack';
import { packageOf } from './purl';

it('names every technique that a rule of ours names', () => {
  const crates = join(import.meta.dirname, '../../../crates');
  const files = readdirSync(crates).flatMap((crate) => readdirSync(join(crates, crate), { recursive: true, encoding: 'utf8' }).filter((file) => /^src\/.*\.rs$/.test(file)).map((file) => join(crates, crate, file)));
  const ids = new Set(files.flatMap((file) => readFileSync(file, 'utf8').match(/(?<=")T\d{4}(?:\.\d{3})?(?=")/g) ?? []));
  expect(ids.size).toBeGreaterThan(20);
  expect([...ids].filter((id) => technique(id) === id)).toEqual([]);
  expect(technique('T1190')).toBe('T1190 Exploit Public-Facing Application');
  expect(technique('T9999')).toBe('T9999');
});

it('reads name and version of a package', () => {
  const of = (purl: string) => { const it = packageOf(purl); return it && `${it.name} ${it.version}`; };
  expect(of('pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12')).toBe('openssl 3.0.11-1~deb12u2');
  expect(of('pkg:maven/org.example/logging-core@2.14.1')).toBe('logging-core 2.14.1');
  expect(of('pkg:npm/%40angular/core@17.0.1')).toBe('@angular/core 17.0.1');
  expect(of('pkg:golang/golang.org/x/net@v0.1.0#http2')).toBe('golang.org/x/net v0.1.0');
  expect(of('pkg:deb/debian/g%2B%2B@4:12%2B1')).toBe('g++ 4:12+1');
  expect(of('pkg:pypi/requests')).toBe('requests ');
  expect(of('pkg:npm/%E0%A4@1')).toBe('%E0%A4 1');
  expect([of('openssl'), of('pkg:deb/'), of('pkg:')]).toEqual([undefined, undefined, undefined]);
});

it('says in the tab what a thing is called, in one short line that is not turned around', () => {
  expect(titleOf('a\n\u202eb', 'Alert')).toBe('a \\u{202e}b · Alert – Tripoint');
  expect(titleOf('x'.repeat(500), 'Alert')).toHaveLength(120 + ' · Alert – Tripoint'.length);
});
