// Is the application that is in danger named before the one that is loud?
import { expect, it } from 'vitest';
import type { Summary } from '../api/alert';
import { exposures, facts } from './exposure';

const row = (name: string, score: number, more: Partial<Summary> = {}): Summary =>
  ({ id: `${name}${score}`, application: { kind: 'unit', id: `${name}.service`, name }, score, level: 'high', host: 'web-1', indicator: '203.0.113.1', still_open: false, known_exploited: false, values: {}, ...more }) as unknown as Summary;
const order = (rows: Summary[]) => exposures(rows).map((one) => one.application);

it('ranks by danger, not by number', () => {
  const loud = Array.from({ length: 40 }, (_, n) => row('loud', 60, { indicator: `203.0.113.${n}`, still_open: true }));
  const rows = [...loud, row('bad', 90), row('hit', 30, { values: { evidence: ['likely_succeeded'] } }), row('kev', 20, { known_exploited: true }), row('quiet', 60)];
  expect(order(rows)).toEqual(['kev', 'hit', 'bad', 'loud', 'quiet']);
  expect(order(rows.toReversed())).toEqual(['kev', 'hit', 'bad', 'loud', 'quiet']);
});

it('breaks ties by what is still connected, then by peers', () => {
  expect(order([row('a', 60), row('a', 60, { indicator: '203.0.113.2' }), row('b', 60, { still_open: true })])).toEqual(['b', 'a']);
  expect(order([row('b', 60), row('b', 60), row('a', 60), row('a', 60, { indicator: '203.0.113.2' })])).toEqual(['a', 'b']);
});

it('says what it ranks by', () => {
  const [one] = exposures([row('shop', 82, { known_exploited: true, still_open: true }), row('shop', 40, { host: 'web-2', values: { evidence: ['likely_succeeded'] } })]);
  expect(one && facts(one)).toBe('exploited in the wild, likely succeeded, 1 alert still connected, 1 peer, 2 hosts, 2 open alerts');
  expect(one?.worst.score).toBe(82);
});
