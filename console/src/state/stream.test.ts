// Does the list go on being told after a break, from where it was?
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { asks } from '../api/client';
import { Stream } from './stream';

class Source extends EventTarget {
  static CLOSED = 2;
  static all: Source[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    Source.all.push(this);
  }
  close() {
    this.readyState = 2;
  }
  say(name: string, data: string, lastEventId: string) {
    this.dispatchEvent(Object.assign(new Event(name), { data, lastEventId }));
  }
  refuse() {
    this.readyState = 2;
    this.onerror?.();
  }
}

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
const heard: string[] = [];
const hearer = {
  alert: (line: string) => void heard.push(line),
  gone: (id: string) => void heard.push(`gone ${id}`),
  reset: () => void heard.push('reset'),
};
const live = (state: string) => void heard.push(state);
const open = (filter: string, since: number) => new Stream('/v1/queue/watch', { filter }, hearer, live, since);
let status = 200;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', Source);
  vi.stubGlobal('document', page);
  vi.stubGlobal('fetch', async () => Object.defineProperty(new Response('{}', { status }), 'url', { value: 'http://x/v1/session' }));
  Source.all = [];
  heard.length = 0;
  page.visibilityState = 'visible';
  status = 200;
});
afterEach(() => vi.useRealTimers());

it('opens again from the last it heard, later each time', async () => {
  const stream = open('kev:yes', 7);
  expect(Source.all[0]?.url).toBe('/v1/queue/watch?filter=kev%3Ayes&since=7');
  Source.all[0]?.onopen?.();
  Source.all[0]?.say('alert', '{}', '9');
  Source.all[0]?.refuse();
  status = 503;
  await vi.advanceTimersByTimeAsync(1000);
  expect(Source.all.length).toBe(1);
  status = 200;
  await vi.advanceTimersByTimeAsync(1999);
  expect(Source.all.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(Source.all[1]?.url).toBe('/v1/queue/watch?filter=kev%3Ayes&since=9');
  expect(heard).toEqual(['on', '{}', 'lost']);
  stream.close();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(Source.all.length).toBe(2);
});

it('asks who is there when the session is over, and stops', async () => {
  const signIn = vi.fn();
  asks.signIn = signIn;
  const stream = open('', 0);
  expect(Source.all[0]?.url).toBe('/v1/queue/watch?since=0');
  status = 401;
  Source.all[0]?.refuse();
  await vi.advanceTimersByTimeAsync(100_000);
  expect([signIn.mock.calls.length, Source.all.length]).toEqual([1, 1]);
  stream.close();
});

it('takes silence for a break, says so, and comes back', async () => {
  const stream = open('', 7);
  Source.all[0]?.onopen?.();
  // As long as it says that it lives, nothing is wrong.
  for (let beats = 0; beats < 5; beats += 1) {
    await vi.advanceTimersByTimeAsync(9000);
    Source.all[0]?.say('alive', '{}', '');
  }
  expect([heard, Source.all.length]).toEqual([['on'], 1]);
  // It hangs: what it is asked is not answered either.
  const fine = fetch;
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => new Promise((_, no) => init.signal?.addEventListener('abort', no)));
  await vi.advanceTimersByTimeAsync(18_999);
  expect(heard).toEqual(['on']);
  await vi.advanceTimersByTimeAsync(1);
  expect([heard, Source.all[0]?.readyState]).toEqual([['on', 'lost'], 2]);
  // Asked after one second, given up after five, asked again two seconds later.
  await vi.advanceTimersByTimeAsync(7000);
  expect(Source.all.length).toBe(1);
  vi.stubGlobal('fetch', fine);
  await vi.advanceTimersByTimeAsync(1000 + 60_000);
  expect(Source.all[1]?.url).toBe('/v1/queue/watch?since=7');
  Source.all[1]?.onopen?.();
  expect(heard.at(-1)).toBe('on');
  stream.close();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(heard.at(-1)).toBe('on');
});

it('does not take a server for live that lets nobody in', async () => {
  const stream = open('', 7);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([heard, Source.all[0]?.readyState]).toEqual([['lost'], 2]);
  stream.close();
});

it('holds no connection while nobody looks', () => {
  const stream = open('', 0);
  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  expect(Source.all[0]?.readyState).toBe(2);
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  expect(Source.all.length).toBe(2);
  stream.close();
});
