// How is a host, in a word?
import type { Schemas } from '../api/client';

type Host = Schemas['AgentStatus'];

export const capabilities = (host: Host) => host.health?.capabilities ?? [];

/** How old what it judges by is. */
export const sources = (host: Host) => host.health?.data ?? [];

/** Whether a source is as it should be: `ok`, or `ok` and how much is in it. */
export const isFine = (status: string) => /^ok(?:,|$)/.test(status);

/** What it cannot do. */
export const weak = (host: Host) => capabilities(host).filter((one) => one.status !== 'ok');

export const losses = (host: Host) => Object.entries(host.health?.losses ?? {});

/** Records that are known to be lost. */
export const loss = (host: Host) => losses(host).reduce((sum, [, count]) => sum + count, 0);
