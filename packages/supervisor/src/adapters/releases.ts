import { realpathSync } from 'node:fs'
import { failed, ok } from '../model/index.js'
import type { Releases } from '../ports.js'

export const openReleases = (): Releases => ({
  resolve({ name, cwd }) {
    try {
      return ok(realpathSync(cwd))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why =
        code === 'ENOENT'
          ? 'does not exist, wanted it, or a configuration with another "cwd": "handover upgrade -c …"'
          : `cannot be resolved: ${message}`
      return failed('Usage', `the folder "${cwd}" of service "${name}" ${why}`)
    }
  },
})
