// How is an exception read, and made again as it was?
import { post, type Schemas } from '../api/client';

/** As the server lists it: the contract names only what was added to it. */
export type Kept = Schemas['Exception'] & Schemas['KeptException'];

/** What makes it anew, until when it would have ended. */
export function againOf(one: Kept): Schemas['ExceptionRequest'] {
  const left = Math.floor((Date.parse(one.expires) - Date.now()) / 1000);
  const again: Record<string, unknown> = { reason: one.reason, for_seconds: Math.max(60, left) };
  for (const name of ['target', 'application', 'indicator', 'hosts', 'rule', 'direction', 'cves', 'ticket'] as const) if (one[name]) again[name] = one[name];
  return again as Schemas['ExceptionRequest'];
}

export const make = (request: Schemas['ExceptionRequest']) => post('/v1/exceptions', request);
