// Does a window go on by its own word alone, and is the word kept for nobody?
import { afterEach, expect, it, vi } from 'vitest';
import { begin, heard, say, word } from './proof';

/** Windows of one origin: what one keeps, all hear. */
function windows(): string[] {
  const kept: string[] = [];
  const hear = new Set<(event: StorageEvent) => void>();
  vi.stubGlobal('addEventListener', (_: string, one: (event: StorageEvent) => void) => hear.add(one));
  vi.stubGlobal('removeEventListener', (_: string, one: (event: StorageEvent) => void) => hear.delete(one));
  vi.stubGlobal('localStorage', {
    setItem: (key: string, newValue: string) => {
      kept.push(key);
      hear.forEach((one) => one({ key, newValue } as StorageEvent));
    },
    removeItem: (key: string) => kept.splice(kept.indexOf(key), 1),
  });
  return kept;
}

afterEach(() => vi.unstubAllGlobals());

it('hears its own word, and no other', () => {
  const kept = windows();
  const [mine, other] = [word(), word()];
  const said: string[] = [];
  const end = heard(mine, () => said.push('mine'));
  say('whatever');
  say(other);
  expect(said).toEqual([]);
  say(mine);
  expect(said).toEqual(['mine']);
  expect(kept).toEqual([]);
  end();
  say(mine);
  expect(said).toEqual(['mine']);
});

it('leads the other window back to where it says the word', () => {
  const mine = word();
  expect(new URL(begin(mine), 'http://x').searchParams.get('then')).toBe(`/proven/${mine}`);
});
