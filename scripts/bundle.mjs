// The preload in one CommonJS file: `--require` of it costs an instance's boot a third of what `--import` of the
// modules does, and every boot of every instance pays for it.
import { build } from 'esbuild'

const root = new URL('../packages/process/', import.meta.url).pathname

await build({
  entryPoints: [`${root}dist/register.js`],
  outfile: `${root}dist/register.cjs`,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  // createRequire takes a path as well; CommonJS has no import.meta.
  define: { 'import.meta.url': '__filename' },
  logLevel: 'warning',
})
