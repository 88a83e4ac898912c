// Does an undo leave alone what was there before?
import { expect, it } from 'vitest';
import { toLift } from './undo';

const [bad, worse] = ['203.0.113.66', '203.0.113.67'];

it('lifts everywhere what was nowhere', () => {
  expect(toLift([bad], ['web1', 'db1'], [{ host: 'web1', target: worse }])).toEqual([{ targets: [bad] }]);
  expect(toLift([bad], ['web1'], [], 'web1')).toEqual([{ targets: [bad], host: 'web1' }]);
});

it('keeps what was in force on a host', () => {
  const before = [{ host: 'web1', target: bad }];
  expect(toLift([bad, worse], ['web1', 'db1'], before)).toEqual([{ host: 'web1', targets: [worse] }, { host: 'db1', targets: [bad, worse] }]);
  expect(toLift([bad], ['web1'], before)).toEqual([]);
});
