// Where is the person? The address holds everything: page, filter, order, what is open.

class Route {
  path = $state(location.pathname);
  search = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener('popstate', () => this.read());
  }

  /** `/alerts/abc` → `['alerts', 'abc']`, decoded. */
  get parts(): string[] {
    return this.path.split('/').filter(Boolean).map(decoded);
  }

  value(name: string): string {
    return this.search.get(name) ?? '';
  }

  go(address: string): void {
    history.pushState(null, '', address);
    this.read();
  }

  /** Changes what stands behind the question mark; nothing takes a name away. */
  set(values: Record<string, string | undefined>, kept: 'push' | 'replace' = 'replace'): void {
    const search = new URLSearchParams(this.search);
    for (const [name, value] of Object.entries(values)) {
      if (value) search.set(name, value);
      else search.delete(name);
    }
    const address = search.size > 0 ? `${this.path}?${search}` : this.path;
    if (kept === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.read();
  }

  private read(): void {
    if (location.pathname !== this.path) this.path = location.pathname;
    this.search = new URLSearchParams(location.search);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = new Route();

/** Links of our own lead on without loading the page anew. */
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  route.go(link.pathname + link.search);
}

/** Addresses of pages. */
export const to = {
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  queue: (filter: string, sort?: string) => `/queue?${new URLSearchParams(sort ? { filter, sort } : { filter })}`,
  address: (address: string) => `/address/${encodeURIComponent(address)}`,
  application: (key: string) => `/application/${encodeURIComponent(key)}`,
  cve: (id: string) => `/cve/${encodeURIComponent(id)}`,
  host: (name: string) => `/host/${encodeURIComponent(name)}`,
  feed: (name: string) => `/feed/${encodeURIComponent(name)}`,
  package: (purl: string) => `/package/${encodeURIComponent(purl)}`,
  channel: (name: string) => `/channel/${encodeURIComponent(name)}`,
  user: (name: string) => `/user/${encodeURIComponent(name)}`,
  exception: (id: string) => `/exception/${encodeURIComponent(id)}`,
  /** An action is known by its host and its id there; its target helps to say what became of it when it has ended. */
  action: ({ host, id, target }: { host: string; id: string; target: string }) => `/action/${encodeURIComponent(id)}?${new URLSearchParams({ host, target })}`,
};
