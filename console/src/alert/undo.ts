// What is to be lifted so that everything is as it was, and nothing that was there before is gone?
import type { Schemas } from '../api/client';

/** Something in force on a host. */
type Held = Pick<Schemas['HostAction'], 'host' | 'target'>;

/**
 * The requests that lift what an action put in force on these hosts; `before` is what was in force when it was asked for.
 * A block that was there already stays, also where it holds longer now.
 */
export function toLift(targets: string[], hosts: string[], before: Held[], host?: string): { host?: string; targets: string[] }[] {
  const was = (at: string, target: string) => before.some((one) => one.host === at && one.target === target);
  if (!hosts.some((at) => targets.some((target) => was(at, target)))) return [{ targets, ...(host ? { host } : {}) }];
  return hosts.map((at) => ({ host: at, targets: targets.filter((target) => !was(at, target)) })).filter((one) => one.targets.length > 0);
}
