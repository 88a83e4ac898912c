// Why was a sign-in at the provider not taken? The server's log has more.
const REFUSED: Record<string, string> = {
  'oidc-refused': 'The sign-in was not taken: it was too old, somebody else\'s, or the provider said no. Try again.',
  'oidc-no-role': 'The provider knows you, and none of your groups may anything here. Ask an admin.',
  'oidc-disabled': 'This user is disabled here. Ask an admin.',
  'oidc-unavailable': 'The provider cannot be asked at the moment.',
};

/** In words, where the address says so. */
export const refusedBy = (kind: string) => (Object.hasOwn(REFUSED, kind) ? (REFUSED[kind] ?? '') : '');
