// What are the techniques of MITRE ATT&CK called that rules here name?

const NAMES: Record<string, string> = {
  T1005: 'Data from Local System', T1046: 'Network Service Discovery', T1059: 'Command and Scripting Interpreter', 'T1059.004': 'Unix Shell', 'T1059.007': 'JavaScript',
  T1071: 'Application Layer Protocol', T1078: 'Valid Accounts', T1083: 'File and Directory Discovery', T1087: 'Account Discovery', T1090: 'Proxy', 'T1090.002': 'External Proxy',
  T1105: 'Ingress Tool Transfer', T1110: 'Brute Force', 'T1110.003': 'Password Spraying', T1133: 'External Remote Services', T1189: 'Drive-by Compromise', T1190: 'Exploit Public-Facing Application',
  T1203: 'Exploitation for Client Execution', T1210: 'Exploitation of Remote Services', T1221: 'Template Injection', T1496: 'Resource Hijacking', T1505: 'Server Software Component', 'T1505.003': 'Web Shell',
  'T1552.001': 'Credentials In Files', 'T1552.005': 'Cloud Instance Metadata API', T1557: 'Adversary-in-the-Middle', 'T1589.001': 'Credentials of victims gathered', T1595: 'Active Scanning', 'T1595.002': 'Vulnerability Scanning', 'T1595.003': 'Wordlist Scanning',
};

/** `T1190 Exploit Public-Facing Application`; the id alone where a rule of somebody else's names another. */
export function technique(id: string): string {
  const name = NAMES[id];
  return name ? `${id} ${name}` : id;
}
