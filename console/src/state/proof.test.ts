// Does a window go on by its own word alone?
import { expect, it } from 'vitest';
import { begin, heard, say, word } from './proof';

it('hears its own word, and no other', async () => {
  const [mine, other] = [word(), word()];
  const said: string[] = [];
  const ends = [heard(mine, () => said.push('mine')), heard(other, () => said.push('other'))];
  say('whatever');
  say(mine);
  await expect.poll(() => said).toEqual(['mine']);
  ends.forEach((end) => end());
  expect(new URL(begin(mine), 'http://x').searchParams.get('then')).toBe(`/proven/${mine}`);
});
