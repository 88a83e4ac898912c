// Is an action's end told as hosts told it, and is nothing made up where they did not?
import { expect, it } from 'vitest';
import type { Schemas } from '../api/client';

Object.assign(globalThis, { location: { pathname: '/', search: '' }, addEventListener: () => undefined });
const { endOf } = await import('./became');

type Outcome = Schemas['Outcome'];
const at = (minute: number) => `2026-11-20T03:${String(minute).padStart(2, '0')}:00Z`;
const said = (more: Partial<Outcome>): Outcome => ({ id: 'a', action: 'block', target: '203.0.113.66', mechanism: 'bpf', state: 'applied', verified: true, at: at(0), expires: at(30), ...more }) as Outcome;
const how = (outcomes: Outcome[], minute: number) => {
  const end = endOf(outcomes, 'a', Date.parse(at(minute)));
  return end && [end.how, end.at];
};

it('knows nothing of what no alert names', () => {
  expect(how([said({ id: 'b' })], 10)).toBeUndefined();
});

it('says what the host said of it', () => {
  expect(how([said({ state: 'lifted', at: at(4) })], 10)).toEqual(['lifted', at(4)]);
  expect(how([said({ state: 'failed' })], 10)).toEqual(['failed', at(0)]);
  expect(how([said({ state: 'proposed' })], 10)).toEqual(['never', at(0)]);
});

it('ends by what lifted its target, unless its time was up before', () => {
  const lift = (more: Partial<Outcome>) => said({ id: 'u', action: 'unblock', state: 'lifted', at: at(5), ...more });
  expect(how([said({}), lift({})], 10)).toEqual(['lifted', at(5)]);
  expect(how([said({}), lift({ target: '203.0.113.67' })], 10)).toEqual(['unknown', at(0)]);
  expect(how([said({}), lift({ state: 'failed' })], 10)).toEqual(['unknown', at(0)]);
  expect(how([said({ at: at(6) }), lift({})], 10)).toEqual(['unknown', at(6)]);
  expect(how([said({}), lift({ at: at(40) })], 50)).toEqual(['expired', at(30)]);
  expect(how([said({ target: 'unit:a.service', action: 'freeze' }), lift({ target: 'unit:a.service', action: 'thaw' })], 10)).toEqual(['lifted', at(5)]);
});

it('ends by its time, and else is not known', () => {
  expect(how([said({})], 31)).toEqual(['expired', at(30)]);
  expect(how([said({})], 29)).toEqual(['unknown', at(0)]);
});
