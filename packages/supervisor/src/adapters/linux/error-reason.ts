import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { errorCode } from './posix.js'

/** What a failed call says, for people: `no space left on device (ENOSPC)`. Throws an error without an errno again. */
export function errorReason(error: unknown): string {
  const code = errorCode(error)
  const errno = (constants.errno as Record<string, number | undefined>)[code]
  const text = errno === undefined ? undefined : getSystemErrorMap().get(-errno)?.[1]
  return text === undefined ? code : `${text} (${code})`
}
