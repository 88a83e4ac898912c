// Which views of the queue are there? What the server keeps for people comes here too, once it keeps any.

export interface View {
  name: string;
  filter: string;
}

export function views(me: string): View[] {
  return [
    { name: 'Open', filter: OPEN },
    { name: 'Mine', filter: `assignee:${me} not status:resolved` },
    { name: "Nobody's", filter: 'assignee:none status:open' },
    { name: 'Exploited', filter: 'kev:yes not status:resolved' },
    { name: 'Contained', filter: 'status:contained' },
    { name: 'Resolved', filter: 'status:resolved' },
    { name: 'Suppressed', filter: 'suppressed:yes' },
  ];
}

/** What is shown where nothing is asked for. */
export const OPEN = 'not status:resolved';
