import { relative } from 'node:path'

/** Place of a value in the configuration. */
export type Path = readonly PropertyKey[]

/** For example `services.web.listen["my.app"].port` or `command[1]`; the empty path is `the configuration`. */
export function describePath(path: Path): string {
  if (path.length === 0) return 'the configuration'
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const plain = /^[\w$-]+$/.test(String(key))
    return plain
      ? `${text}${text === '' ? '' : '.'}${String(key)}`
      : `${text}[${JSON.stringify(String(key))}]`
  }, '')
}

/** A value in a message: JSON, at most 60 characters. */
export function show(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const json = JSON.stringify(value) ?? String(value)
  return json.length > 60 ? `${json.slice(0, 57)}…` : json
}

/** The file's path relative to the folder if it is in there, otherwise as it is. */
export function shownPath(file: string, folder: string): string {
  const short = relative(folder, file)
  return short.startsWith('..') ? file : short
}
