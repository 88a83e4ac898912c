// What does a comment say? A small part of Markdown, read into a tree that components draw; markup is never made of it.

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; inside: Inline[] }
  | { kind: 'em'; inside: Inline[] }
  | { kind: 'link'; href: string; text: string };

export type Block =
  | { kind: 'paragraph'; inside: Inline[] }
  | { kind: 'heading'; inside: Inline[] }
  | { kind: 'quote'; inside: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; items: Inline[][] };

export function blocks(source: string): Block[] {
  const lines = source.replaceAll('\r\n', '\n').split('\n');
  const found: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    if (line.trim() === '') {
      at += 1;
    } else if (line.startsWith('```')) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith('```'));
      const until = end < 0 ? lines.length : end;
      found.push({ kind: 'code', text: lines.slice(at + 1, until).join('\n') });
      at = until + 1;
    } else if (/^#{1,6} /.test(line)) {
      found.push({ kind: 'heading', inside: inline(line.replace(/^#+ /, '')) });
      at += 1;
    } else if (ITEM.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const items: Inline[][] = [];
      while (ITEM.test(lines[at] ?? '')) items.push(inline((lines[at++] ?? '').replace(ITEM, '')));
      found.push({ kind: 'list', ordered, items });
    } else {
      const quoted = line.startsWith('>');
      const part: string[] = [];
      while (at < lines.length && (lines[at] ?? '').trim() !== '' && !/^(```|#{1,6} )/.test(lines[at] ?? '') && (lines[at] ?? '').startsWith('>') === quoted && (part.length === 0 || !ITEM.test(lines[at] ?? ''))) {
        part.push((lines[at++] ?? '').replace(/^> ?/, ''));
      }
      found.push({ kind: quoted ? 'quote' : 'paragraph', inside: inline(part.join('\n')) });
    }
  }
  return found;
}

const ITEM = /^\s*(?:[-*]|\d{1,3}[.)]) +/;
const MARK = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|_([^_\s][^_\n]*)_(?![\p{L}\p{N}])|\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]{1,1000})\)|(https?:\/\/[^\s<>")\]]{1,1000})/u;

function inline(text: string): Inline[] {
  const found: Inline[] = [];
  let rest = text;
  for (let steps = 0; rest !== '' && steps < 2000; steps += 1) {
    const match = MARK.exec(rest);
    if (!match) break;
    if (match.index > 0) found.push({ kind: 'text', text: rest.slice(0, match.index) });
    const [whole, code, strong, star, line, label, target, bare] = match;
    if (code !== undefined) found.push({ kind: 'code', text: code });
    else if (strong !== undefined) found.push({ kind: 'strong', inside: inline(strong) });
    else if (label !== undefined && target !== undefined) found.push({ kind: 'link', href: target, text: label });
    else if (bare !== undefined) found.push({ kind: 'link', href: bare, text: bare });
    else found.push({ kind: 'em', inside: inline(star ?? line ?? '') });
    rest = rest.slice(match.index + whole.length);
  }
  if (rest !== '') found.push({ kind: 'text', text: rest });
  return found;
}
