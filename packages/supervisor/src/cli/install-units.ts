import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { UnitFile } from '../systemd/units/index.js'

/** Folder of an administrator's or a user's own units (systemd.unit(5)). */
export function unitFolder(user: boolean, env: NodeJS.ProcessEnv): string {
  if (!user) return '/etc/systemd/system'
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'systemd/user')
}

/** Writes each file under a temporary name and renames it, so that systemd never reads half a file. */
export function installUnits(
  folder: string,
  units: UnitFile[],
  user: boolean,
  say: (line: string) => void,
): Result<true> {
  for (const { name, text } of units) {
    const path = join(folder, name)
    const aside = join(folder, `.${name}.${process.pid}`)
    try {
      mkdirSync(folder, { recursive: true })
      writeFileSync(aside, text, { mode: 0o644 })
      renameSync(aside, path)
    } catch (error) {
      return failed('Usage', `"${path}" cannot be written: ${(error as Error).message}`)
    }
    say(`wrote ${path}`)
  }
  const scope = user ? ['--user'] : []
  if (!reload(scope))
    say('systemd does not run here or did not answer: run "systemctl daemon-reload" yourself')
  const first = units.map(({ name }) => name).find((name) => name.endsWith('.socket')) ?? units[0]?.name
  say(`to start it now and at boot: systemctl ${[...scope, 'enable', '--now', first].join(' ')}`)
  return ok(true)
}

function reload(scope: string[]): boolean {
  if (scope.length === 0 && !existsSync('/run/systemd/system')) return false
  try {
    execFileSync('systemctl', [...scope, 'daemon-reload'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
