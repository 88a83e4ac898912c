// Is an address inside of what is blocked ever taken for one that is not?
import { describe, expect, it } from 'vitest';
import { covers, isName, isPeer, netOf } from './net';

describe('what an action covers', () => {
  const CASES: [target: string, subject: string, cover: 'all' | 'part' | undefined][] = [
    ['203.0.113.66', '203.0.113.66', 'all'],
    ['203.0.113.66', '203.0.113.6', undefined],
    ['203.0.113.0/24', '203.0.113.60', 'all'],
    ['203.0.113.0/24', '203.0.114.60', undefined],
    ['203.0.113.60/24', '203.0.113.255', 'all'],
    ['203.0.113.0/25', '203.0.113.128', undefined],
    ['0.0.0.0/0', '198.51.100.1', 'all'],
    ['203.0.113.60', '203.0.113.0/24', 'part'],
    ['203.0.113.0/24', '203.0.113.0/28', 'all'],
    ['203.0.113.66:443', '203.0.113.66', 'part'],
    ['203.0.113.66:443', '203.0.113.66:443', 'all'],
    ['203.0.113.66:443', '203.0.113.66:80', undefined],
    ['203.0.113.66', '203.0.113.66:443', 'all'],
    ['203.0.113.0/24', '203.0.113.66:443', 'all'],
    ['2001:db8::/32', '2001:db8:0:1::60', 'all'],
    ['2001:db8::/32', '2001:db9::60', undefined],
    ['2001:DB8:0::1', '2001:db8::1', 'all'],
    ['[2001:db8::1]:443', '2001:db8::1', 'part'],
    ['2001:db8::1', '[2001:db8::1]:443', 'all'],
    ['::/0', '203.0.113.66', undefined],
    ['203.0.113.0/24', '::ffff:203.0.113.60', 'all'],
    ['::ffff:203.0.113.0/120', '203.0.113.60', 'all'],
    ['*.evil.example', 'cdn.evil.example', 'all'],
    ['*.evil.example', 'Evil.Example.', 'all'],
    ['*.evil.example', 'notevil.example', undefined],
    ['cdn.evil.example', '*.evil.example', 'part'],
    ['unit:nginx.service', 'unit:nginx.service', 'all'],
    ['host', '203.0.113.66', undefined],
  ];
  it.each(CASES)('%s of %s: %s', (target, subject, cover) => expect(covers(target, subject)).toBe(cover));
});

it('takes nothing for an address that a host would not', () => {
  for (const bad of ['', 'nope', 'evil.example', '203.0.113', '203.0.113.256', '203.0.113.07', '203.0.113.7/33', '203.0.113.7/08', '203.0.113.7/', '203.0.113.7:65536', '203.0.113.0/24:443', '127.1', '0x7f.0.0.1', ':::', '1::2::3', 'fe80::1%eth0', '2001:db8::/129', '[2001:db8::1', '2001:db8::1]', '203.0.113.7@evil', 'de:ad', 'be:ef:']) {
    expect(netOf(bad), bad).toBeUndefined();
  }
  for (const good of ['203.0.113.7', '203.0.113.0/24', '203.0.113.7:443', '::', '::1', '2001:db8::/32', '[2001:db8::1]', '[2001:db8::1]:0', '1:2:3:4:5:6:7:8']) expect(netOf(good), good).toBeDefined();
});

it('knows a name', () => {
  for (const good of ['evil.example', '_dmarc.evil.example.', 'xn--e1a.example', 'a-b.c1']) expect(isName(good), good).toBe(true);
  for (const bad of ['', 'nope', '203.0.113.7', '203.0.113', '-a.example', 'a-.example', 'a..example', 'a b.example', '*.example', 'é.example']) expect(isName(bad), bad).toBe(false);
});

it('knows what may be blocked', () => {
  expect(['203.0.113.7', '2001:db8::/32', '[::1]:443', 'evil.example', '*.evil.example', 'AS64500'].filter((one) => !isPeer(one))).toEqual([]);
  expect(['nope', '203.0.113.999', '*.', '*.*.example', 'AS0', 'host', 'unit:nginx.service', '<img src=x>', ''].filter(isPeer)).toEqual([]);
});
