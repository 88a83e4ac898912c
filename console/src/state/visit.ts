// Since when has this person not looked?

const KEY = 'tripoint-visited';
/** Who looks again within this time, in ms, is still there. */
const SAME = 30 * 60_000;
/** How often in ms it is written down that somebody still looks. */
const LOOKS = 60_000;

/** When the visit before this one was over, and when somebody last looked; in ms since 1970. */
export interface Visit {
  before?: number | undefined;
  last: number;
}

/** What a look makes of what was known. */
export function looked(known: Visit | undefined, now: number): Visit {
  // A clock that was set back says nothing.
  if (!known || known.last > now) return { before: known && known.before !== undefined && known.before <= now ? known.before : undefined, last: now };
  return { before: now - known.last <= SAME ? known.before : known.last, last: now };
}

/** `BEFORE LAST` or `LAST`, as RFC 3339: whatever else stands there is as if nothing did. */
export function visitOf(text: string | null): Visit | undefined {
  const moments = (text ?? '').split(' ').map((one) => Date.parse(one));
  const last = moments.at(-1);
  if (last === undefined || moments.length > 2 || moments.some(Number.isNaN)) return undefined;
  return { before: moments.length > 1 ? moments[0] : undefined, last };
}

export const written = ({ before, last }: Visit): string => [before, last].flatMap((one) => (one === undefined ? [] : [new Date(one).toISOString()])).join(' ');

/** Counts as a look now and as long as the page is seen. When the visit before was over, nothing at the first; for `$effect`, also the end. */
export function visit(): { before: string | undefined; end: () => void } {
  const look = () => {
    const now = looked(visitOf(localStorage.getItem(KEY)), Date.now());
    const text = written(now);
    localStorage.setItem(KEY, text);
    return now;
  };
  const { before } = look();
  const timer = setInterval(() => {
    if (!document.hidden) look();
  }, LOOKS);
  return { before: before === undefined ? undefined : new Date(before).toISOString(), end: () => clearInterval(timer) };
}
