// How is the measuring in the browser run? By itself: figures come from an idle page.
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['tests/**/*.load.ts'], fileParallelism: false } });
