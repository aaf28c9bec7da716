import { deepEqual } from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { it } from 'node:test'
import { staleFiles } from './remove-stale.mjs'

it('staleFiles() lists what was compiled from a source that does not exist', (t) => {
  const files = ['dist/a.js', 'dist/a.js.map', 'dist/a.d.ts', 'dist/in/b.js', 'dist-test/c.test.js']
  deepEqual(stale(t, 'one', files), files.toSorted())
})

it('staleFiles() leaves out what has a source', (t) => {
  const sources = ['src/a.ts', 'src/in/b.ts', 'test/c.test.ts']
  const files = ['dist/a.js', 'dist/a.js.map', 'dist/a.d.ts', 'dist/in/b.js', 'dist-test/c.test.js']
  deepEqual(stale(t, 'one', [...sources, ...files]), [])
})

it('staleFiles() finds the sources of dist/shared in the package `shared`', (t) => {
  const files = [
    '../shared/src/lines.ts',
    'src/shared/gone.ts',
    'dist/shared/lines.js',
    'dist/shared/gone.js',
  ]
  deepEqual(stale(t, 'one', files), ['dist/shared/gone.js'])
})

it('staleFiles() leaves out bundles, records of the compiler and packages that were never built', (t) => {
  const files = ['dist/register.cjs', 'dist/.tsbuildinfo', 'dist-test/.tsbuildinfo', '../two/src/a.ts']
  deepEqual(stale(t, 'one', files), [])
})

/** The stale files when there are only `files`, relative to the package `name`. */
function stale(t, name, files) {
  const packages = mkdtempSync(join(tmpdir(), 'stale-'))
  t.after(() => rmSync(packages, { recursive: true }))
  for (const file of files) {
    const path = join(packages, name, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, '')
  }
  return staleFiles(packages)
    .map((path) => relative(join(packages, name), path))
    .sort()
}
