import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Places of a stack: `at f (file:///a/b.mjs:1:2)`, `at /a/b.ts:1:2`; those of `node:internal/…` do not fit. */
const place = /(?:^|[\s(])((?:file:\/\/)?\/[^\s():]+):(\d+)(?::(\d+))?/gm

/** Where the error lies in the user's own code, as `file:line:column` with an absolute path; null where that cannot be known. */
export function placeOf(error: unknown, file: string): string | null {
  if (!(error instanceof Error)) return null
  const inStack = userPlace(`${error.stack ?? ''}\n${error.message}`)
  if (inStack !== null || !(error instanceof SyntaxError)) return inStack
  // V8 keeps the place of a syntax error out of the stack; Node prints it when asked to check the file.
  return userPlace(spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 5000 }).stderr)
}

/** An error as `TypeError: x is not a function`; anything else that was thrown as JSON. */
export const describeError = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message.split('\n')[0]?.trim()}`
    : (JSON.stringify(error) ?? String(error))

/** The first place that is neither ours nor a package's. */
function userPlace(text: string): string | null {
  const own = fileURLToPath(new URL('.', import.meta.url))
  for (const [, url = '', line, column] of text.matchAll(place)) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url
    if (path.startsWith(own) || path.includes('/node_modules/')) continue
    return `${path}:${line}${column === undefined ? '' : `:${column}`}`
  }
  return null
}
