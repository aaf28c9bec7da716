import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { HandoverError } from '../dist/protocol/errors.js'
import { handover, type HandoverOptions } from '../dist/index.js'
import { listenTarget } from '../dist/listeners/listen-target.js'
import { settings } from '../dist/service/options.js'
import { readListenCall } from '../dist/preload/patch-listen.js'

const callback = () => {}

void test('readListenCall() reads every documented form of server.listen', () => {
  const target = (...args: unknown[]) => readListenCall(args)?.target ?? null
  assert.deepEqual(target(3000), { port: 3000, host: undefined })
  assert.deepEqual(target('3000'), { port: 3000, host: undefined })
  assert.deepEqual(target(3000, '127.0.0.1'), { port: 3000, host: '127.0.0.1' })
  assert.deepEqual(target(3000, 511, callback), { port: 3000, host: undefined })
  assert.deepEqual(target(3000, '::1', 511, callback), { port: 3000, host: '::1' })
  assert.deepEqual(target({ port: 3000, exclusive: true, reusePort: true }), { port: 3000, host: undefined })
  assert.deepEqual(target({ port: '3000', host: 'localhost' }), { port: 3000, host: 'localhost' })
  assert.deepEqual(target('/run/web.sock', callback), { path: '/run/web.sock' })
  assert.deepEqual(target({ path: '/run/web.sock' }), { path: '/run/web.sock' })
  assert.equal(readListenCall([3000, callback])?.callback, callback)
  const { signal } = new AbortController()
  assert.equal(readListenCall([{ port: 3000, signal }])?.signal, signal)
})

void test('readListenCall() is null when the call names no address', () => {
  const calls = [
    [],
    [0],
    ['0'],
    [callback],
    [null],
    [undefined],
    [{ port: 0 }],
    [{ port: null }],
    [{ fd: 3 }],
  ]
  for (const args of [...calls, [{ _handle: {} }], [{ handle: {} }], [{ port: undefined, path: '/x' }]]) {
    assert.equal(readListenCall(args), null, JSON.stringify(args))
  }
})

void test('listenTarget() throws a coded error when there is nothing to listen on', () => {
  assert.throws(() => listenTarget({}), {
    code: 'ERR_HANDOVER_OPTION',
    message: 'The address is {}, wanted a name, a port or a path',
  })
  assert.throws(() => listenTarget(70000), {
    message: 'The port is "70000", wanted an integer from 0 to 65535',
  })
  assert.deepEqual(listenTarget('8080'), { port: 8080 })
  assert.deepEqual(listenTarget('/run/x'), { path: '/run/x' })
})

void test('settings() uses the option, else the variable, else the default', () => {
  const variables = { HANDOVER_DRAIN_SECONDS: '20', HANDOVER_IDLE_SECONDS: '3' }
  const { alone, execSignal, ...others } = settings({}, {})
  assert.deepEqual([alone.signal, alone.takeover, alone.pidFile, execSignal], [null, null, null, undefined])
  assert.deepEqual(others, {
    timeoutMs: 30_000,
    delayMs: 0,
    tooShort: null,
    probes: null,
    idleMs: 10_000,
    patienceMs: 5000,
    signals: ['SIGTERM', 'SIGINT'],
    handover: true,
    movesAll: false,
  })
  assert.equal(settings({ drain: { timeoutSeconds: 4 } }, {}).patienceMs, 2000)
  assert.deepEqual(
    ['none', 'stateless', 'all'].map((HANDOVER_MOVE) => {
      const { handover, movesAll } = settings({}, { HANDOVER_MOVE })
      return [handover, movesAll]
    }),
    [
      [false, false],
      [true, false],
      [true, true],
    ],
  )
  assert.equal(settings({}, variables).timeoutMs, 20_000)
  assert.equal(settings({ drain: { timeoutSeconds: 1.5 } }, variables).timeoutMs, 1500)
  assert.throws(() => settings({}, { HANDOVER_IDLE_SECONDS: 'soon' }), {
    code: 'ERR_HANDOVER_OPTION',
    message: 'HANDOVER_IDLE_SECONDS is "soon", wanted a number of seconds from 0 to 2147483',
  })
  assert.throws(() => settings({ drain: { idleSeconds: -1 } }, {}), HandoverError)
})

void test('settings() adds HANDOVER_STOP_SIGNAL to the signals that drain, unless there are none', () => {
  const environment = { HANDOVER_STOP_SIGNAL: 'SIGQUIT' }
  assert.deepEqual(settings({}, environment).signals, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  assert.deepEqual(settings({ signals: ['SIGHUP'] }, environment).signals, ['SIGHUP', 'SIGQUIT'])
  assert.deepEqual(settings({ signals: [] }, environment).signals, [])
  assert.deepEqual(settings({}, { HANDOVER_STOP_SIGNAL: 'SIGINT' }).signals, ['SIGTERM', 'SIGINT'])
  for (const name of ['3', 'QUIT', 'SIGKILL'])
    assert.throws(() => settings({}, { HANDOVER_STOP_SIGNAL: name }), {
      message: `HANDOVER_STOP_SIGNAL is "${name}", wanted the name of a signal such as SIGQUIT`,
    })
})

void test('drain() returns the same drain when it is called while the first one begins', async () => {
  const service = handover({ drain: { timeoutSeconds: 1 }, signals: [] })
  let again: Promise<unknown> | undefined
  let began = 0
  service.on('draining', () => {
    began++
    again ??= service.drain('again')
  })
  const first = service.drain('first')
  assert.equal(again, first)
  assert.equal((await first).reason, 'first')
  assert.equal(began, 1)
})

void test('handover() allows one service per process, and drain() always returns the same drain', async () => {
  const options: HandoverOptions = { signals: [], drain: { timeoutSeconds: 1 } }
  const service = handover(options)
  assert.throws(() => handover(options), { code: 'ERR_HANDOVER_STATE' })
  await assert.rejects(service.listen(net.createServer(), { name: 'nobody' }), {
    code: 'ERR_HANDOVER_NO_LISTENER',
    message: 'No listener "nobody" was inherited',
  })
  const states: string[] = []
  service.on('draining', (reason) => states.push(`${service.state} ${reason}`))
  service.onDrain(() => Promise.reject(new Error('a hook failed')))
  const warned = new Promise((resolve) => service.once('warning', resolve))
  const server = net.createServer()
  assert.match(await service.listen(server, { host: '127.0.0.1', port: 0 }), /^127\.0\.0\.1:\d+$/)
  service.ready()
  const [first, second] = await Promise.all([service.drain('test'), service.drain('again')])
  assert.equal(first, second)
  assert.deepEqual(states, ['draining test'])
  assert.equal(service.state, 'closed')
  assert.equal(await warned, 'A drain hook threw: a hook failed')
  await assert.rejects(service.listen(net.createServer(), 0), { code: 'ERR_HANDOVER_STATE' })
  await new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())))
  await handover(options).drain() // another service is allowed once this one is closed
})

void test('service.listen() rejects with the error of the server when the port is taken', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const service = handover({ signals: [] })
  t.after(() => service.drain())
  const { port } = taken.address() as net.AddressInfo
  await assert.rejects(service.listen(net.createServer(), { host: '127.0.0.1', port }), {
    code: 'EADDRINUSE',
  })
})
