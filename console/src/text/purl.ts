// What is a package called, by its purl?

/** Ecosystems in which the part before the name belongs to it; elsewhere it is a distribution or a vendor. */
const SPACED = ['npm', 'golang', 'composer', 'github', 'swift'];

/** `pkg:npm/%40angular/core@17.0.1?x=y` → `@angular/core`, `17.0.1`; nothing for what is no purl. */
export function packageOf(purl: string): { name: string; version: string } | undefined {
  const [, type, path, version] = /^pkg:([a-z][\w.+-]*)\/([^@?#]+)(?:@([^?#]*))?/i.exec(purl) ?? [];
  const parts = (path ?? '').split('/').filter(Boolean).map(decoded);
  const last = parts.at(-1);
  if (!type || last === undefined) return undefined;
  return { name: SPACED.includes(type.toLowerCase()) ? parts.join('/') : last, version: decoded(version ?? '') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
