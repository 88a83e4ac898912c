// How is a person's work on alerts sent, and taken back?
import { post, type Schemas } from '../api/client';
import type { Summary } from '../api/alert';
import { many } from '../text/words';
import { toasts } from './toasts.svelte';

type Work = Schemas['Work'];
export type Standing = Pick<Summary, 'id' | 'status' | 'assignee'>;

/** The same work on all of them; what is refused is said, one by one. True when nothing was. */
export async function workOn(alerts: Standing[], work: Work, done: string, after: () => void): Promise<boolean> {
  const answer = await send(alerts.map((alert) => alert.id), work);
  const back = answer.done.map((id) => alerts.find((alert) => alert.id === id)).filter((alert) => alert !== undefined);
  if (back.length > 0) {
    const text = back.length === 1 ? done : `${done}: ${many(back.length, 'alert')}`;
    toasts.add('done', text, inverse(work, back[0]) && (async () => {
      for (const alert of back) await send([alert.id], inverse(work, alert) as Work);
      after();
    }));
  }
  for (const refused of answer.refused.slice(0, 3)) toasts.add('failed', `${refused.id}: ${refused.reason}`);
  if (answer.refused.length > 3) toasts.add('failed', `and ${answer.refused.length - 3} more were refused`);
  after();
  return answer.refused.length === 0;
}

/** At most 500 in one request. */
async function send(ids: string[], work: Work): Promise<Schemas['BulkAnswer']> {
  const all: Schemas['BulkAnswer'] = { done: [], refused: [] };
  for (let at = 0; at < ids.length; at += 500) {
    const answer = await post('/v1/queue/work', { ids: ids.slice(at, at + 500), work });
    all.done.push(...answer.done);
    all.refused.push(...answer.refused);
  }
  return all;
}

/** What would make it as it was; nothing for what cannot be unsaid. */
function inverse(work: Work, was: Standing | undefined): Work | undefined {
  if (!was) return undefined;
  switch (work.do) {
    case 'resolve':
      return { do: 'reopen', comment: 'closed by mistake' };
    case 'status':
      return was.status === 'resolved' ? undefined : { do: 'status', status: was.status };
    case 'assign':
      return { do: 'assign', assignee: was.assignee ?? null };
    case 'tag':
      return { do: 'untag', name: work.name ?? '' };
    case 'merge':
      return { do: 'split' };
    default:
      return undefined;
  }
}
