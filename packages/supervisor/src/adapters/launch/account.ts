import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Result, ServiceSpec } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

/** The user and groups of an instance. Empty: those of the supervisor. */
export interface Account {
  uid?: number
  gid?: number
  /** Supplementary groups. */
  groups?: number[]
  name?: string
  home?: string
}

interface User {
  name: string
  uid: number
  gid: number
  home: string
}

/** Looks up `user` and `group`, by name or id. Fails with `CannotStart` if one does not exist or is not permitted. */
export function resolveAccount(
  { user, group }: Pick<ServiceSpec, 'user' | 'group'>,
  supervisorUid = process.getuid?.() ?? 0,
): Result<Account> {
  if (user === undefined && group === undefined) return ok({})
  const chosen = group === undefined ? ok(undefined) : findGroup(group)
  if (!chosen.ok) return chosen
  const account = user === undefined ? ok({}) : findAccount(user, chosen.value)
  if (!account.ok) return account
  const result: Account = { ...account.value, ...(chosen.value !== undefined && { gid: chosen.value }) }
  return supervisorUid === 0 ? ok(result) : permitted(result, user ?? group ?? '', supervisorUid)
}

function findAccount(user: string, group: number | undefined): Result<Account> {
  const found = findUser(user)
  if (found) {
    return ok({ uid: found.uid, gid: found.gid, groups: groupsOf(found), name: found.name, home: found.home })
  }
  if (!isId(user)) return failed('CannotStart', `the user "${user}" does not exist`)
  if (group === undefined) {
    return failed('CannotStart', `the user id ${user} has no entry in passwd, wanted a "group" as well`)
  }
  return ok({ uid: Number(user), gid: group, groups: [] })
}

function permitted(account: Account, wanted: string, supervisorUid: number): Result<Account> {
  const same = (account.uid ?? supervisorUid) === supervisorUid && isOwnGroup(account.gid)
  // Only root can set groups. Nothing is needed if the supervisor already runs as that user.
  if (same) return ok({})
  return failed(
    'CannotStart',
    `only root can run an instance as "${wanted}", and the supervisor's user id is ${supervisorUid}`,
  )
}

const isOwnGroup = (gid: number | undefined): boolean => gid === undefined || gid === process.getgid?.()

const isId = (text: string): boolean => /^\d+$/.test(text)

/** passwd(5): name:password:uid:gid:gecos:home:shell */
function findUser(user: string): User | null {
  const [name, , uid, gid, , home] = entry('passwd', user) ?? []
  return name === undefined || home === undefined ? null : { name, uid: Number(uid), gid: Number(gid), home }
}

/** group(5): name:password:gid:members */
function findGroup(group: string): Result<number> {
  const gid = entry('group', group)?.[2]
  if (gid !== undefined) return ok(Number(gid))
  return isId(group) ? ok(Number(group)) : failed('CannotStart', `the group "${group}" does not exist`)
}

function groupsOf({ name, gid }: User): number[] {
  try {
    const ids = execFileSync('id', ['-G', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return ids.trim().split(/\s+/).map(Number)
  } catch {
    return [gid]
  }
}

/** getent(1) also reads directory services. If it is not installed, only the files are read. */
function entry(database: 'passwd' | 'group', key: string): string[] | null {
  try {
    const line = execFileSync('getent', [database, '--', key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return line.trim().split(':')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return null
  }
  const lines = readFileSync(`/etc/${database}`, 'utf8').split('\n')
  const entries = lines.map((line) => line.split(':'))
  return entries.find(([name, , id]) => name === key || (isId(key) && id === key)) ?? null
}
