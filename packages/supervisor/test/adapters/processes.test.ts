import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { text } from 'node:stream/consumers'
import { until, within } from '@handover/testkit'
import { openProcesses, openSockets } from '../../dist/adapters/index.js'
import type { ProcessesOptions } from '../../dist/adapters/index.js'
import type { ServiceSpec } from '../../dist/model/index.js'
import { anyTcpPort, defer, fixture, folderFor, listenFor, recorder, revisionOf, commandSpec } from './rig.js'
import type { Observation } from './rig.js'

const python = '/usr/bin/python3'
const skip = existsSync(python) ? false : `${python} is not there`

/** Launches the command on one listener, and kills it after the test. */
async function launch(
  t: TestContext,
  command: string[],
  options: {
    env?: Record<string, string>
    spec?: Partial<ServiceSpec>
    open?: Partial<ProcessesOptions>
    allowTraversal?: boolean
  } = {},
) {
  const folder = folderFor(t)
  if (options.allowTraversal) chmodSync(folder, 0o711)
  const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
  const processes = openProcesses({
    runDir: join(folder, 'run'),
    logDir: join(folder, 'log'),
    stdio: 'file',
    prepare: ({ spec }) => ({
      ok: true,
      value: {
        argv: spec.command,
        cwd: spec.cwd,
        env: { PATH: '/usr/bin:/bin', ...options.env },
        hasLibrary: false,
      },
    }),
    ...options.open,
  })
  const record = recorder()
  const revision = revisionOf(commandSpec(command, options.spec))
  const result = await processes.launch(
    { instance: 'web-1', revision, listeners: [listener] },
    record.observer,
  )
  assert.equal(record.observed.length, 0, 'the observer is not called before launch has returned')
  if (result.ok) {
    defer(t, async () => {
      processes.kill('web-1')
      await record.until('exited')
    })
  }
  return { folder, listener, processes, result, ...record, port: Number(listener.address.split(':')[1]) }
}

async function launchOk(...args: Parameters<typeof launch>) {
  const launched = await launch(...args)
  const { result } = launched
  if (!result.ok) return assert.fail(result.failure.message)
  return { ...launched, process: result.value }
}

test('launch() runs an instance with the library: it becomes ready, drains and exits', async (t) => {
  const {
    until,
    observed,
    processes,
    port,
    process: launched,
    folder,
  } = await launchOk(t, [process.execPath, fixture('library.mjs')])
  await until('ready')
  const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as {
    pid: number
    env: Record<string, string>
  }
  assert.equal(answer.pid, launched.pid)
  assert.equal(answer.env['LISTEN_PID'], String(launched.pid))
  assert.equal(answer.env['LISTEN_FDS'], '1')
  assert.equal(answer.env['LISTEN_FDNAMES'], 'http')
  assert.equal(answer.env['HANDOVER_INSTANCE'], 'web-1')
  assert.equal(answer.env['HANDOVER_REVISION'], '7')
  assert.equal(answer.env['HANDOVER_DRAIN_SECONDS'], '29')
  assert.equal(answer.env['HANDOVER_IDLE_SECONDS'], '10')
  assert.equal(answer.env['HANDOVER_PROBE_DIR'], undefined)

  processes.drain('web-1')
  const exited = await until('exited')
  assert.deepEqual(exited, {
    type: 'exited',
    exit: { code: 0, signal: null },
    output: ['listening', 'drained'],
  })
  const order = observed.map(({ type }) => type).filter((type) => type !== 'status')
  assert.deepEqual(order, ['progress', 'ready', 'account', 'stoppedAccepting', 'drained', 'exited'])
  assert.equal(readFileSync(join(folder, 'log/web/web-1.log'), 'utf8'), 'listening\ndrained\n')
  assert.deepEqual(readdirSync(join(folder, 'run')), [])
})

const failureOf = ({ result }: Awaited<ReturnType<typeof launch>>) =>
  result.ok ? assert.fail('it was launched') : result.failure

const statuses = (observed: Observation[]) =>
  observed.flatMap((fact) => (fact.type === 'status' ? [fact.text] : []))

test('launch() starts an instance in its own process group, without a pipe to the supervisor', async (t) => {
  const { process: launched, listener } = await launchOk(t, [process.execPath, fixture('library.mjs')])
  const links = [0, 1, 2, 3].map((fd) => readlinkSync(`/proc/${launched.pid}/fd/${fd}`))
  assert.equal(links[0], '/dev/null')
  assert.match(links[1] ?? '', /web-1\.log$/)
  assert.equal(links[1], links[2])
  assert.equal(links[3], `socket:[${listener.inode}]`)
  const ours = new Set(openFiles('self').filter((link) => link.startsWith('pipe:')))
  assert.deepEqual(
    openFiles(launched.pid).filter((link) => ours.has(link)),
    [],
  )
  const [group, session] = fieldsAfterName(launched.pid).slice(3, 5)
  assert.deepEqual([group, session], [String(launched.pid), String(launched.pid)])
})

const openFiles = (pid: number | 'self') =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return [] // the descriptor of the folder
    }
  })

const fieldsAfterName = (pid: number) =>
  readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, 'name ')
    .split(' ')

test('launch() handles READY, STATUS and BARRIER of any program', { skip }, async (t) => {
  const { observed, until, untilStatus } = await launchOk(t, [python, fixture('plain.py')])
  await until('ready')
  await untilStatus('barrier passed')
  assert.deepEqual(statuses(observed), [`up as ${process.getuid?.()}`, 'barrier passed'])
})

test(
  'drain() reports stoppedAccepting when the listener is closed, long before the exit',
  { skip },
  async (t) => {
    const {
      observed,
      until,
      untilStatus,
      processes,
      process: launched,
    } = await launchOk(t, [python, fixture('plain.py')], {
      env: { FIXTURE_KEEP: '1' },
    })
    await until('ready')
    processes.drain('web-1')
    await untilStatus('keeping')
    assert.ok(!observed.some(({ type }) => type === 'stoppedAccepting'), 'it still has the listener')
    process.kill(launched.pid, 'SIGUSR1')
    await until('stoppedAccepting')
    assert.ok(!observed.some(({ type }) => type === 'exited'))
    process.kill(launched.pid, 'SIGUSR1')
    assert.deepEqual((await until('exited')).exit, { code: 3, signal: null })
  },
)

test(
  'drain() does not report stoppedAccepting while a child of the instance has the listener',
  { skip },
  async (t) => {
    const {
      observed,
      until,
      untilStatus,
      processes,
      process: launched,
    } = await launchOk(t, [python, fixture('plain.py')], {
      env: { FIXTURE_LEAVE: '1' },
    })
    await until('ready')
    processes.drain('web-1')
    await untilStatus('closed')
    assert.ok(!observed.some(({ type }) => type === 'stoppedAccepting'), 'its child still has the listener')
    process.kill(launched.pid, 'SIGUSR1')
    const { output } = await until('exited')
    const child = Number(/left (\d+)/.exec(output[0] ?? '')?.[1])
    assert.ok(child > 0)
    assert.equal(output[1], 'bye')
    await ended(child)
  },
)

/** Its parent is init, which may reap it late. */
const isGone = (pid: number) => !existsSync(`/proc/${pid}`) || fieldsAfterName(pid)[1] === 'Z'
const ended = (pid: number) => until(() => isGone(pid), `process ${pid} has ended`, 10)

test('launch() ignores garbage on the notify socket and reports it once', { skip }, async (t) => {
  const lines: string[] = []
  const { until } = await launchOk(t, [python, fixture('plain.py')], {
    env: { FIXTURE_GARBAGE: '1' },
    open: { log: (line) => lines.push(line) },
  })
  await until('ready')
  assert.deepEqual(lines, ['web-1 sent an invalid message for sd_notify(3): "bytes that are not UTF-8"'])
})

for (const [what, raw, answer] of [
  [
    'an unknown message',
    '{"type":"dance"}',
    '{"type":"error","message":"unknown message \\"dance\\"","unknown":"dance"}',
  ],
  [
    'nothing else',
    undefined,
    '{"type":"welcome","version":1,"instance":"web-1","revision":7,"sendsAccept":true}',
  ],
] as const) {
  test(`the channel answers ${what}`, async (t) => {
    const { untilStatus } = await launchOk(t, [process.execPath, fixture('library.mjs')], {
      env: raw === undefined ? {} : { FIXTURE_RAW: raw },
    })
    await untilStatus(answer)
  })
}

test('setSuccessors() sends an instance the sockets of its successors, once per change, and ignores its answers', async (t) => {
  const lines = [
    { type: 'hello', version: 1, pid: 1, library: '0' },
    { type: 'adopts', path: '/run/web-1/adopt.sock', listeners: ['http'] },
    { type: 'error', message: 'Unknown message type "successors"', unknown: 'successors' },
  ]
  const { until, untilStatus, processes, observed } = await launchOk(
    t,
    [process.execPath, fixture('library.mjs')],
    {
      env: { FIXTURE_RAW: lines.map((line) => JSON.stringify(line)).join('\n') },
    },
  )
  await until('ready')
  processes.setSuccessors('web-1', ['web-9'])
  processes.setSuccessors('web-1', ['web-1'])
  processes.setSuccessors('web-1', ['web-1', 'web-9'])
  await untilStatus('{"type":"successors","sockets":["/run/web-1/adopt.sock"]}')
  processes.setSuccessors('web-1', [])
  await untilStatus('{"type":"successors","sockets":[]}')
  const replies = observed.filter((observation) => JSON.stringify(observation).includes('successors'))
  assert.equal(replies.length, 2)
  processes.drain('web-1')
  assert.equal((await until('exited')).exit.code, 0)
})

test('the channel answers a hello of another version and stays open', async (t) => {
  const { until, untilStatus } = await launchOk(t, [process.execPath, fixture('library.mjs')], {
    env: { FIXTURE_VERSION: '99' },
  })
  await until('ready')
  await untilStatus('{"type":"error","message":"unknown protocol version 99, wanted 1"}')
})

for (const [what, bytes, reason] of [
  ['a line that is not JSON', 'GET / HTTP/1.1\r\n', 'a line is not JSON'],
  ['a line without a type', '[]\n', 'a line is not an object with a "type"'],
  ['a message without its fields', '{"type":"draining"}\n', '"draining" has no valid "account"'],
  ['a line without an end', 'x'.repeat(70_000), 'a line is longer than 65536 bytes'],
] as const) {
  test(`the channel refuses ${what} and continues to serve others`, async (t) => {
    const { until, folder, processes } = await launchOk(t, [process.execPath, fixture('library.mjs')])
    const stranger = connect(join(folder, 'run/web-1/channel.sock'))
    stranger.write(bytes)
    const answer = await within(text(stranger), 'end of the connection')
    stranger.destroy()
    assert.deepEqual(JSON.parse(answer), { type: 'error', message: reason })
    await until('ready')
    processes.drain('web-1')
    assert.equal((await until('exited')).exit.code, 0)
  })
}

test('kill() kills the whole group', { skip }, async (t) => {
  const { until, processes } = await launchOk(t, [python, fixture('plain.py')], {
    env: { FIXTURE_LEAVE: '1' },
  })
  await until('ready')
  processes.kill('web-1')
  const { exit, output } = await until('exited')
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL' })
  await ended(Number(/left (\d+)/.exec(output[0] ?? '')?.[1]))
})

test('launch() fails with CannotStart when the program cannot be executed', async (t) => {
  const folder = folderFor(t)
  const file = (name: string, content: string | Buffer, mode: number) => {
    writeFileSync(join(folder, name), content, { mode })
    return join(folder, name)
  }
  const foreign = Buffer.alloc(64)
  foreign.write('\x7fELF\x02\x01\x01', 'latin1')
  foreign.writeUInt16LE(243, 18)
  const cases: [string, RegExp][] = [
    ['/no/such/program', /^"\/no\/such\/program" does not exist$/],
    [folder, / is not a file$/],
    [file('plain', 'x', 0o644), / is not executable: it needs the x permission$/],
    [
      file('script', '#!/no/such/shell\n', 0o755),
      / names the interpreter "\/no\/such\/shell", which cannot be executed$/,
    ],
    [file('zeroes', Buffer.alloc(64), 0o755), / is neither a program nor a script$/],
    [
      file('foreign', foreign, 0o755),
      / is a program for another processor \(ELF machine 243\), wanted (x64|arm64)$/,
    ],
  ]
  for (const [path, message] of cases) {
    const failure = failureOf(await launch(t, [path]))
    assert.equal(failure.code, 'CannotStart')
    assert.match(failure.message, message)
  }
})

test('launch() fails with the message of the shell when execve(2) fails for another reason', async (t) => {
  const folder = folderFor(t)
  const broken = Buffer.alloc(64) // an ELF header of this machine without a program
  broken.write('\x7fELF\x02\x01\x01', 'latin1')
  broken.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18)
  writeFileSync(join(folder, 'broken'), broken, { mode: 0o755 })
  const failure = failureOf(await launch(t, [join(folder, 'broken')]))
  assert.equal(failure.code, 'CannotStart')
  assert.match(failure.output?.join() ?? '', /^handover-exec: /)
})

test('launch() reports the exit of a program that exits with 127', async (t) => {
  const { until } = await launchOk(t, ['/bin/sh', '-c', 'echo no such thing >&2; exit 127'])
  assert.deepEqual(await until('exited'), {
    type: 'exited',
    exit: { code: 127, signal: null },
    output: ['no such thing'],
  })
})

test('launch() fails with CannotStart when the folder is missing', async (t) => {
  const failure = failureOf(await launch(t, ['/bin/true'], { spec: { cwd: '/no/such/folder' } }))
  assert.deepEqual(failure, { code: 'CannotStart', message: 'the folder "/no/such/folder" does not exist' })
})

test('launch() fails with CannotStart when the path of its sockets is too long', async (t) => {
  const runDir = join(folderFor(t), 'x'.repeat(100))
  const failure = failureOf(await launch(t, ['/bin/true'], { open: { runDir } }))
  assert.match(failure.message, /is too long for a unix socket/)
})

test(
  'launch() gives an instance of another user its folder',
  { skip: skip || process.getuid?.() !== 0 },
  async (t) => {
    const { observed, until, folder } = await launchOk(t, [python, '-B', fixture('plain.py')], {
      open: {
        prepare: ({ spec }) => ({
          ok: true,
          value: {
            argv: spec.command,
            cwd: '/',
            env: {},
            uid: 65534,
            gid: 65534,
            groups: [65534, 100],
            hasLibrary: false,
          },
        }),
      },
      allowTraversal: true,
    })
    await until('ready')
    assert.deepEqual(statuses(observed)[0], 'up as 65534')
    assert.equal(statSync(join(folder, 'run/web-1/notify.sock')).uid, 65534)
  },
)

test('launch() keeps the output of the newest instances that have ended', async (t) => {
  const folder = folderFor(t)
  mkdirSync(join(folder, 'web'))
  for (const number of [1, 2, 3]) {
    const path = join(folder, `web/old-${number}.log`)
    writeFileSync(path, '')
    utimesSync(path, number, number)
  }
  const { until } = await launchOk(t, ['/bin/sh', '-c', 'for i in $(seq 30); do echo $i; done'], {
    open: { logDir: folder, retainLogs: 2 },
  })
  const { output } = await until('exited')
  assert.deepEqual(
    output,
    Array.from({ length: 20 }, (_, index) => String(index + 11)),
  )
  assert.deepEqual(readdirSync(join(folder, 'web')).sort(), ['old-3.log', 'web-1.log'])
})

test('check() says whether instances will have the library, without starting one', () => {
  const processes = openProcesses({
    runDir: '/nowhere',
    logDir: '/nowhere',
    stdio: 'file',
    prepare: ({ spec }) => ({ ok: true, value: { argv: spec.command, cwd: '/', env: {}, hasLibrary: true } }),
  })
  assert.deepEqual(processes.check(revisionOf(commandSpec(['/bin/true']))), {
    ok: true,
    value: { hasLibrary: true },
  })
  const missing = processes.check(revisionOf(commandSpec(['/bin/no'])))
  assert.deepEqual(missing, {
    ok: false,
    failure: { code: 'CannotStart', message: '"/bin/no" does not exist' },
  })
})
