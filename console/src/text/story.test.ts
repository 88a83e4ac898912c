// Does a report stay text in whatever reads it, whatever strangers wrote in any field?
import { expect, it } from 'vitest';
import type { Alert } from '../api/alert';
import { code, report, safe } from './story';

const HOSTILE = [
  '<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '<!-- ', '</code><b>x', '&lt;b&gt;', '[click](javascript:alert(1))', '![x](https://evil.example/p.png)', '[x]: https://evil.example',
  '<https://evil.example>', 'https://evil.example/a', 'www.evil.example', 'mail@evil.example', '`<b>`', '``` \n<b>', '~~~\n<b>', 'a\n# Heading\n\n<b>x', 'a\r<b>', 'a\u2028# x', '| a | b |', '**bold** _x_ ~~y~~', '- item', '+ item', '1. item', '2) item', '> quote', '===', '---', '\\<b>', '\\`<b>`', '$$x$$', '#1', '\u202egpj', '\u001b[31m',
];

/** Every text of an alert is this one; numbers, moments and what the server itself counts stay. */
function alertOf(text: string): Alert {
  const at = '2026-11-20T00:00:00Z';
  const finding = { id: text, cves: [text, text], name: text, version: text, presence: text, fixed: text, fix_command: text, known_exploited: true, installed: at, paths: [text], purl: text, state: text, severity: {}, source: text };
  const attempt = { family: text, verdict: text, file: text, line: 3, raw: text, time: at };
  return {
    id: text, title: text, rule: text, host: text, severity: { level: text, score: 5, factors: [{ name: text, points: -5, reason: text }] }, confidence: 5, first_seen: at, last_seen: at, count: 1, bytes_in: 1, bytes_out: 1, still_open: true,
    claims: [{ feed: text, matched: text, category: text, confidence: 5, first_seen: at }], findings: [finding], missing: [{ what: text, why: text }],
    process: { command: text, exe: text, started: at, key: { pid: 1 } }, connections: [{ direction: text, local: text, remote: text, protocol: text, state: text, opened: at, closed: at }],
    investigation: { at, logs: { attempts: [attempt] }, why: { cause: text, confidence: 5, reasons: [text] } }, call_back: { attempts: [attempt] },
    outcomes: [{ at, action: text, target: text, state: text, mechanism: text, verified: true }],
    work: { status: text, assignee: text, history: [{ at, author: text, what: text }], comments: [{ at, author: text, text }] },
  } as unknown as Alert;
}

/** What is left when code, blocks of code and escaped signs are put aside: what a reader of Markdown takes for markup. */
const markup = (line: string) => (line.startsWith('      ') ? '' : line.replace(/(?<!\\)`[^`]*`/g, '').replace(/\\[\\`*_{}[\]()#|~!$^=+.)-]/g, 'e'));

it.each(HOSTILE)('is text: %j', (text) => {
  const benign = report(alertOf('word')).split('\n').map((line) => markup(line).replaceAll('word', ''));
  const lines = report(alertOf(text)).split('\n').map(markup);
  for (const line of lines) {
    expect(line, 'no HTML, no link, no mention').not.toMatch(/[<>]|:\/\/|@|www\./i);
    expect(line, 'nothing that turns or steers').not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u);
  }
  // Headings, items, rows and emphasis are those of the report itself.
  const shape = (all: string[]) => all.map((line) => `${/^(?:#+ |- (?:[-+>#]+ |\d+[.)] )?|\||[-=]{3,}|```|~~~)?/.exec(line)?.[0]}${(line.match(/[*_~[\]|`]/g) ?? []).join('')}`).filter((line) => line !== '');
  expect(shape(lines)).toEqual(shape(benign));
});

it('keeps what is harmless readable', () => {
  expect(safe('shop@web-1 connected to 203.0.113.66:443 (2026-11-20)')).toBe('shop&#64;web-1 connected to 203.0.113.66:443 \\(2026-11-20\\)');
  expect(safe('CVE-2026-10001')).toBe('CVE-2026-10001');
  expect(code('a`b\nc')).toBe("`a'b c`");
  expect(code('')).toBe('');
});
