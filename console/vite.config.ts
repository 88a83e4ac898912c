// How is the console built, and packed for the server that carries it?
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const DIST = 'dist';

/** Empties the folder but for what belongs to the repository. */
function clear(): Plugin {
  return {
    name: 'clear',
    apply: 'build',
    buildStart() {
      for (const name of readdirSync(DIST)) {
        if (!name.startsWith('.')) rmSync(join(DIST, name), { recursive: true });
      }
    },
  };
}

/** Packed forms beside each file, made once here and not for each visitor. */
function pack(): Plugin {
  return {
    name: 'pack',
    apply: 'build',
    closeBundle() {
      for (const path of files(DIST)) {
        const bytes = readFileSync(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

function files(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? files(path) : [path]));
}

export default defineConfig({
  plugins: [svelte(), clear(), pack()],
  build: {
    target: 'es2022',
    emptyOutDir: false,
    // The page may run our own files only: nothing inline, no data addresses for scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': process.env.TRIPOINT_SERVER ?? 'http://127.0.0.1:8470' } },
});
