// Do the words that people and spreadsheets read come out right?
import { describe, expect, it } from 'vitest';
import { visible } from '../api/client';
import { cell, csv } from './csv';
import { has, place, term, toggled } from './filter';
import { blocks } from './markdown';
import { before, bytes, micros, relative, span } from './time';

describe('time', () => {
  const now = Date.parse('2026-11-20T03:00:00Z');
  it('is relative in both directions', () => {
    expect(relative('2026-11-20T02:56:00Z', now)).toBe('4 min ago');
    expect(relative('2026-11-20T05:00:00Z', now)).toBe('in 2 h');
    expect(relative('2026-11-20T02:59:58Z', now)).toBe('now');
    expect(relative('nonsense', now)).toBe('–');
    expect(span(86400 * 9.5)).toBe('9 d');
  });
  it('keeps microseconds, which a Date loses', () => {
    expect(micros('1970-01-01T00:00:01.234567Z')).toBe(1_234_567);
    expect(micros('1970-01-01T00:00:01.5Z')).toBe(1_500_000);
    expect(micros('1970-01-01T00:00:01Z')).toBe(1_000_000);
  });
  it('reckons back, as far as a clock goes', () => {
    expect(before('2026-11-20T03:00:00Z', 600)).toBe('2026-11-20T02:50:00.000Z');
    expect([before('2026-11-20T03:00:00Z', 1e300), before('nonsense', 1)]).toEqual([undefined, undefined]);
  });
  it('writes sizes', () => expect([bytes(0), bytes(999), bytes(1500), bytes(250e6)]).toEqual(['0 B', '999 B', '1.5 kB', '250 MB']));
});

describe('csv', () => {
  it('has no cell that a spreadsheet runs', () => {
    for (const bad of ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\r=x', ' =1', '|calc', '＝1', "=cmd|' /C calc'!A0"]) {
      expect(cell(bad).replace(/^"/, '').startsWith("'"), JSON.stringify(bad)).toBe(true);
    }
    expect(cell('a\0b')).toBe('a\\0b');
    expect(cell(-5)).toBe('-5');
  });
  it('quotes what would end a cell', () => {
    expect(csv(['a', 'b'], [['x"y', 'l\nm']])).toBe('a,b\r\n"x""y","l\nm"\r\n');
  });
});

describe('filter', () => {
  it('quotes what is not one plain word', () => {
    expect(term('host', 'web-1.example')).toBe('host:web-1.example');
    expect(term('application', 'my app "x"')).toBe('application:"my app \\"x\\""');
  });
  it('adds a condition and takes it away again', () => {
    const once = toggled('kev:yes', 'host', 'a b');
    expect(once).toBe('kev:yes host:"a b"');
    expect(has(once, 'host', 'a b')).toBe(true);
    expect(toggled(once, 'host', 'a b')).toBe('kev:yes');
  });
  it('finds the characters that a place in bytes means', () => {
    expect(place('é hots:x', 3, 7)).toEqual([2, 6]);
    expect(place('kev:', 4, 4)).toEqual([3, 4]);
  });
});

describe('what strangers wrote', () => {
  it('turns no line around and moves no cursor', () => {
    expect(visible('a\u202eb\u001b[31m\n')).toBe('a\\u{202e}b\\x1b[31m\n');
  });
  it('becomes text and safe links only', () => {
    const tree = JSON.stringify(blocks('<script>x</script> [a](javascript:alert(1)) [b](https://e.example/x) `<img>`'));
    expect(tree).not.toContain('"href":"javascript');
    expect(tree).toContain('"href":"https://e.example/x"');
    expect(blocks('- one\n- two\n\n1. three')).toMatchObject([{ kind: 'list', ordered: false }, { kind: 'list', ordered: true }]);
  });
  it('ends in time, however it is nested', () => {
    const begun = Date.now();
    blocks('**'.repeat(8000) + '`'.repeat(500) + '[a](https://'.repeat(500));
    expect(Date.now() - begun).toBeLessThan(2000);
  });
});
