import { failed, ok, type Result } from '../model/index.js'
import type { ResponseHead } from './http/head.js'

export interface IdentifiedVersion {
  version: string
  /** Its place in the body. That part is left out when bodies are compared. */
  span?: readonly [start: number, end: number]
}

/** Finds in an answer which version made it. */
export interface Identify {
  /** Whether `version` reads the body. If so, bodies are kept, and compared as text. */
  needsBody: boolean
  /** Returns null if the answer has no version. */
  version(head: ResponseHead, body: string): IdentifiedVersion | null
}

/** Parses `header:NAME` or `body:REGEX`. The version is the first group of the match, or the whole match. */
export function parseIdentify(text: string): Result<Identify> {
  const header = /^header:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/.exec(text)?.[1]
  if (header !== undefined) return ok(identifyByHeader(header))
  const body = /^body:(.+)$/s.exec(text)?.[1]
  if (body === undefined) {
    return failed('Usage', `--identify is "${text}", wanted header:NAME or body:REGEX`)
  }
  try {
    return ok(identifyByBody(new RegExp(body, 'd')))
  } catch (error) {
    return failed(
      'Usage',
      `--identify has "${body}", which is not a regular expression: ${(error as SyntaxError).message}`,
    )
  }
}

function identifyByHeader(name: string): Identify {
  const key = name.toLowerCase()
  return {
    needsBody: false,
    version(head) {
      const version = head.headers.get(key)
      return version === undefined ? null : { version }
    },
  }
}

function identifyByBody(pattern: RegExp): Identify {
  return {
    needsBody: true,
    version(_head, body) {
      const found = pattern.exec(body)
      if (found === null) return null
      const group = found[1] === undefined ? 0 : 1
      const span = found.indices?.[group]
      return { version: found[group] ?? '', ...(span && { span }) }
    },
  }
}
