import type { Result, Revision } from '../../model/index.js'
import { failed, ok, stopSignalOf } from '../../model/index.js'
import { resolveAccount } from './account.js'
import type { LaunchContext } from './context.js'
import { buildEnvironment } from './environment.js'
import { withoutLauncher } from './launchers.js'
import { asNodeProgram, checkScript, preloadInto, usesLibrary, withoutWatch } from './node-program.js'
import { findProgram, look } from './program.js'
import { runsAnother } from './shell.js'
import { withTypeScript } from './typescript.js'

/** Everything needed to start one instance except its sockets. */
export interface LaunchPlan {
  /** The program, absolute, and its arguments. */
  argv: string[]
  cwd: string
  /** The whole environment. */
  env: Record<string, string>
  uid?: number
  gid?: number
  /** Supplementary groups. */
  groups?: number[]
  /** Whether the instance reports readiness itself, because it loads the library or its preload. */
  hasLibrary: boolean
  /** A shell or the like: the program below it gets its listeners only if it is executed in its place, or is Node. */
  runsAnother?: true
  /** A note for the user if something other than the literal command is run. */
  note?: string
}

/**
 * Determines what to execute for this revision, where, as which user and with which environment. Reads the disk each
 * time. Fails with `CannotStart` if a program, interpreter, folder, user or file is missing.
 */
export function prepareLaunch({ spec, release }: Revision, context: LaunchContext): Result<LaunchPlan> {
  const folder = look(release)
  if (folder === 'EACCES')
    return failed('CannotStart', `the folder "${release}" is in one that this user may not enter`)
  if (typeof folder === 'string' || !folder.isDirectory())
    return failed('CannotStart', `the folder "${release}" does not exist`)
  const account = resolveAccount(spec)
  if (!account.ok) return account
  const inherited = buildEnvironment(spec, context, account.value)
  if (!inherited.ok) return inherited

  const direct = withoutLauncher(spec.command, {
    folder: release,
    env: inherited.value,
    account: account.value,
  })
  if (!direct.ok) return direct
  const { note } = direct.value
  const env = direct.value.env
  const unwatched = withoutWatch(direct.value.argv)
  const script = checkScript(unwatched, release)
  if (!script.ok) return script
  const typed = withTypeScript(unwatched, { folder: release, env })
  if (!typed.ok) return typed
  const program = findProgram(typed.value[0] ?? '', { folder: release, env, account: account.value })
  if (!program.ok) return program

  const argv = [program.value.path, ...typed.value.slice(1)]
  const isNode = asNodeProgram(program.value)
  const stopSignal = stopSignalOf(spec)
  if (isNode && stopSignal.startsWith('SIGRT')) {
    return failed(
      'CannotStart',
      `lifecycle.stopSignal is "${stopSignal}", which a Node program cannot handle, wanted a signal that is not real-time, such as "SIGTERM"`,
    )
  }
  const preloads = (isNode || runsAnother(program.value)) && spec.register && context.preload !== null
  const { home: _, name: __, ...ids } = account.value
  return ok({
    argv,
    cwd: release,
    env: preloads ? preloadInto(env, context.preload ?? '') : env,
    ...ids,
    // A shell may run anything: it is ready when it accepts, or when the program below it reports it.
    hasLibrary: isNode && (preloads || usesLibrary(release)),
    ...(!isNode && runsAnother(program.value) && { runsAnother: true }),
    ...noteOf(note, direct.value.argv, unwatched),
  })
}

function noteOf(note: string | undefined, asked: string[], run: string[]): { note?: string } {
  if (note !== undefined) return { note }
  if (asked.length === run.length) return {}
  return {
    note: `"${asked.join(' ')}" is run directly as "${run.join(' ')}", since an upgrade brings the new version`,
  }
}
