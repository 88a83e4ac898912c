// Does what somebody types lead to applications and packages, each once?
import { expect, it } from 'vitest';
import { namedBy } from './found';

const row = (application: string, ...packages: string[]) => ({ application: { name: application } as never, values: { package: packages } });

it('names what holds every word, once, applications first', () => {
  const rows = [row('shop-web', 'log4j-core', 'pkg:maven/org.apache/log4j-core@2.14.1'), row('shop-api', 'pkg:maven/org.apache/log4j-core@2.14.1'), row('mail')];
  expect(namedBy(rows, ['log4j'])).toEqual([{ kind: 'package', name: 'pkg:maven/org.apache/log4j-core@2.14.1' }]);
  expect(namedBy(rows, ['shop'])).toEqual([{ kind: 'application', name: 'shop-web' }, { kind: 'application', name: 'shop-api' }]);
  expect(namedBy(rows, ['shop', 'api'])).toEqual([{ kind: 'application', name: 'shop-api' }]);
  expect(namedBy(rows, ['nothing'])).toEqual([]);
});
