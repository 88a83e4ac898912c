// How does one window tell another that a person has just proven, at the provider, to be there?

/** Every other window of this origin hears what is kept; each waits for its own word. The server alone decides what it is worth. */
const KEPT = 'tripoint-proof';
const WORD = /^[0-9a-f]{32}$/;

/** A word that nobody else says. */
export function word(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Where another window proves it and then says the word. */
export const begin = (mine: string) => `/v1/oidc/begin?${new URLSearchParams({ confirm: 'true', then: `/proven/${mine}` })}`;

/** Calls when the word is said; what it gives ends the waiting. */
export function heard(mine: string, then: () => void): () => void {
  const hear = (event: StorageEvent) => {
    if (event.key === KEPT && event.newValue === mine) then();
  };
  addEventListener('storage', hear);
  return () => removeEventListener('storage', hear);
}

export function say(theirs: string): void {
  if (!WORD.test(theirs)) return;
  localStorage.setItem(KEPT, theirs);
  localStorage.removeItem(KEPT);
}
