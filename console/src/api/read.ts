// How does what strangers wrote become harmless to show, and is still what it was in a file?

/** What stood in an object, by its names there, before it was made visible. */
const sent = new WeakMap<WeakKey, Map<string, [name: string, text?: string]>>();

/** Reads JSON of the server; every string in it is harmless to show. */
export function read(text: string): unknown {
  return JSON.parse(text, function (this: object, name: string, value: unknown) {
    if (typeof value === 'string') {
      const shown = visible(value);
      if (shown !== value) remember(this, name, name, value);
      return shown;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.keys(value).some((one) => visible(one) !== one) ? renamed(value) : value;
  });
}

/** The same as the server sent it. What a page has put together itself is as it is. */
export function asSent(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const before = sent.get(value);
  if (Array.isArray(value)) return value.map((one, index) => before?.get(String(index))?.[1] ?? asSent(one));
  return Object.fromEntries(Object.entries(value).map(([shown, one]) => {
    const [name, text] = before?.get(shown) ?? [shown];
    return [name, text ?? asSent(one)];
  }));
}

function remember(object: object, shown: string, name: string, text?: string): void {
  const known = sent.get(object) ?? new Map();
  sent.set(object, known.set(shown, text === undefined ? [name] : [name, text]));
}

function renamed(value: object): object {
  const fresh: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(value)) {
    const shown = visible(name);
    Object.defineProperty(fresh, shown, { value: one, enumerable: true, writable: true, configurable: true });
    const text = sent.get(value)?.get(name)?.[1];
    if (shown !== name || text !== undefined) remember(fresh, shown, name, text);
  }
  return fresh;
}

/**
 * Controls and marks that turn the direction of writing, made visible. Done where strings come in, so that no view can
 * forget it; tabs and line ends stay.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (one) => {
    const code = one.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
