// How is a person's work on alerts sent, and taken back?
import { get, post, type Schemas } from '../api/client';
import type { Summary } from '../api/alert';
import { many } from '../text/words';
import { long } from './long.svelte';
import { toasts } from './toasts.svelte';

type Work = Schemas['Work'];
export type Standing = Pick<Summary, 'id' | 'status' | 'resolution' | 'assignee'> & { tags?: Record<string, string> | undefined };

/** The same work on all of them; what is refused is said, one by one. True when nothing was. */
export async function workOn(chosen: Standing[], work: Work, done: string, after: () => void): Promise<boolean> {
  const alerts = DECIDES.has(work.do) ? await stillSo(chosen) : chosen;
  if (alerts.length === 0) {
    after();
    return false;
  }
  const answer = await send(done, alerts.map((alert) => alert.id), work);
  const known = new Map(alerts.map((alert) => [alert.id, alert]));
  const back = answer.done.map((id) => known.get(id)).filter((alert) => alert !== undefined);
  if (back.length > 0) {
    const text = back.length === 1 ? done : `${done}: ${many(back.length, 'alert')}`;
    const undo = back.map((alert) => ({ id: alert.id, works: inverse(work, alert) }));
    toasts.add('done', text, undo.every(({ works }) => works.length > 0) ? async () => {
      // What has the same way back goes back together.
      const ways = new Map<string, string[]>();
      for (const { id, works } of undo) {
        const way = JSON.stringify(works);
        const ids = ways.get(way);
        if (ids) ids.push(id);
        else ways.set(way, [id]);
      }
      for (const [way, ids] of ways) for (const one of JSON.parse(way) as Work[]) await send('Undoing', ids, one);
      after();
    } : undefined);
  }
  const left = alerts.length - answer.done.length - answer.refused.length;
  if (left > 0) toasts.add('note', `Stopped: ${many(left, 'alert')} left as ${left === 1 ? 'it was' : 'they were'}`);
  for (const refused of answer.refused.slice(0, 3)) toasts.add('failed', `${refused.id}: ${refused.reason}`);
  if (answer.refused.length > 3) toasts.add('failed', `and ${answer.refused.length - 3} more were refused`);
  after();
  return answer.refused.length === 0 && alerts.length === chosen.length;
}

/** What says how an alert stands, or whose it is. */
const DECIDES = new Set<Work['do']>(['status', 'resolve', 'assign']);
/** Of more at once nobody has looked at each; a filter takes 64 values. */
const LOOKED_AT = 50;

/** Those that stand as the page has it. What somebody decided meanwhile is said, and left as it is. */
async function stillSo(alerts: Standing[]): Promise<Standing[]> {
  if (alerts.length > LOOKED_AT) return alerts;
  const filter = `id:${alerts.map((alert) => alert.id).join(',')} merged:yes,no suppressed:yes,no`;
  const now = new Map((await get('/v1/queue', { filter, limit: LOOKED_AT })).rows.map((row) => [row.id, row]));
  return alerts.filter((alert) => {
    const is = now.get(alert.id);
    if (!is || differs(alert, is) === '') return true;
    toasts.add('failed', `Left as it is: ${differs(alert, is)}`);
    return false;
  });
}

/** How an alert stands otherwise than it was seen; nothing where it does not. */
export function differs(was: Standing, is: Standing): string {
  if (was.status !== is.status || was.resolution !== is.resolution) return `it is ${is.status}${is.resolution ? ` (${is.resolution})` : ''} meanwhile`;
  if (was.assignee !== is.assignee) return is.assignee ? `${is.assignee} works on it meanwhile` : 'nobody works on it meanwhile';
  return '';
}

/** At most 500 in one request; more are several, and can be stopped between them. */
async function send(what: string, ids: string[], work: Work): Promise<Schemas['BulkAnswer']> {
  const all: Schemas['BulkAnswer'] = { done: [], refused: [] };
  const parts = Array.from({ length: Math.ceil(ids.length / 500) }, (_, at) => ids.slice(at * 500, at * 500 + 500));
  const each = async (index: number) => {
    const answer = await post('/v1/queue/work', { ids: parts[index] ?? [], work });
    all.done.push(...answer.done);
    all.refused.push(...answer.refused);
  };
  if (parts.length === 1) await each(0);
  else await long.run(what, parts.map((part) => part.length), each);
  return all;
}

/** What would make it as it was, one after the other; nothing for what cannot be unsaid. It calls nobody. */
export function inverse(work: Work, was: Standing): Work[] {
  switch (work.do) {
    case 'resolve':
    case 'status':
      return stood(was);
    case 'assign':
      // Whoever takes an open alert up investigates it.
      return [{ do: 'assign', assignee: was.assignee ?? null }, ...(work.assignee && was.status === 'open' ? stood(was) : [])];
    case 'tag': {
      const [name, before] = [work.name ?? '', was.tags?.[work.name ?? '']];
      if (!was.tags) return [];
      return [before === undefined ? { do: 'untag', name } : { do: 'tag', name, value: before }];
    }
    case 'merge':
      return [{ do: 'split' }];
    default:
      return [];
  }
}

function stood(was: Standing): Work[] {
  if (was.status !== 'resolved') return [{ do: 'status', status: was.status }];
  return was.resolution ? [{ do: 'resolve', resolution: was.resolution }] : [];
}
