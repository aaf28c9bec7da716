import { setTimeout as later } from 'node:timers/promises'
import { signalGroup } from '#shared/signal-group.js'
import { groupMembers } from '../linux/proc.js'
import { errorCode } from '../linux/posix.js'
import { handlesSignal, isLauncher, receiversOf } from '../linux/receivers.js'
import { signalNumber } from '../linux/signals.js'

/** Time between two looks at the processes. */
const pauseMs = 20
/** What a script may still do after its program has ended, such as removing a file. */
const afterwardsMs = 1000

/** The preload handles this signal in a process that serves, and not in its helpers (role.ts of the library). */
const roleMark = 'SIGSTKFLT'

export interface StopOptions {
  /** Leader of the process group. */
  leader: number
  /** Sends a signal to the leader. By default with kill(2). */
  tellLeader?: (signal: number) => void
  /** Whether a process other than the leader is known to serve. */
  serves: (pid: number) => boolean
  /** Milliseconds that what the leader leaves behind may take after its exit. */
  limitMs: number
}

/** The stop of one process group. */
export interface GroupStop {
  /** Sends the stop signal, see `receiversOf`. Must not be called after the leader's exit. */
  begin(signal: string): void
  /** To be called at the leader's exit. Resolves when nothing of the group is left. */
  finish(): Promise<void>
}

/**
 * Ends a process group whose leader may only be what has started the program: a shell, a shim, an init program. The
 * program gets the signal even if the leader does not pass it on. If the leader exits before the program, which is then
 * usually in the middle of its drain, the program has time to end. Whatever else the leader leaves behind gets SIGKILL
 * (systemd calls that KillMode=mixed). A leader that starts its program again is stopped, too.
 */
export function groupStop({ leader, tellLeader, serves, limitMs }: StopOptions): GroupStop {
  let signal: string | null = null
  let launches = false
  let exited = false
  const told = new Set<number>()

  function tell(pid: number, name: string): void {
    told.add(pid)
    if (pid === leader && tellLeader) tellLeader(signalNumber(name))
    else sendSignal(pid, name)
  }

  /** A leader that continues for long after its program has ended has started it again. */
  async function watchRestart(name: string): Promise<void> {
    const programs = [...told]
    let endedAt = Infinity
    while (!exited && performance.now() < endedAt + afterwardsMs) {
      if (endedAt === Infinity && !programs.some((pid) => handlesSignal(pid, name)))
        endedAt = performance.now()
      await later(pauseMs, undefined, { ref: false })
    }
    if (!exited) tell(leader, name)
  }

  return {
    begin(name) {
      signal = name
      launches = isLauncher(leader)
      const receivers = receiversOf(leader, name)
      for (const pid of receivers) tell(pid, name)
      if (!receivers.includes(leader)) void watchRestart(name)
    },
    async finish() {
      exited = true
      const name = signal
      const deadline = performance.now() + limitMs
      while (name !== null && performance.now() < deadline) {
        const programs = groupMembers(leader).filter(
          (pid) => (launches || serves(pid) || handlesSignal(pid, roleMark)) && handlesSignal(pid, name),
        )
        if (programs.length === 0) break
        for (const pid of programs) if (!told.has(pid)) tell(pid, name)
        await later(pauseMs)
      }
      killGroup(leader)
    },
  }
}

function sendSignal(pid: number, name: string): void {
  try {
    process.kill(pid, signalNumber(name))
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error // it has just exited
  }
}

/**
 * SIGKILL to the process group. The group's number cannot be another's while a member lives, and without members there
 * is nobody to kill.
 */
export const killGroup = (leader: number): void => signalGroup(leader, 'SIGKILL')
