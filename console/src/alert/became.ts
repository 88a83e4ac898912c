// What became of an action that is not in force any more, as far as what is told of it goes?
import type { Schemas } from '../api/client';
import { liftOf } from './target';

type Outcome = Schemas['Outcome'];
export interface End {
  /** What was done, as its host last said. */
  outcome: Outcome;
  how: 'lifted' | 'expired' | 'failed' | 'never' | 'unknown';
  at: string;
}

/** By what hosts said in one alert; nothing where that does not name it. */
export function endOf(outcomes: Outcome[], id: string, now: number): End | undefined {
  const outcome = outcomes.find((one) => one.id === id);
  if (!outcome) return undefined;
  const { state, at, expires } = outcome;
  if (state === 'lifted' || state === 'expired' || state === 'failed') return { outcome, how: state, at };
  if (state !== 'applied') return { outcome, how: 'never', at };
  const lift = outcomes
    .filter((one) => one.action === liftOf(outcome.target) && one.target === outcome.target && one.state !== 'failed' && one.state !== 'nothing' && one.at >= at)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))[0];
  if (lift && !(expires && Date.parse(lift.at) > Date.parse(expires))) return { outcome, how: 'lifted', at: lift.at };
  // The kernel ends it by itself and tells nobody.
  if (expires && Date.parse(expires) <= now) return { outcome, how: 'expired', at: expires };
  return { outcome, how: 'unknown', at };
}
