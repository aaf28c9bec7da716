import { relative } from 'node:path'

/** Where a value stands in the configuration. */
export type Path = readonly PropertyKey[]

/** `services.web.listen["my.app"].port`, `command[1]`; the whole is `the configuration`. */
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

/** A value as a message shows it: JSON, cut after 60 characters. */
export function show(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const json = JSON.stringify(value) ?? String(value)
  return json.length > 60 ? `${json.slice(0, 57)}…` : json
}

/** A file relative to the folder if it lies within, as a person would write it. */
export function shownPath(file: string, folder: string): string {
  const short = relative(folder, file)
  return short.startsWith('..') ? file : short
}
