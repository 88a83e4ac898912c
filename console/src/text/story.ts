// What happened in which order, as far as the alert knows it?
import type { Alert, Finding } from '../api/alert';
import { visible } from '../api/read';
import { friendly } from './words';

export interface Moment {
  at: string;
  kind: 'intel' | 'package' | 'process' | 'connection' | 'log' | 'action' | 'person' | 'alert';
  text: string;
  more?: string;
}

export function story(alert: Alert): Moment[] {
  const moments: Moment[] = [];
  const add = (at: string | null | undefined, kind: Moment['kind'], text: string, more?: string) => {
    if (at) moments.push(more === undefined ? { at, kind, text } : { at, kind, text, more });
  };
  for (const claim of alert.claims) add(claim.first_seen, 'intel', `${claim.feed} first called ${claim.matched} ${friendly(claim.category)}`);
  // Several advisories speak of one package.
  const packages = new Map(alert.findings.map((finding) => [finding.purl, finding]));
  for (const one of packages.values()) add(one.installed, 'package', `${one.name} ${one.version} installed`, one.paths?.[0]);
  add(alert.process?.started, 'process', `${alert.process?.command || alert.process?.exe} started`, `pid ${alert.process?.key.pid}`);
  for (const connection of alert.connections) {
    const arrow = connection.direction === 'outbound' ? `${connection.local} → ${connection.remote}` : `${connection.remote} → ${connection.local}`;
    add(connection.opened, 'connection', `connection opened (${connection.protocol})`, arrow);
    add(connection.closed, 'connection', `connection ${connection.state}`, arrow);
  }
  const attempts = new Map((alert.investigation?.logs.attempts ?? []).concat(alert.call_back?.attempts ?? []).map((one) => [`${one.file}:${one.line}`, one]));
  for (const attempt of attempts.values()) add(attempt.time, 'log', `${attempt.family} ${friendly(attempt.verdict)}`, `${attempt.file}:${attempt.line}`);
  add(alert.first_seen, 'alert', 'raised');
  add(alert.investigation?.at, 'log', 'the host looked into its logs');
  for (const outcome of alert.outcomes ?? []) add(outcome.at, 'action', `${outcome.action} ${outcome.target}: ${friendly(outcome.state)}${outcome.verified ? ', verified' : ''}`, outcome.mechanism);
  for (const change of alert.work.history ?? []) add(change.at, 'person', `${change.author}: ${change.what}`);
  // What happened at one moment stays in the order of causes above.
  return moments.map((moment, index) => ({ moment, index })).sort((a, b) => Date.parse(a.moment.at) - Date.parse(b.moment.at) || a.index - b.index).map(({ moment }) => moment);
}

/** What a stranger wrote, as text in whatever reads the report: no markup, no link, no line of its own. */
export function safe(text: string | number | null | undefined): string {
  const line = visible(String(text ?? '')).replace(/[\s\u0085\u2028\u2029]+/g, ' ');
  // HTML in Markdown is HTML: its signs are written as references, which no reader takes for anything else.
  const plain = line.replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? '').replace(/[\\`*_{}[\]()#|~!$^]/g, '\\$&');
  // Readers make links of bare addresses, and mentions of names.
  return plain.replace(/:\/\//g, '&#58;//').replace(/@/g, '&#64;').replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}&#46;`).replace(/^(\d*)([-+=.)])/, '$1\\$2');
}

/** The same as code, in one line, also within a table; no run of backticks in it ends it. */
export function code(text: string | number | null | undefined): string {
  const line = visible(String(text ?? '')).replace(/[\s\u0085\u2028\u2029]+/g, ' ').replaceAll('`', "'");
  return line.trim() === '' ? '' : `\`${line}\``;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Lines of a log, as a block of code; a line in it can begin nothing else. */
const block = (text: string) => ['', ...visible(text).split(/[\n\r\u0085\u2028\u2029]/).map((line) => `      ${line}`), ''];

/** The alert as a report. Every text in it goes through `safe`, `code` or `block`, whoever wrote it. */
export function report(alert: Alert): string {
  const { work, severity, investigation } = alert;
  const word = (text: string) => safe(friendly(text));
  const lines = [
    `# ${safe(alert.title)}`, '',
    `Severity **${safe(severity.level)}** (${safe(severity.score)} of 100), confidence ${safe(alert.confidence)} of 100. Status: ${safe(work.status)}${work.assignee ? `, ${safe(work.assignee)}` : ''}. Alert ${code(alert.id)}, rule ${code(alert.rule)}, host ${code(alert.host)}.`, '',
    `First seen ${safe(alert.first_seen)}, last seen ${safe(alert.last_seen)}, ${safe(alert.count)} connections, ${safe(alert.bytes_in)} bytes in, ${safe(alert.bytes_out)} bytes out${alert.still_open ? ', still open' : ''}.`, '',
    '## Who says that it is bad', '',
    ...alert.claims.map((claim) => `- ${safe(claim.feed)}: ${code(claim.matched)} is ${word(claim.category)}, sure to ${safe(claim.confidence)} of 100`), '',
    '## What the application is vulnerable to', '',
    ...alert.findings.map(holeOf), '',
    '## What its logs say', '',
    ...(investigation?.logs.attempts ?? []).flatMap((attempt) => [`- ${word(attempt.verdict)}: ${safe(attempt.family)} at ${code(`${attempt.file}:${attempt.line}`)}`, ...block(attempt.raw)]),
    ...(investigation ? [] : ['The host has not looked yet.']), '',
    '## Why it was connected', '',
    investigation?.why ? `${word(investigation.why.cause)} (sure to ${safe(investigation.why.confidence)} of 100)` : 'Not known.',
    ...(investigation?.why?.reasons ?? []).map((reason) => `- ${safe(reason)}`), '',
    '## How bad, and why', '', '| points | what | why |', '|---:|---|---|',
    ...severity.factors.map((factor) => `| ${safe(factor.points)} | ${safe(factor.name)} | ${safe(factor.reason)} |`), '',
    '## What is missing', '',
    ...(alert.missing ?? []).map((missing) => `- ${safe(missing.what)}: ${safe(missing.why)}`), '',
    '## What happened', '',
    ...story(alert).map((moment) => `- ${safe(moment.at)} ${safe(moment.text)}${moment.more ? ` (${code(moment.more)})` : ''}`), '',
    '## Comments', '',
    ...(work.comments ?? []).map((comment) => `- ${safe(comment.at)} ${safe(comment.author)}: ${safe(comment.text)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function holeOf(finding: Finding): string {
  const parts = [`${code(`${finding.name} ${finding.version}`)}, ${safe(finding.presence)}`];
  if (finding.known_exploited) parts.push(', **exploited in the wild**');
  if (finding.fixed) parts.push(`, fixed in ${code(finding.fixed)}`);
  if (finding.fix_command) parts.push(`; ${code(finding.fix_command)}`);
  return `- ${safe(finding.id)}${finding.cves.length > 0 ? ` (${finding.cves.map(safe).join(', ')})` : ''}: ${parts.join('')}`;
}
