import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Locate } from '../problems.js'
import type { Path } from '../show.js'
import { describePath } from '../show.js'

export interface ParsedDocument {
  input: unknown
  locate: Locate
}

/** Parses YAML 1.2; errors name line and column. */
export function parseYaml(text: string, file: string): Result<ParsedDocument> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const error = document.errors[0]
  if (error) return failed('Usage', `${file}:${position(lines, error.pos[0])}: ${sentence(error.message)}`)
  const input: unknown = document.toJS({ maxAliasCount: 100 })
  return ok({ input, locate: locator(document, lines, file) })
}

/** Parses JSON; unlike JSON.parse it refuses a field that occurs twice. */
export function parseJson(text: string, file: string): Result<ParsedDocument> {
  const lines = new LineCounter()
  // JSON is YAML, and the YAML parser knows the place of each field.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  try {
    const input: unknown = JSON.parse(text)
    const twice = document.errors.find(({ code }) => code === 'DUPLICATE_KEY')
    if (twice) return failed('Usage', `${file}:${position(lines, twice.pos[0])}: the field occurs twice`)
    return ok({ input, locate: locator(document, lines, file) })
  } catch (error) {
    const offset = offsetOf((error as Error).message, text)
    return failed(
      'Usage',
      `${file}:${position(lines, offset)}: invalid JSON: ${sentence((error as Error).message)}`,
    )
  }
}

/** V8 names the offset, except where the text ends too early. */
const offsetOf = (message: string, text: string): number =>
  Number(/at position (\d+)/.exec(message)?.[1] ?? text.length)

const sentence = (message: string): string =>
  message
    .replace(/\s+/g, ' ')
    .replace(/ in JSON at position \d+( \(line \d+ column \d+\))?/, '')
    .replace(/[.:]\s*$/, '')

function position(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${line}:${col}`
}

function locator(document: Document.Parsed, lines: LineCounter, file: string): Locate {
  return (path, at) => `${file}:${position(lines, offsetAt(document, at))}: ${describePath(path)}`
}

/** Offset of the field's name, or of its nearest parent's where the field is missing. */
function offsetAt(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents
  let offset = 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key: name }) => isScalar(name) && String(name.value) === String(key))
      if (!pair) return offset
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof key === 'number') {
      const item = node.items[key]
      offset = (isScalar(item) || isMap(item) || isSeq(item) ? item.range?.[0] : undefined) ?? offset
      node = item
    } else {
      return offset
    }
  }
  return offset
}
