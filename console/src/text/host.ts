// How is a host, in a word? The contract says "objects" of health; here is what is in them.
import type { Schemas } from '../api/client';

export interface Capability {
  name: string;
  status: string;
  lost: string;
}

export function capabilities(host: Schemas['AgentStatus']): Capability[] {
  const all = (host.health?.capabilities ?? []) as unknown as Partial<Capability>[];
  return all.map((one) => ({ name: one.name ?? '?', status: one.status ?? '', lost: one.lost ?? '' }));
}

/** How old what it judges by is. */
export function sources(host: Schemas['AgentStatus']): { source: string; age?: number; status: string }[] {
  return (host.health?.data ?? []) as unknown as { source: string; age?: number; status: string }[];
}

/** Whether a source is as it should be: `ok`, or `ok` and how much is in it. */
export const isFine = (status: string) => /^ok(?:,|$)/.test(status);

/** What it cannot do. */
export function weak(host: Schemas['AgentStatus']): Capability[] {
  return capabilities(host).filter((one) => one.status !== 'ok');
}

export function losses(host: Schemas['AgentStatus']): [string, number][] {
  return Object.entries((host.health?.losses ?? {}) as Record<string, unknown>).filter((pair): pair is [string, number] => typeof pair[1] === 'number');
}

/** Records that are known to be lost. */
export function loss(host: Schemas['AgentStatus']): number {
  return losses(host).reduce((sum, [, count]) => sum + count, 0);
}
