// Is a route said as it is configured?
import { describe, expect, it } from 'vitest';
import { leadsTo, quietOf, stepOf, tellsOf } from './routes';
import { exactly } from './time';

const route = { name: 'team', kinds: ['alerts', 'overdue'], channels: ['ops'], quiet: ['22:00-07:00', 'sat-sun 00:00-24:00'], zone: '+01:00', escalate: [{ after_s: 1800, if: 'open', to: ['pager'] }] };

describe('a route', () => {
  it('is said in words', () => {
    expect(tellsOf(route)).toBe('New and worse alerts, overdue alerts');
    expect(tellsOf({ ...route, kinds: ['later'] })).toBe('Later');
    expect(quietOf(route)).toBe('Quiet 22:00-07:00, sat-sun 00:00-24:00 (UTC +01:00)');
    expect(quietOf({ name: 'a', kinds: [], channels: [] })).toBe('');
    expect(stepOf({ after_s: 5400, if: 'open', to: [] }, true)).toBe('If nobody has looked after 1 h 30 min');
    expect(stepOf({ after_s: 60, if: 'unassigned', to: [] }, false)).toBe('If nobody works on it after another 1 min');
  });
  it('leads to its channels and to those of its steps', () => {
    expect(['ops', 'pager', 'log'].map((name) => leadsTo(route, name))).toEqual([true, true, false]);
  });
  it('has spans that lose nothing', () => {
    expect([exactly(0), exactly(90), exactly(86_400), exactly(93_601)]).toEqual(['0 s', '1 min 30 s', '1 d', '1 d 2 h 1 s']);
  });
});
