// Is every feed that calls an address bad named, once, and none that means another?
import { expect, it } from 'vitest';
import { claimsAbout, type Claim } from './claims';

const claim = (feed: string, matched: string, confidence: number, more: Partial<Claim> = {}): Claim => ({ feed, matched, confidence, category: 'c2', direction: 'both', first_seen: null, last_seen: null, valid_until: null, ...more });

it('takes what is about the address or its network, as last told', () => {
  const alerts = [
    { last_seen: '2026-11-20T00:00:00Z', claims: [claim('drop', '203.0.113.0/24', 60), claim('tracker', '203.0.113.66', 50)] },
    { last_seen: '2026-11-21T00:00:00Z', claims: [claim('tracker', '203.0.113.66', 90), claim('other', '203.0.113.67', 99), claim('names', 'cdn.evil.example', 99)] },
  ];
  expect(claimsAbout(alerts, '203.0.113.66').map((one) => [one.feed, one.confidence])).toEqual([['tracker', 90], ['drop', 60]]);
  expect(claimsAbout(alerts, '203.0.113.64/30').map((one) => one.feed)).toEqual(['other', 'tracker', 'drop']);
  expect(claimsAbout(alerts, 'cdn.evil.example').map((one) => one.feed)).toEqual(['names']);
  expect(claimsAbout([], '203.0.113.66')).toEqual([]);
});

it('keeps what one feed says of it in two ways', () => {
  const both = [claim('tracker', '203.0.113.66', 90), claim('tracker', '203.0.113.66', 40, { category: 'scanner' }), claim('tracker', '203.0.113.66:443', 80)];
  expect(claimsAbout([{ last_seen: '2026-11-21T00:00:00Z', claims: both }], '203.0.113.66')).toHaveLength(3);
});
