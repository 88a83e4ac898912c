// What are the words of the contract called before people?

const NAMES: Record<string, string> = {
  kev: 'exploited in the wild', cve: 'CVE',
  c2: 'command and control', 'malware-host': 'malware host', 'brute-force': 'brute force', tor: 'Tor',
  'configured-dependency': 'its configuration names the peer', 'package-manager': 'a package manager or updater at work',
  'user-action': 'a person at a shell', 'name-driven': 'it asked for a name that no configuration holds',
  'scheduled-job': 'a scheduled job', 'inbound-reaction': 'a request made it do so', implant: 'nothing explains it, and the program hides',
  'exposed-service': 'a service listens where the peer can reach it', unknown: 'not known',
  likely_succeeded: 'likely succeeded', 'not-affected': 'not affected', 'wont-fix': 'will not be fixed',
  'no-dsa': 'no advisory', 'under-investigation': 'under investigation',
  bad_server_of_vulnerable_app: 'Bad server, vulnerable application', bad_client_of_vulnerable_app: 'Bad client, vulnerable application',
  exploited_then_called_back: 'Exploited, then called back', bad_name_of_vulnerable_app: 'Bad name, vulnerable application',
};

/** A friendly name for a word of the contract. */
export function friendly(word: string): string {
  return NAMES[word] ?? word.replaceAll('_', ' ').replaceAll('-', ' ');
}

/** How a channel stands, by its breaker. */
export function standing(breaker: string): string {
  return breaker === 'closed' ? 'works' : breaker === 'open' ? 'left alone for a while' : 'one message tries';
}

/** `1 host`, `2 hosts`. */
export function many(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : more}`;
}

/** From how much something was read, so that nobody takes it for all. */
export function readFrom({ read, more }: { read: number; more: boolean }): string {
  if (read === 0) return 'No alert that is listed speaks of it.';
  return more ? `Read from the ${read} alerts seen last; there are more.` : `Read from ${read === 1 ? 'the one alert' : `all ${read} alerts`} listed below.`;
}
