// How is a table written so that no spreadsheet runs what is in it?

import { visible } from '../api/client';

/** RFC 4180 with a header. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csv(titles: string[], rows: (string | number)[][]): string {
  return [titles, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

export function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  // NUL ends a text in some programs: what follows it would be read anew. Whoever shows the file in a terminal is not led either.
  const plain = visible(value.replaceAll('\0', '\\0'));
  const safe = /^[\s]*[=+\-@\t\r|%＝＋－＠]/.test(value) ? `'${plain}` : plain;
  return /[",\r\n;\t']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** `alerts.csv`; `alerts-first-100000-of-240000.csv` where it is not all. */
export function named(name: string, kind: string, { rows, more, total }: { rows: unknown[]; more: boolean; total?: number | undefined }): string {
  return more ? `${name}-first-${rows.length}${total === undefined ? '' : `-of-${total}`}.${kind}` : `${name}.${kind}`;
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string, kind: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
