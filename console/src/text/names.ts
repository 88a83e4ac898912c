// What do people call programs, publishers and browsers that have short names in the contract?

const PROPER: Record<string, string> = {
  alertmanager: 'Alertmanager', elastic: 'Elastic', email: 'Mail', falcosidekick: 'Falcosidekick', jira: 'Jira', pagerduty: 'PagerDuty', servicenow: 'ServiceNow', slack: 'Slack', 'splunk-hec': 'Splunk HEC', syslog: 'Syslog', teams: 'Teams', webhook: 'Webhook',
  osv: 'OSV', nvd: 'NVD', debian: 'Debian', ubuntu: 'Ubuntu', alpine: 'Alpine', redhat: 'Red Hat', suse: 'SUSE', ghsa: 'GitHub', kev: 'CISA KEV', epss: 'EPSS', maven: 'Maven', npm: 'npm',
  bpf: 'kernel programs (BPF)', sock_diag: 'polling (sock_diag)', nft: 'nftables', ipset: 'ipset',
};

/** As its maker writes it; another name as it stands. */
export const proper = (name: string): string => (Object.hasOwn(PROPER, name) ? (PROPER[name] as string) : name);

/** `bpf+nftables` → `kernel programs (BPF), nftables`. */
export const mechanisms = (text: string): string => text.split('+').map(proper).join(', ');

/** `advisories debian` → `Advisories, Debian`; `intel` → `Indicators`. */
export function sourceOf(source: string): string {
  if (source === 'intel') return 'Indicators';
  if (source === 'vuln') return 'Advisories';
  const of = /^advisories (.+)$/.exec(source)?.[1];
  return of === undefined ? source : `Advisories, ${proper(of)}`;
}

/** `ok, 41000 records` → `ok, 41,000 records`. */
export const grouped = (text: string): string => text.replace(/\b\d{4,}\b(?! ?[-:])/g, (digits) => Number(digits).toLocaleString('en'));

/** `unit:shop.service` → `systemd unit shop.service`. */
export function applicationOf(key: string): string {
  const [, kind, id] = /^(unit|container|exe):(.+)$/.exec(key) ?? [];
  return kind && id ? `${{ unit: 'systemd unit', container: 'container', exe: 'program' }[kind]} ${id}` : key;
}

/** `Chrome 156 on Linux`, of what a browser says of itself; all it says where that is not known. */
export function browserOf(agent: string): string {
  const [, name, version] = /(Edg|OPR|Firefox|HeadlessChrome|Chrome)\/(\d+)/.exec(agent.replace(/Chrome(?=.*(?:Edg|OPR)\/)/, '')) ?? /(Safari)\/(\d+)/.exec(agent) ?? [];
  if (!name || !version) return agent || 'a browser';
  const system = ([['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']] as const).find(([mark]) => agent.includes(mark))?.[1];
  const called = { Edg: 'Edge', OPR: 'Opera', HeadlessChrome: 'Chrome without a window' }[name] ?? name;
  return `${called}${name === 'Safari' ? '' : ` ${version}`}${system ? ` on ${system}` : ''}`;
}
