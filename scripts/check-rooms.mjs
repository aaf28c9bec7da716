// The tables of rooms in ARCHITECTURE.md and in eslint.config.js are the same, the files that ARCHITECTURE.md names exist,
// and the pure rooms compile without Node.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { enforced, pure, rooms } from '../eslint.config.js'
import { roomsIn } from './lint/rooms-table.mjs'

const root = new URL('..', import.meta.url).pathname
const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
const problems = []

for (const [name, table] of Object.entries(rooms)) {
  const written = roomsIn(page, name)
  if (written === null) problems.push(`ARCHITECTURE.md has no table after "<!-- rooms of ${name} -->"`)
  else compare(name, table, written)
  if (!enforced.includes(name)) continue
  for (const room of new Set(Object.entries(table).flat(2)))
    if (!(room in table) || !existsSync(folderOf(name, room)))
      problems.push(`eslint.config.js: "${room}" in the table of ${name} does not exist`)
}

const sources = readdirSync(join(root, 'packages'), { recursive: true }).filter((path) =>
  path.includes('/src/'),
)
for (const [, path] of page.matchAll(/`([\w/-]+\.ts)`/g))
  if (!sources.some((source) => `/packages/${source}`.endsWith(`/${path}`)))
    problems.push(`ARCHITECTURE.md: there is no file "${path}"`)

const config = (file) => JSON.parse(readFileSync(join(root, 'packages/supervisor', file), 'utf8'))
const folders = pure.map((room) => `src/${room}`)
for (const [file, key] of [
  ['tsconfig.pure.json', 'include'],
  ['tsconfig.json', 'exclude'],
])
  if (!isDeepStrictEqual([...config(file)[key]].sort(), [...folders].sort()))
    problems.push(`packages/supervisor/${file}: "${key}" differs from the pure rooms in eslint.config.js`)

for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)

function folderOf(name, room) {
  return room === '#shared' ? join(root, 'packages/shared/src') : join(root, name, 'src', room)
}

function compare(name, table, written) {
  for (const room of new Set([...Object.keys(table), ...Object.keys(written)])) {
    const [linted, read] = [table[room], written[room]].map((imports) => imports?.toSorted().join(', '))
    if (linted !== read)
      problems.push(
        `ARCHITECTURE.md: "${room}" of ${name} may import ${list(read)}, wanted ${list(linted)} as in eslint.config.js`,
      )
  }
}

function list(imports) {
  return imports === undefined ? 'nothing, being in no row' : `"${imports}"`
}
