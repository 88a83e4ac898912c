// What is in an alert, where the contract says "an object" only? As `crates/model` writes it.
import { get, type Schemas } from './client';

export interface Factor { name: string; points: number; reason: string }
export interface Claim {
  feed: string; matched: string; category: string; direction: string; port?: number; confidence: number;
  first_seen?: string | null; last_seen?: string | null; valid_until?: string | null; labels?: string[]; cves?: string[];
  system?: number;
}
export interface Ancestor { pid: number; exe: string; argv?: string[] }
export interface Container { id: string; runtime: string; name?: string; image?: string; pod?: string }
export interface Process {
  key: { pid: number; start_ns: number }; started?: string; command: string; exe: string; exe_sha256?: string;
  argv: string[]; cwd?: string; uid: number; login_uid?: number; cgroup?: string; unit?: string; container?: Container;
  ancestry?: Ancestor[]; netns?: number;
}
export interface Connection {
  protocol: string; direction: string; local: string; remote: string; state: string; opened: string; closed?: string;
  bytes_in: number; bytes_out: number; translated?: { local: string; remote: string } | null; remote_name?: string;
  named?: { name: string; by: string }; predates_sensor?: boolean;
}
export interface Finding {
  purl: string; name: string; version: string; id: string; cves: string[]; state: string; presence: string; fixed?: string;
  severity: Record<string, string>; cvss_tenths?: number; known_exploited?: boolean; epss_bp?: number; fix_command?: string;
  source: string; paths?: string[];
}
export interface Attempt {
  file: string; line: number; lines?: number[]; time?: string; remote?: string; claimed_remote?: string; family: string;
  attack?: string[]; cves?: string[]; verdict: string; rule: string; reasons?: string[]; raw: string;
}
export interface LogLine { file: string; line: number; raw: string }
export interface Why {
  cause: string; confidence: number; reasons?: string[];
  names?: { name: string; how: string; asker?: string; at?: string }[];
  mentions?: { place: string; file: string; line: number; text: string; matched: string }[];
  started_by?: { pid: number; exe: string; command: string; role?: string }[];
  exposure?: { listener?: string; scope: string; admitted_by?: string[]; rules?: string[]; reasons?: string[] };
  changes?: { what: string; commands: string[] }[]; missing?: string[];
}
export interface Investigation {
  at: string; took_ms?: number; why?: Why;
  logs: {
    verdict?: string; attempts?: Attempt[]; attempts_left_out?: number; lines?: number; examples?: LogLine[];
    read?: { file: string; found: string; lines: number; of_peer?: number }[]; missing?: string[];
  };
}
export interface Judged {
  changed?: string; trend: string; since?: string[];
  raised?: {
    at: string; severity: { score: number; level: string; factors: Factor[] }; confidence: number;
    claims?: { feed: string; matched: string; category: string; confidence: number }[];
    findings?: { purl: string; name: string; version: string; id: string; label: string; known_exploited?: boolean }[];
  };
}
export interface CallBack { attempts?: Attempt[]; child?: Process; reasons?: string[] }
export interface Work extends Omit<Schemas['WorkDone'], 'comments' | 'history' | 'tags' | 'severity' | 'attachments'> {
  comments?: { at: string; author: string; text: string }[];
  history?: { at: string; author: string; what: string }[];
  tags?: Record<string, string>;
  severity?: { level: string; author: string; at: string; reason: string };
  attachments?: { name: string; url: string; sha256?: string; author: string; at: string }[];
}

type Loose = 'judged' | 'claims' | 'connections' | 'findings' | 'process' | 'investigation' | 'call_back' | 'missing' | 'guard' | 'confidence_why' | 'work' | 'severity';
export interface Alert extends Omit<Schemas['Alert'], Loose> {
  claims: Claim[]; connections: Connection[]; findings: Finding[]; process?: Process; investigation?: Investigation;
  judged?: Judged; call_back?: CallBack; missing?: { what: string; why: string }[]; guard?: { list: string; range: string; kind: string }[];
  confidence_why?: Factor[]; severity: { score: number; level: string; factors: Factor[] }; work: Work;
}
export type Summary = Omit<Schemas['AlertSummary'], 'values'> & { values: Record<string, string[]> };
export interface Cut { protocol: string; local: string; remote: string; pid?: number; application?: string }

export async function alertOf(id: string): Promise<Alert> {
  return told(await get('/v1/alerts/{id}', undefined, [id]));
}

/** An alert as the server sends it; work that nobody did yet is not in it. */
export function told(alert: Schemas['Alert']): Alert {
  const whole = alert as unknown as Alert;
  return { ...whole, work: { ...whole.work, status: whole.work?.status ?? 'open' } };
}

export const LEVELS = ['critical', 'high', 'medium', 'low', 'informational'] as const;
export const STATUSES = ['open', 'investigating', 'contained', 'resolved'] as const;
export const RESOLUTIONS: [string, string][] = [
  ['true-positive-remediated', 'True positive, remediated'],
  ['false-positive', 'False positive'],
  ['expected', 'Expected'],
  ['testing', 'Testing'],
  ['not-enough-information', 'Not enough information'],
  ['other', 'Other'],
];
