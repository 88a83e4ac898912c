// What happened in which order, as far as the alert knows it?
import type { Alert } from '../api/alert';
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

/** The alert as a report. */
export function report(alert: Alert): string {
  const lines: string[] = [];
  // Whatever a stranger wrote must stay text in whatever reads the report.
  const safe = (text: string) => text.replace(/[\\`*_{}[\]<>#|~!]/g, '\\$&').replace(/\n/g, ' ');
  const fenced = (text: string) => '`' + text.replaceAll('`', "'") + '`';
  lines.push(`# ${safe(alert.title)}`, '');
  lines.push(`Severity **${alert.severity.level}** (${alert.severity.score} of 100), confidence ${alert.confidence} of 100. Status: ${alert.work.status}${alert.work.assignee ? `, ${safe(alert.work.assignee)}` : ''}. Alert ${alert.id}, rule ${fenced(alert.rule)}, host ${fenced(alert.host)}.`, '');
  lines.push(`First seen ${alert.first_seen}, last seen ${alert.last_seen}, ${alert.count} connections, ${alert.bytes_in} bytes in, ${alert.bytes_out} bytes out${alert.still_open ? ', still open' : ''}.`, '');
  lines.push('## Who says that it is bad', '');
  for (const claim of alert.claims) lines.push(`- ${safe(claim.feed)}: ${fenced(claim.matched)} is ${friendly(claim.category)}, sure to ${claim.confidence} of 100`);
  lines.push('', '## What the application is vulnerable to', '');
  for (const finding of alert.findings) lines.push(`- ${safe(finding.id)} (${finding.cves.join(', ')}): ${fenced(`${finding.name} ${finding.version}`)}, ${finding.presence}${finding.known_exploited ? ', **exploited in the wild**' : ''}${finding.fixed ? `, fixed in ${fenced(finding.fixed)}` : ''}${finding.fix_command ? `; ${fenced(finding.fix_command)}` : ''}`);
  lines.push('', '## What its logs say', '');
  for (const attempt of alert.investigation?.logs.attempts ?? []) lines.push(`- ${friendly(attempt.verdict)}: ${safe(attempt.family)} at ${fenced(`${attempt.file}:${attempt.line}`)}`, '', ...attempt.raw.split('\n').map((line) => `      ${line}`), '');
  if (!alert.investigation) lines.push('The host has not looked yet.');
  lines.push('', '## Why it was connected', '', alert.investigation?.why ? `${friendly(alert.investigation.why.cause)} (sure to ${alert.investigation.why.confidence} of 100)` : 'Not known.');
  for (const reason of alert.investigation?.why?.reasons ?? []) lines.push(`- ${safe(reason)}`);
  lines.push('', '## How bad, and why', '', '| points | what | why |', '|---:|---|---|');
  for (const factor of alert.severity.factors) lines.push(`| ${factor.points} | ${safe(factor.name)} | ${safe(factor.reason)} |`);
  lines.push('', '## What is missing', '');
  for (const missing of alert.missing ?? []) lines.push(`- ${safe(missing.what)}: ${safe(missing.why)}`);
  lines.push('', '## What happened', '');
  for (const moment of story(alert)) lines.push(`- ${moment.at} ${safe(moment.text)}${moment.more ? ` (${fenced(moment.more)})` : ''}`);
  lines.push('', '## Comments', '');
  for (const comment of alert.work.comments ?? []) lines.push(`- ${comment.at} ${safe(comment.author)}: ${safe(comment.text)}`);
  return `${lines.join('\n')}\n`;
}
