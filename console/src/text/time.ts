// How are moments, spans and sizes written for people?

const UNITS: [string, number][] = [['d', 86400], ['h', 3600], ['min', 60]];

/** `4 min ago`, `in 2 h`, `now`. */
export function relative(moment: string, now: number): string {
  const seconds = (now - Date.parse(moment)) / 1000;
  if (Number.isNaN(seconds)) return '–';
  const away = Math.abs(seconds);
  if (away < 5) return 'now';
  const text = span(away);
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** `40 s`, `12 min`, `3 h`, `9 d`. */
export function span(seconds: number): string {
  for (const [unit, of] of UNITS) {
    if (seconds >= of) return `${Math.floor(seconds / of)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** All of it, as it was configured: `1 h 30 min`. */
export function exactly(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, of] of [...UNITS, ['s', 1] as const]) {
    if (rest >= of) parts.push(`${Math.floor(rest / of)} ${unit}`);
    rest %= of;
  }
  return parts.join(' ') || '0 s';
}

// Made once: making one costs more than using it a thousand times.
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** Both clocks, in full. */
export function absolute(moment: string): string {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return moment;
  return `${LOCAL.format(date)} · ${date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`;
}

/** `2026-11-20 03:00:02`, local. */
export function stamp(moment: string): string {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return moment;
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** So many seconds before a moment; nothing where no clock shows that. */
export function before(moment: string, seconds: number): string | undefined {
  const date = new Date(Date.parse(moment) - seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Microseconds since 1970, as the live stream counts; a Date knows only thousandths. */
export function micros(moment: string): number {
  const digits = /\.(\d+)/.exec(moment)?.[1] ?? '';
  const whole = Date.parse(moment.replace(/\.\d+/, ''));
  return whole * 1000 + Number(digits.padEnd(6, '0').slice(0, 6));
}

/** `1.4 MB`, decimal, as connections are counted. */
export function bytes(count: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = count;
  let at = 0;
  while (size >= 1000 && at < names.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${names[at]}`;
}

export const count = (number: number): string => number.toLocaleString('en').replaceAll(',', '\u202f');
