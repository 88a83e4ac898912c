// How is the server asked, and what becomes of its refusals?
import { read, visible } from './read';
import type { components, paths } from './schema';

export { read, visible };

export type Schemas = components['schemas'];

type Method = 'get' | 'post' | 'delete';
type With<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never }[keyof paths];
type Content<R> = R extends { content: infer C } ? C[keyof C] : void;
type Answer<O> = O extends { responses: infer R } ? Content<R[Extract<keyof R, 200 | 201 | 204>]> : never;
/** What is sent; a request without a body takes none. */
type Sent<O> = O extends { requestBody?: infer R } ? ([NonNullable<R>] extends [never] ? undefined : Content<R>) : undefined;
/** A person may have written any value of a query, in the address: the server says what is wrong with it. */
type Query<O> = O extends { parameters: { query?: infer Q } } ? { [K in keyof Q]?: Q[K] | string | undefined } : undefined;

/** A refusal as the server puts it (RFC 9457). `at` and `end` are bytes of what was sent. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    readonly detail: string,
    readonly at?: number,
    readonly end?: number,
  ) {
    super(detail);
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {
  constructor() {
    super('the server does not answer');
  }
}

/** What the shell does when the server wants to know who is there. */
export const asks = {
  /** Resolves to true once the person has proven to be there. */
  confirm: async (): Promise<boolean> => false,
  /** The session is over. */
  signIn: (): void => {},
};

/** What is asked for again when a person whose session was over is back. */
export const back = new Set<() => void>();

export function get<P extends With<'get'>>(path: P, query?: Query<paths[P]['get']>, names?: string[]) {
  return send<Answer<paths[P]['get']>>('GET', address(path, names, query));
}

export function post<P extends With<'post'>>(path: P, body: Sent<paths[P]['post']>, names?: string[]) {
  return send<Answer<paths[P]['post']>>('POST', address(path, names), body ?? {});
}

export function remove<P extends With<'delete'>>(path: P, names?: string[]) {
  return send<Answer<paths[P]['delete']>>('DELETE', address(path, names));
}

/** `/v1/alerts/{id}` with the names put in, in order. */
export function address(path: string, names: string[] = [], query?: object): string {
  let at = 0;
  const plain = path.replace(/\{\w+\}/g, () => encodeURIComponent(names[at++] ?? ''));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  return search.size > 0 ? `${plain}?${search}` : plain;
}

let leaving: AbortSignal | undefined;

/** What is asked for in there is given up with the signal: a browser has six connections, and hosts may take ten seconds. */
export function until<T>(signal: AbortSignal, asking: () => Promise<T>): Promise<T> {
  leaving = signal;
  try {
    return asking();
  } finally {
    leaving = undefined;
  }
}

/** The answer as it was sent, for files. */
export async function raw(path: string): Promise<string> {
  const response = await ask('GET', path);
  if (!response.ok) throw await refusal(response);
  return response.text();
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response = await ask(method, path, body);
  if (!response.ok) {
    const refused = await refusal(response);
    if (refused.kind !== 'confirm-needed' || !(await asks.confirm())) throw refused;
    response = await ask(method, path, body);
    if (!response.ok) throw await refusal(response);
  }
  const text = await response.text();
  return (text ? read(text) : undefined) as T;
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = method === 'GET' ? {} : { 'content-type': 'application/json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (leaving) init.signal = leaving;
  try {
    return await fetch(path, init);
  } catch {
    throw new Unreachable();
  }
}

async function refusal(response: Response): Promise<Refusal> {
  const text = await response.text().catch(() => '');
  let said: Partial<Schemas['Problem']> = {};
  try {
    said = JSON.parse(text);
  } catch {
    // Whatever stands between us and the server may say no in its own words.
  }
  const kind = (said.type ?? '').replace(/^tripoint:/, '');
  // A wrong password or code is an answer to the form that asked, not the end of a session.
  if (response.status === 401 && kind === 'unauthorized') asks.signIn();
  return new Refusal(response.status, kind, visible(said.detail ?? `the server said ${response.status}`), said.at, said.end);
}
