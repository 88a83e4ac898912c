// Does what an action, or a feed, names cover an address, a network or a name that a page is about?

/** Addresses that are meant: their first `length` of `width` bits are those of `bits`; one port where that is meant. */
export interface Net {
  bits: bigint;
  width: 32 | 128;
  length: number;
  port?: number;
}

/** `all`: whatever is meant by the page; `part`: some of its addresses or ports only. */
export type Cover = 'all' | 'part';

/** Reads `203.0.113.7`, `203.0.113.0/24`, `203.0.113.7:443`, `2001:db8::1`, `2001:db8::/32`, `[2001:db8::1]:443`. */
export function netOf(text: string): Net | undefined {
  const [, inner, port] = PORTED.exec(text) ?? [];
  if (inner !== undefined) {
    const net = addressOf(inner.replace(/^\[|\]$/g, ''));
    if (!port) return net;
    return net && Number(port) <= 65_535 ? { ...net, port: Number(port) } : undefined;
  }
  const [, address, length] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const net = addressOf(address ?? text);
  if (!net || length === undefined) return net;
  const kept = Number(length) - (net.mapped ? 96 : 0);
  return kept >= 0 && kept <= net.width ? { bits: net.bits, width: net.width, length: kept } : undefined;
}

/** How much of what `subject` means is covered by `target`; nothing where none is. */
export function covers(target: string, subject: string): Cover | undefined {
  const [wide, narrow] = [netOf(target), netOf(subject)];
  if (wide && narrow) return netCovers(wide, narrow);
  if (wide || narrow) return undefined;
  const [held, asked] = [plain(target), plain(subject)];
  if (held === asked || isBeneath(asked, held)) return 'all';
  return isBeneath(held, asked) ? 'part' : undefined;
}

/** Whether it is a name that hosts take: with a dot, the last label no number (RFC 1123, and `_`). */
export function isName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  return text.length <= 254 && labels.length > 1 && labels.every((label) => /^(?!-)[\w-]{1,63}(?<!-)$/.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

/** Whether an action may name it: an address, a network, a name with or without all beneath it, an autonomous system. */
export const isPeer = (text: string) => netOf(text) !== undefined || isName(text.replace(/^\*\./, '')) || /^AS[1-9]\d{0,9}$/i.test(text);

/** `203.0.113.7:443` or `[2001:db8::1]:443`; a bare IPv6 address has no port. */
const PORTED = /^(\[[^\]]+\]|\d+\.\d+\.\d+\.\d+)(?::(0|[1-9]\d{0,4}))?$/;

function netCovers(wide: Net, narrow: Net): Cover | undefined {
  if (wide.width !== narrow.width) return undefined;
  const shift = BigInt(wide.width - Math.min(wide.length, narrow.length));
  if (wide.bits >> shift !== narrow.bits >> shift) return undefined;
  if (wide.port !== undefined && narrow.port !== undefined && wide.port !== narrow.port) return undefined;
  return wide.length <= narrow.length && (wide.port === undefined || wide.port === narrow.port) ? 'all' : 'part';
}

const plain = (name: string) => name.trim().toLowerCase().replace(/\.$/, '');

/** Whether a name is `*.parent`'s: the parent itself, or anything beneath it. */
function isBeneath(name: string, wild: string): boolean {
  if (!wild.startsWith('*.')) return false;
  const [bare, parent] = [name.replace(/^\*\./, ''), wild.slice(2)];
  return bare === parent || bare.endsWith(`.${parent}`);
}

/** One address; an IPv4 address written as IPv6 is the IPv4 address, as it is on hosts. */
function addressOf(text: string): (Net & { mapped?: true }) | undefined {
  if (/^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.every((byte) => byte < 256) ? { bits: number(bytes, 8n), width: 32, length: 32 } : undefined;
  }
  if (!text.includes(':') || !/^[\da-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  // Browsers know every way to write one; they answer in hexadecimal with at most one gap.
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => part.split(':').filter(Boolean).map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const bits = number([...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last], 16n);
  return bits >> 32n === 0xffffn ? { bits: bits & 0xffff_ffffn, width: 32, length: 32, mapped: true } : { bits, width: 128, length: 128 };
}

const number = (parts: number[], size: bigint) => parts.reduce((sum, part) => (sum << size) | BigInt(part), 0n);
