// Which applications and packages do alerts name that somebody may mean?
import type { Summary } from '../api/alert';

export interface Named {
  kind: 'application' | 'package';
  name: string;
}

/** Those whose name holds every word, each once, as far up as the alerts that name them. A package's URL stands for its name. */
export function namedBy(rows: Pick<Summary, 'application' | 'values'>[], words: string[]): Named[] {
  const fits = (name: string) => words.every((word) => name.toLowerCase().includes(word));
  const all = new Map<string, Named>();
  for (const row of rows) {
    const { name } = row.application;
    if (fits(name)) all.set(`application ${name}`, { kind: 'application', name });
    for (const one of (row.values.package ?? []).filter((each) => each.startsWith('pkg:') && fits(each))) all.set(`package ${one}`, { kind: 'package', name: one });
  }
  return [...all.values()].sort((a, b) => a.kind.localeCompare(b.kind));
}
