import type { z } from 'zod'
import { predicate } from './schema/common.js'
import type { Path } from './show.js'
import { show } from './show.js'

/** One error: its place, and the rest of the sentence that begins with the place. */
export interface Problem {
  path: Path
  text: string
  /** Place in the file, where it is not `path`: that of a field that should not exist. */
  at?: Path
}

/** Describes a place: `handover.config.yaml:3:5: services.web.replicas`, or `--replicas`. */
export type Locate = (path: Path, at: Path) => string

/** One line for each problem, in the order of the checks. */
export const describeProblems = (problems: Problem[], locate: Locate): string =>
  problems.map(({ path, text, at = path }) => `${locate(path, at)} ${text}`).join('\n')

/** The schema's findings as problems of the input. */
export function problemsOf(issues: z.core.$ZodIssue[], input: unknown, base: Path = []): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...base, ...issue.path]
    if (issue.code === 'invalid_union') {
      const branch = meantBranch(issue.errors)
      if (branch !== null) return problemsOf(branch, input, path)
    }
    if (issue.code === 'invalid_key') {
      const wanted = issue.issues[0]?.message ?? issue.message
      return [{ path, text: `is named ${show(path.at(-1))}, wanted ${wanted}` }]
    }
    if (issue.message.startsWith(predicate)) {
      return issue.message
        .slice(predicate.length)
        .split(predicate)
        .map((text, index) => {
          const key = issue.code === 'unrecognized_keys' ? issue.keys[index] : undefined
          return key === undefined ? { path, text } : { path, text, at: [...path, key] }
        })
    }
    const value = valueAt(input, path)
    const is = value === undefined ? 'is missing' : `is ${show(value)}`
    return [{ path, text: `${is}, wanted ${issue.message}` }]
  })
}

/** The union's branch that fits the input's type and has the fewest issues. Null if none has this type. */
function meantBranch(branches: z.core.$ZodIssue[][]): z.core.$ZodIssue[] | null {
  const fitting = branches.filter((issues) => !issues.some(isOfOtherType))
  return fitting.sort((a, b) => a.length - b.length)[0] ?? null
}

const isOfOtherType = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  )
}
