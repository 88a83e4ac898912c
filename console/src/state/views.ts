// Which views of the queue are there: those that everybody has, and those that the server keeps for people?
import { get, post, remove, type Schemas } from '../api/client';

export type View = Schemas['View'] & Partial<Pick<Schemas['OwnedView'], 'owner'>>;

/** What is shown where nothing is asked for. */
export const OPEN = 'not status:resolved';

export function given(me: string): View[] {
  return [
    { name: 'Open', filter: OPEN },
    { name: 'Mine', filter: `assignee:${me} not status:resolved` },
    { name: "Nobody's", filter: 'assignee:none status:open' },
    { name: 'Overdue', filter: 'overdue>0s' },
    { name: 'Exploited', filter: 'kev:yes not status:resolved' },
    { name: 'Contained', filter: 'status:contained' },
    { name: 'Resolved', filter: 'status:resolved' },
    { name: 'Suppressed', filter: 'suppressed:yes' },
  ];
}

export const savedViews = async (): Promise<View[]> => (await get('/v1/views')).views;
export const saveView = (view: View) => post('/v1/views', view);
export const removeView = (name: string) => remove('/v1/views/{name}', [name]);
