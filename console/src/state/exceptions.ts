// How is an exception read, and made again as it was?
import { post, type Schemas } from '../api/client';

export type Kept = Schemas['KeptException'];

/** What makes it anew, until when it would have ended. */
export function againOf(one: Kept): Schemas['ExceptionRequest'] {
  const left = Math.floor((Date.parse(one.expires) - Date.now()) / 1000);
  const { target, application, indicator, hosts, rule, direction, cves, ticket, reason } = one;
  const again: Schemas['ExceptionRequest'] = { target, application, indicator, hosts, rule, direction, cves, ticket, reason, for_seconds: Math.max(60, left) };
  return again;
}

export const make = (request: Schemas['ExceptionRequest']) => post('/v1/exceptions', request);
