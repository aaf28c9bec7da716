// Which file imports which, types included: the linter's rules, the check of ARCHITECTURE.md and the figures of
// `node scripts/rooms.mjs` all read the same graph.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

/** Every TypeScript file below `folder`, as a path relative to it, with the files in it that it imports. */
export function importGraph(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'))
  return new Map(
    files.map((file) => [file, importsOf(folder, file, readFileSync(join(folder, file), 'utf8'))]),
  )
}

/** The files of `folder` that `text`, the source of `file`, imports: statically, dynamically or as a type. */
export function importsOf(folder, file, text) {
  const specifiers = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
  const targets = specifiers.map((specifier) => target(folder, file, specifier))
  return [...new Set(targets.filter((path) => path !== null))]
}

/**
 * The file of `folder` that `specifier` means in `file`; null when it is a package or lies outside. What both packages
 * bundle, `#shared/…`, is a room of each.
 */
export function target(folder, file, specifier) {
  if (specifier.startsWith('#')) return specifier.replace(/\.js$/, '.ts')
  if (!specifier.startsWith('.')) return null
  const path = resolve(folder, dirname(file), specifier.replace(/\.js$/, '.ts'))
  const inside = relative(folder, path)
  return inside.startsWith('..') || !existsSync(path) ? null : inside
}

/** The room of `file`: the longest name in `rooms` that is the file itself or a folder above it; null without one. */
export function roomOf(rooms, file) {
  const names = Object.keys(rooms).filter((room) => file === room || file.startsWith(`${room}/`))
  return names.sort((a, b) => b.length - a.length)[0] ?? null
}

/** The shortest way from `start` back to it through `next`, one of its imports; null if there is none. */
export function circle(graph, start, next) {
  const cameFrom = new Map([[next, null]])
  for (const file of cameFrom.keys()) {
    if (file === start) return path(cameFrom, file)
    for (const imported of graph.get(file) ?? []) if (!cameFrom.has(imported)) cameFrom.set(imported, file)
  }
  return null
}

function path(cameFrom, end) {
  const steps = []
  for (let file = end; file !== null; file = cameFrom.get(file)) steps.unshift(file)
  return [end, ...steps]
}
