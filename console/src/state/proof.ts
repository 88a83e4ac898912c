// How does one window tell another that a person has just proven, at the provider, to be there?

/** Every window of this browser hears it; each waits for its own word. The server alone decides what it is worth. */
const CHANNEL = 'tripoint-proof';
const WORD = /^[0-9a-f]{32}$/;

/** A word that nobody else says. */
export function word(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Where another window proves it and then says the word. */
export const begin = (mine: string) => `/v1/oidc/begin?${new URLSearchParams({ confirm: 'true', then: `/proven/${mine}` })}`;

/** Calls when the word is said; what it gives ends the waiting. */
export function heard(mine: string, then: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = (event) => {
    if (event.data === mine) then();
  };
  return () => channel.close();
}

export function say(theirs: string): void {
  if (!WORD.test(theirs)) return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(theirs);
  channel.close();
}
