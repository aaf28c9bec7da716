import { realpathSync } from 'node:fs'
import { failed, ok } from '../model/index.js'
import type { Releases } from '../ports.js'

/** Follows `cwd` to the release that it leads to now. */
export const openReleases = (): Releases => ({
  resolve({ name, cwd }) {
    try {
      return ok(realpathSync(cwd))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'does not exist' : `cannot be followed: ${message}`
      return failed('Usage', `the folder "${cwd}" of service "${name}" ${why}`)
    }
  },
})
