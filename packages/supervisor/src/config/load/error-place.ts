import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Places of a stack: `at f (file:///a/b.mjs:1:2)`, `at /a/b.ts:1:2`; `node:internal/…` does not match. */
const place = /(?:^|[\s(])((?:file:\/\/)?\/[^\s():]+):(\d+)(?::(\d+))?/gm

/** Place of the error in the user's own code, as `file:line:column` with an absolute path. Null if it is unknown. */
export function placeOf(error: unknown, file: string): string | null {
  if (!(error instanceof Error)) return null
  const inStack = userPlace(`${error.stack ?? ''}\n${error.message}`)
  if (inStack !== null || !(error instanceof SyntaxError)) return inStack
  // V8 leaves the place of a syntax error out of the stack; `node --check` prints it.
  return userPlace(spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 5000 }).stderr)
}

/** An error as `TypeError: x is not a function`; anything else that was thrown as JSON. */
export const describeError = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message.split('\n')[0]?.trim()}`
    : (JSON.stringify(error) ?? String(error))

/** The first place outside handover and node_modules. */
function userPlace(text: string): string | null {
  const own = fileURLToPath(new URL('.', import.meta.url))
  for (const [, url = '', line, column] of text.matchAll(place)) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url
    if (path.startsWith(own) || path.includes('/node_modules/')) continue
    return `${path}:${line}${column === undefined ? '' : `:${column}`}`
  }
  return null
}
