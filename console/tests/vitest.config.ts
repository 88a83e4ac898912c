// How are the tests in the browser run? One after the other: they share a server and a queue.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/**/*.spec.ts'], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false, sequence: { concurrent: false }, bail: 0 },
});
