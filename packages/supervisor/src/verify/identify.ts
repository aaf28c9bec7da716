import { failed, ok, type Result } from '../model/index.js'
import type { ResponseHead } from './http/head.js'

export interface IdentifiedVersion {
  version: string
  /** Where in the body it stood: that part is left out when bodies are compared. */
  span?: readonly [start: number, end: number]
}

/** How an answer tells by which version it was made. */
export interface Identify {
  /** Whether `version` looks at the body; bodies are then held, and compared as text. */
  needsBody: boolean
  /** Null: the answer does not tell. */
  version(head: ResponseHead, body: string): IdentifiedVersion | null
}

/** Reads `header:NAME` or `body:REGEX` (its first group, else the whole match). */
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
