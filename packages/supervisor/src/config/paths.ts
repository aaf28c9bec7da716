import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { maxUnixPathBytes } from '#shared/socket-address.js'
import { namePattern, wantedName } from './names.js'

/** Files and folders of one supervisor, all absolute. */
export interface Paths {
  name: string
  /** Unix socket of the control API. */
  control: string
  /** Locked by the supervisor that runs under this name. */
  lock: string
  /** The journal; it survives a reboot. */
  journal: string
  /** Remembers a configuration that has replaced the source, see `sourceMemory`. */
  source: string
  /** Folder of the instances' output. */
  logs: string
  /** Folder with one folder for each instance, which holds its sockets. */
  run: string
  /** Log of the supervisor itself, where it runs in the background. */
  supervisorLog: string
}

/**
 * Bytes for `/<instance>/channel.sock` below the run folder: 24 for an instance name (a service name of 17, `-`
 * and six digits) and 14 for the rest.
 */
const roomBelowRun = 1 + 24 + '/channel.sock'.length

/**
 * The paths below `$HANDOVER_HOME/<name>` if that is set, otherwise below /run, /var/lib and /var/log for root
 * and below the folders of the XDG base directory specification for other users. Creates nothing: see
 * `createFolders`. Fails with `Usage` for a bad name, a relative HANDOVER_HOME, or paths too long for a socket.
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
    source: join(bases.state, 'source.json'),
    logs: bases.logs,
    run: run.value,
    supervisorLog: join(bases.logs, 'supervisor.log'),
  })
}

/**
 * Creates the folders, private to their owner; refuses a run folder that another user owns. Under root the run
 * folder has mode 0711: instances of other users must reach their own sockets in it.
 */
export function createFolders(paths: Paths, uid: number): Result<Paths> {
  const mode = uid === 0 ? 0o711 : 0o700
  // The run folder comes first: with HANDOVER_HOME its parent, which holds everything, must get the same mode.
  for (const folder of [paths.run, paths.logs, dirname(paths.journal), dirname(paths.lock)]) {
    try {
      mkdirSync(folder, { recursive: true, mode: folder === paths.run ? mode : 0o700 })
    } catch (error) {
      return failed('Usage', `the folder "${folder}" cannot be created: ${(error as Error).message}`)
    }
  }
  const owned = ownedBy(paths.run, uid)
  if (!owned.ok) return owned
  // It is not changed needlessly: the file system may be read-only by now.
  if ((lstatSync(paths.run).mode & 0o777) !== mode) chmodSync(paths.run, mode)
  return ok(paths)
}

/**
 * Name of a supervisor where none is set: that of the folder, changed into an allowed one. A release has the name of
 * its service: `/srv/shop/current` and `/srv/shop/releases/7` are both `shop`.
 */
export function defaultName(folder: string): string {
  const path = resolve(folder)
  const parent = dirname(path)
  if (basename(path) === 'current') return sanitiseName(basename(parent))
  return sanitiseName(basename(basename(parent) === 'releases' ? dirname(parent) : path))
}

/** The nearest allowed name: lower case, `-` for other characters, at most 63 characters; `app` for an empty one. */
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

/** Without XDG_RUNTIME_DIR the specification wants a replacement with the same properties: private and local. */
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

/** The folder itself, or one with a short name in its place where paths of sockets in it would be too long. */
function fitting(run: string, uid: number): Result<string> {
  if (fits(run)) return unlessForeign(run, uid)
  const hash = createHash('sha256').update(run).digest('hex').slice(0, 10)
  const short = join(tmpdir(), `ho-${uid}-${hash}`)
  if (fits(short)) return unlessForeign(short, uid)
  const bytes = Buffer.byteLength(run) + roomBelowRun
  return failed(
    'Usage',
    `sockets below "${run}" have paths of ${bytes} bytes, and paths below "${tmpdir()}" are too long as well, wanted at most ${maxUnixPathBytes}: set HANDOVER_HOME or TMPDIR to a shorter folder`,
  )
}

/** In a folder that all users may write to, another user may have created the name first. */
const unlessForeign = (run: string, uid: number): Result<string> =>
  existsSync(run) ? ownedBy(run, uid) : ok(run)

const fits = (run: string): boolean => Buffer.byteLength(run) + roomBelowRun <= maxUnixPathBytes

function ownedBy(folder: string, uid: number): Result<string> {
  const stat = lstatSync(folder)
  if (stat.isDirectory() && stat.uid === uid) return ok(folder)
  const what = stat.isDirectory() ? `belongs to the user with id ${stat.uid}` : 'is not a folder'
  return failed('Usage', `"${folder}" ${what}, wanted a folder that belongs to the user with id ${uid}`)
}
