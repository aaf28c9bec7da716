import type { Event, Exit, Result } from 'handover/model'
import { failed, ok } from 'handover/model'
import type {
  LaunchedProcess,
  LaunchOrder,
  Listener,
  ProcessObserver,
  SocketHolder,
  World,
} from 'handover/ports'

/** A clock that moves only when told to, and fires what is due in order of time. */
export interface FakeClock {
  now(): number
  at(time: number, callback: () => void): () => void
  advance(milliseconds: number): void
}

export function fakeClock(start = 1_000_000): FakeClock {
  let now = start
  let due: { time: number; callback: () => void }[] = []
  return {
    now: () => now,
    at(time, callback) {
      const entry = { time, callback }
      due.push(entry)
      return () => void (due = due.filter((other) => other !== entry))
    },
    advance(milliseconds) {
      const until = now + milliseconds
      for (;;) {
        const next = due.filter(({ time }) => time <= until).sort((a, b) => a.time - b.time)[0]
        if (!next) break
        due = due.filter((other) => other !== next)
        now = Math.max(now, next.time)
        next.callback()
      }
      now = until
    },
  }
}

/** A process of the fake machine; the test plays its part. */
export interface FakeProcess {
  order: LaunchOrder
  pid: number
  observer: ProcessObserver
  signals: ('drain' | 'kill')[]
  /** Who takes its connections, as it was told last. */
  successors: string[]
  /** Whether it accepts new connections, as it was told last. Absent if it was not told anything. */
  accepting?: boolean
  exit(exit?: Exit, output?: string[]): void
}

/** The operating system without one: what the engine did to it is written down in order, in `log`. */
export interface FakeMachine extends World {
  clock: FakeClock
  log: string[]
  journaled: Event[]
  living: Map<string, FakeProcess>
  surviving: string[]
  /** Those that are watched for their memory, by pid: tells how many bytes they have. */
  gauges: Map<number, (bytes: number) => void>
  /** Set to make the journal say that it is too long. */
  overgrown: boolean
  /** Set to make writes of the journal fail, as with a full disk. */
  journalRefusal: Result<never> | null
  /** The ports of sockets that instances bind, by descriptor. Default: the descriptor. */
  ports: Map<number, number>
  /** Who has the address that a test asks for. */
  holder: SocketHolder | null
  /** The names of listeners in whose queues connections wait. */
  queues: Set<string>
  /** What is kept beside the journal while it cannot be written. */
  kept: { replacement: Event[] | null; events: Event[] } | null
  /** Set to make the next looks at a revision fail. */
  refusal: Result<never> | null
}

/** `journaled`: what an earlier supervisor left behind; `surviving`: the instances of it that live on. */
export function fakeMachine(journaled: Event[] = [], surviving: string[] = []): FakeMachine {
  const log: string[] = []
  const living = new Map<string, FakeProcess>()
  const gauges: FakeMachine['gauges'] = new Map()
  let nextPid = 100 + journaled.length
  let nextFd = 10

  function live(order: LaunchOrder, pid: number, observer: ProcessObserver): LaunchedProcess {
    living.set(order.instance, {
      order,
      pid,
      observer,
      signals: [],
      successors: [],
      exit(exit = { code: 0, signal: null }, output = []) {
        living.delete(order.instance)
        observer.exited(exit, output)
      },
    })
    return { pid, startTime: '1', probeDir: '/nowhere' }
  }

  const machine: FakeMachine = {
    clock: fakeClock(),
    log,
    journaled,
    living,
    surviving,
    gauges,
    overgrown: false,
    journalRefusal: null,
    ports: new Map(),
    holder: null,
    queues: new Set(),
    kept: null,
    refusal: null,
    sockets: {
      listen(name, spec) {
        log.push(`listen ${name}`)
        const listener: Listener = { name, spec, fd: nextFd++, address: name, inode: nextFd }
        return ok(listener)
      },
      // The descriptor of a fake process is both the inode and the port.
      take({ name, fd }, group, known) {
        log.push(`take ${name} from ${group}`)
        const spec = { type: 'tcp' as const, host: '::', port: machine.ports.get(fd) ?? fd, backlog: 1 }
        const listener = { name, spec, fd: nextFd++, address: name, inode: fd, discovered: true as const }
        return ok({ inode: fd, listener: known.has(fd) ? null : listener })
      },
      join: () => failed('Refused', 'the fake machine has no groups'),
      group: () => [],
      waiting: () => new Map(),
      steer: () => {},
      disband: () => {},
      rejoin: () => {},
      findBound: (asked, known) =>
        known.find(({ spec }) => spec.type === 'tcp' && asked.type === 'tcp' && spec.port === asked.port) ??
        null,
      holder: () => machine.holder,
      isWaitedOn: ({ name }) => machine.queues.has(name),
      checkFile: () => 'there',
      close: ({ name }) => void log.push(`close ${name}`),
      recover(lost, holders) {
        log.push(`recover ${lost.name} from ${holders.join(', ')}`)
        return ok({ ...lost, fd: nextFd++ })
      },
    },
    processes: {
      check: () => machine.refusal ?? ok({ hasLibrary: true }),
      launch(order, observer) {
        log.push(`launch ${order.instance}`)
        return Promise.resolve(ok(live(order, nextPid++, observer)))
      },
      renewSockets: () => Promise.resolve([]),
      find: (instance) => (machine.surviving.includes(instance) ? { pid: nextPid++, startTime: '1' } : null),
      adopt(order, observer) {
        log.push(`adopt ${order.instance}`)
        const there = machine.surviving.includes(order.instance)
        return Promise.resolve(there ? ok(live(order, order.pid, observer)) : failed('Refused', 'it is gone'))
      },
      withdraw: (instance, listeners) => void log.push(`withdraw ${listeners.join(', ')} from ${instance}`),
      setAccepting(instance, accepting) {
        const process = living.get(instance)
        if (process) process.accepting = accepting
      },
      launched(instance) {
        const process = living.get(instance)
        return process && { pid: process.pid, startTime: '1', probeDir: '/nowhere' }
      },
      exec({ instance, revision }) {
        log.push(`exec ${instance} revision ${revision.number}`)
        return ok(true)
      },
      setSuccessors(instance, successors) {
        const process = living.get(instance)
        if (process) process.successors = successors
      },
      drain(instance) {
        log.push(`drain ${instance}`)
        living.get(instance)?.signals.push('drain')
      },
      kill(instance) {
        log.push(`kill ${instance}`)
        living.get(instance)?.signals.push('kill')
      },
    },
    prober: { start: () => () => {} },
    memory: {
      watch(group, tell) {
        gauges.set(group, tell)
        return () => void gauges.delete(group)
      },
    },
    journal: {
      read: () =>
        ok(
          machine.kept
            ? [...(machine.kept.replacement ?? journaled), ...machine.kept.events]
            : [...journaled],
        ),
      append(events) {
        if (machine.journalRefusal) return machine.journalRefusal
        machine.kept = null
        journaled.push(...events)
        for (const event of events) log.push(`journal ${event.type}`)
        return ok(true)
      },
      get overgrown() {
        return machine.overgrown
      },
      rewrite(events) {
        if (machine.journalRefusal) return machine.journalRefusal
        machine.kept = null
        journaled.splice(0, journaled.length, ...events)
        return ok(true)
      },
      keep({ replacement, events }) {
        machine.kept = { replacement: replacement && [...replacement], events: [...events] }
      },
      get hasKept() {
        return machine.kept !== null
      },
      close: () => void log.push('journal closed'),
    },
    kernel: { read: () => ({ ListenOverflows: 0, ListenDrops: 0 }) },
    releases: { resolve: ({ cwd }) => ok(cwd) },
  }
  return machine
}
