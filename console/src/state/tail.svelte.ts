// What do hosts report while somebody follows?
import { read, type Schemas } from '../api/client';
import { told } from '../text/tail';
import { Stream } from './stream';

type Events = Schemas['ConnectionEvents'];
/** Rows that are held beside those that are listed. */
const HELD = 500;
/** Where more comes than is told, the list is asked for anew, no more often than this, in ms. */
const PAUSE = 3000;

export class Tail {
  /** What was reported since, the latest first. */
  rows = $state.raw<Events['connections']>([]);
  live = $state<'off' | 'on' | 'lost'>('off');
  private readonly stream: Stream<Events>;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `list` asks for the page: what was reported before the stream was there stands in it. */
  constructor(query: Record<string, string>, private readonly list: () => void) {
    this.stream = new Stream<Events>('/v1/connections/watch', query, {
      connections: (data) => (this.rows = told(this.rows, read(data) as Events['connections'], HELD)),
      reset: () => this.again(),
    }, (state) => {
      this.live = state;
      if (state === 'on') this.list();
    });
  }

  close(): void {
    clearTimeout(this.timer);
    this.stream.close();
  }

  private again(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.list();
    }, PAUSE);
  }
}
