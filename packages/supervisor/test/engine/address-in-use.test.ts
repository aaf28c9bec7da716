import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fakeMachine, specOf } from '@handover/testkit'
import type { FakeMachine } from '@handover/testkit'
import { addressInUse } from '../../dist/engine/address-in-use.js'
import { createEngine } from '../../dist/engine/index.js'

const stackOnly = [
  '    at listenInCluster (node:net:1965:12)',
  "Emitted 'error' event on Server instance at:",
  '    at emitErrorNT (node:net:1944:8)',
  "  code: 'EADDRINUSE',",
  '  errno: -98,',
  "  syscall: 'listen',",
]

for (const [program, line, expected] of [
  ['Node', 'Error: listen EADDRINUSE: address already in use :::3000', 'tcp :: 3000'],
  ['Node', 'Error: listen EADDRINUSE: address already in use 127.0.0.1:3000', 'tcp 127.0.0.1 3000'],
  ['Node', 'Error: listen EADDRINUSE: address already in use /run/web.sock', '/run/web.sock'],
  ['Node (UDP)', 'Error: bind EADDRINUSE 0.0.0.0:8125', 'udp 0.0.0.0 8125'],
  ['a cluster worker', 'Error: bind EADDRINUSE null:3000', 'udp  3000'],
  [
    'a logger',
    '{"level":50,"err":{"message":"listen EADDRINUSE: address already in use ::1:3000"}}',
    'tcp ::1 3000',
  ],
  ['nginx', 'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)', 'tcp 0.0.0.0 80'],
  ['nginx', 'nginx: [emerg] bind() to [::]:80 failed (98: Address already in use)', 'tcp :: 80'],
  ['Go', 'listen tcp :8080: bind: address already in use', 'tcp  8080'],
  [
    'uvicorn',
    "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
    'tcp 127.0.0.1 8000',
  ],
  [
    'gunicorn',
    "[2026-01-01 10:00:00 +0000] [1] [ERROR] Connection in use: ('0.0.0.0', 8000)",
    'tcp 0.0.0.0 8000',
  ],
  [
    'puma',
    'Address already in use - bind(2) for "0.0.0.0" port 9292 (Errno::EADDRINUSE)',
    'tcp 0.0.0.0 9292',
  ],
  ['Python', 'OSError: [Errno 98] Address already in use', null],
  ['an application', 'connect ECONNREFUSED 127.0.0.1:5432', null],
] as const) {
  test(`addressInUse() finds the address in the message of ${program}: ${line}`, () => {
    const found = addressInUse(['starting', line, ''])
    const text = found && (found.type === 'unix' ? found.path : `${found.type} ${found.host} ${found.port}`)
    assert.equal(text, expected)
  })
}

test("addressInUse() reads the error's properties when only the end of a stack is there", () => {
  const tail = [...stackOnly, "  address: '::',", '  port: 3000', '}']
  assert.deepEqual(addressInUse(tail), { type: 'tcp', host: '::', port: 3000 })
  assert.deepEqual(addressInUse([...stackOnly, "  address: '/run/web.sock',", '  port: -1', '}']), {
    type: 'unix',
    path: '/run/web.sock',
  })
})

/** The message of a rollout whose instance exits because an address is in use. */
async function failureOf(machine: FakeMachine, discover: boolean): Promise<string> {
  const engine = createEngine(machine)
  const listen = { admin: { type: 'tcp' as const, host: '::', port: 9090, backlog: 1 } }
  engine.apply(specOf({ replicas: 1, listen, ...(discover ? {} : { discover }) }), 'start')
  await turn()
  const output = ['Error: listen EADDRINUSE: address already in use :::3000']
  machine.living.get('web-1')?.exit({ code: 1, signal: null }, output)
  return engine.service('web')?.state.rollout?.failure?.message ?? ''
}

test('a rollout fails with the program that has the address, and with the listeners of the instance', async () => {
  const machine = fakeMachine()
  machine.holder = { inode: 7, pid: 812, group: 800, name: 'nginx' }
  assert.equal(
    await failureOf(machine, true),
    'web-1 of revision 1 exited with code 1 before it was ready, 0 s after its start: ' +
      'it asked for [::]:3000, which is in use by nginx (pid 812); its listeners are admin admin',
  )
})

test('a rollout fails with the listener or the instance that has the address when nothing is discovered', async () => {
  const machine = fakeMachine()
  machine.holder = { inode: 11, pid: 812, group: 800, name: 'node' }
  assert.match(
    await failureOf(machine, false),
    /, which the supervisor keeps as listener "admin"; .* \(discover is false\)$/,
  )
  const other = fakeMachine()
  other.holder = { inode: 7, pid: 101, group: 100, name: 'node' }
  assert.match(await failureOf(other, false), /, which web-1 listens on; /)
})
