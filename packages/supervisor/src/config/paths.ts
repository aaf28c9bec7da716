import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { maxUnixPathBytes } from '#shared/socket-address.js'
import { namePattern, wantedName } from './names.js'

/** Where everything of one supervisor lives; all absolute. */
export interface Paths {
  name: string
  /** Unix socket of the control API. */
  control: string
  /** Held, locked, by the supervisor that runs under this name. */
  lock: string
  /** The journal: it outlives the machine's restart. */
  journal: string
  /** Folder of the instances' output. */
  logs: string
  /** Folder of what lives as long as the instances do: a folder each, with their sockets. */
  run: string
  /** Log of the supervisor itself, when it runs in the background. */
  supervisorLog: string
}

/**
 * Room for `/<instance>/channel.sock` below the run folder: an instance name of 24 bytes, which is a service
 * name of 17 and `-` with six digits, and 14 for the rest.
 */
const roomBelowRun = 1 + 24 + '/channel.sock'.length

/**
 * `$HANDOVER_HOME/<name>` if that is set; else /run, /var/lib and /var/log for root, and the folders of the XDG
 * base directory specification for anybody else. Names folders only: `createFolders` makes them.
 */
export function pathsFor(name: string, env: NodeJS.ProcessEnv, uid: number): Result<Paths> {
  if (!namePattern.test(name)) return failed('Usage', `--name is "${name}", wanted ${wantedName}`)
  const home = env['HANDOVER_HOME']
  if (home && !isAbsolute(home)) {
    return failed('Usage', `HANDOVER_HOME is "${home}", wanted an absolute path`)
  }
  const bases = home ? oneFolder(home, name) : uid === 0 ? systemFolders(name) : userFolders(name, env, uid)
  const run = fitting(bases.run, uid)
  if (!run.ok) return run
  return ok({
    name,
    control: join(run.value, 'control.sock'),
    lock: join(bases.state, 'lock'),
    journal: join(bases.state, 'journal.jsonl'),
    logs: bases.logs,
    run: run.value,
    supervisorLog: join(bases.logs, 'supervisor.log'),
  })
}

/**
 * Makes the folders, private to their owner; refuses a run folder that somebody else made. Only root starts
 * instances of other users, which must reach their own sockets below the run folder.
 */
export function createFolders(paths: Paths, uid: number): Result<Paths> {
  const mode = uid === 0 ? 0o711 : 0o700
  // The run folder first: where all is below one folder, that one gets its mode.
  for (const folder of [paths.run, paths.logs, dirname(paths.journal), dirname(paths.lock)]) {
    try {
      mkdirSync(folder, { recursive: true, mode: folder === paths.run ? mode : 0o700 })
    } catch (error) {
      return failed('Usage', `the folder "${folder}" cannot be made: ${(error as Error).message}`)
    }
  }
  const owned = ownedBy(paths.run, uid)
  if (!owned.ok) return owned
  chmodSync(paths.run, mode)
  return ok(paths)
}

/** The name of a supervisor that was given none: that of the folder, made to fit. */
export const defaultName = (folder: string): string => sanitiseName(basename(resolve(folder)))

/** The nearest allowed name: lower case, `-` for what is not allowed. */
export function sanitiseName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^-a-z0-9.]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, 63)
    .replace(/[-.]+$/, '')
  return name === '' ? 'app' : name
}

interface Folders {
  run: string
  state: string
  logs: string
}

function oneFolder(home: string, name: string): Folders {
  const folder = join(home, name)
  return { run: join(folder, 'run'), state: folder, logs: join(folder, 'logs') }
}

const systemFolders = (name: string): Folders => ({
  run: join('/run/handover', name),
  state: join('/var/lib/handover', name),
  logs: join('/var/log/handover', name),
})

/** Without XDG_RUNTIME_DIR the specification asks for a replacement of the same kind: private, and local. */
function userFolders(name: string, env: NodeJS.ProcessEnv, uid: number): Folders {
  const runtime = absoluteOr(env['XDG_RUNTIME_DIR'], null)
  const home = env['HOME'] || homedir()
  const state = join(absoluteOr(env['XDG_STATE_HOME'], join(home, '.local/state')), 'handover', name)
  return {
    run: runtime === null ? join(tmpdir(), `handover-${uid}-${name}`) : join(runtime, 'handover', name),
    state,
    logs: join(state, 'logs'),
  }
}

/** "All paths must be absolute; a relative one is to be ignored" (XDG base directory specification). */
const absoluteOr = <T>(path: string | undefined, otherwise: T): string | T =>
  path && isAbsolute(path) ? path : otherwise

/** The folder itself, or, where its sockets would get too long a path, a short one that stands for it. */
function fitting(run: string, uid: number): Result<string> {
  if (fits(run)) return unlessForeign(run, uid)
  const hash = createHash('sha256').update(run).digest('hex').slice(0, 10)
  const short = join(tmpdir(), `ho-${uid}-${hash}`)
  if (fits(short)) return unlessForeign(short, uid)
  const bytes = Buffer.byteLength(run) + roomBelowRun
  return failed(
    'Usage',
    `the sockets below "${run}" need paths of ${bytes} bytes and those below "${tmpdir()}" are too long as well, wanted at most ${maxUnixPathBytes}: set HANDOVER_HOME or TMPDIR to a shorter folder`,
  )
}

/** In a folder that all may write to, somebody else may have been there first. */
const unlessForeign = (run: string, uid: number): Result<string> =>
  existsSync(run) ? ownedBy(run, uid) : ok(run)

const fits = (run: string): boolean => Buffer.byteLength(run) + roomBelowRun <= maxUnixPathBytes

function ownedBy(folder: string, uid: number): Result<string> {
  const stat = lstatSync(folder)
  if (stat.isDirectory() && stat.uid === uid) return ok(folder)
  const what = stat.isDirectory() ? `belongs to the user with id ${stat.uid}` : 'is no folder'
  return failed('Usage', `"${folder}" ${what}, wanted a folder that belongs to the user with id ${uid}`)
}
