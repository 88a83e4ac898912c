// How is a condition written in the filter language (docs/reference/filter.md)?

/** `field:value`, quoted where the value is not one plain word. */
export function term(field: string, value: string): string {
  return `${field}:${word(value)}`;
}

export function word(value: string): string {
  return /^[\p{L}\p{N}_.:/@+-]+$/u.test(value) && !value.startsWith('-') ? value : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Adds the condition, or takes it away where it stands already. */
export function toggled(filter: string, field: string, value: string): string {
  const one = term(field, value);
  const parts = split(filter);
  const without = parts.filter((part) => part !== one);
  return (without.length < parts.length ? without : [...parts, one]).join(' ');
}

export function has(filter: string, field: string, value: string): boolean {
  return split(filter).includes(term(field, value));
}

/** Words of the filter; what stands in quotes stays whole. */
function split(filter: string): string[] {
  return filter.match(/(?:"(?:\\.|[^"\\])*"|\S)+/g) ?? [];
}

/** The characters that a place in bytes means. */
export function place(text: string, at: number, end: number): [number, number] {
  const encoder = new TextEncoder();
  let bytes = 0;
  let from = text.length;
  let to = text.length;
  let index = 0;
  for (const one of text) {
    if (bytes >= at && from === text.length) from = index;
    if (bytes >= end) {
      to = index;
      break;
    }
    bytes += encoder.encode(one).length;
    index += one.length;
  }
  const begin = Math.min(from, Math.max(0, text.length - 1));
  return [begin, Math.min(text.length, Math.max(to, begin + 1))];
}
