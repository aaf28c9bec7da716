import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, systemdUnavailable } from '@handover/testkit'
import { ask, assertFlawless, loadOn, must, openUnit, release } from './rig.js'

const skip = systemdUnavailable() ?? false
const socket = 'web-app-http.socket'

test(
  'the sockets of socket units become the listeners, and a stop and a start refuse no connection',
  { skip },
  async (t) => {
    const unit = await openUnit(t, { emit: ['--socket'] })
    await must(unit, 'start', socket)
    // The first connection starts the service.
    assert.equal(await ask(unit.port), 'one')
    await unit.systemd.until('web', 'ActiveState', /^active$/)
    assert.equal((await unit.show('NFileDescriptorStore'))['NFileDescriptorStore'], '0')

    await must(unit, 'stop', 'web')
    const waiting = Array.from({ length: 20 }, () => ask(unit.port))
    unit.write(release('two'))
    await must(unit, 'start', 'web')
    assert.deepEqual([...new Set(await Promise.all(waiting))], ['two'])

    const load = loadOn(t, unit)
    unit.write(release('three'))
    await must(unit, 'reload', 'web')
    await assertFlawless(load)
    assert.equal(await ask(unit.port), 'three')
  },
)

test('unix and UDP sockets of socket units become the listeners with their names', { skip }, async (t) => {
  const udp = await freePort()
  const unit = await openUnit(t, {
    emit: ['--socket'],
    run: ['-p', 'local=unix:local.sock', '-p', `metrics=udp:127.0.0.1:${udp}`],
  })
  unit.write(
    release('one').replace(
      '.listen(process.env.PORT)',
      `.listen(process.env.PORT).on('listening', () => {
    console.log('names', process.env.LISTEN_FDNAMES)
  })
  require('node:http').createServer((_, response) => response.end('local')).listen('local.sock')`,
    ),
  )
  await must(unit, 'start', 'web')
  const { stdout } = await unit.systemd.run(
    'curl',
    '-s',
    '--unix-socket',
    `${unit.systemd.folder}/local.sock`,
    'http://local/',
  )
  assert.equal(stdout, 'local')
  const { services } = await unit.status()
  const addresses = services.flatMap(({ listeners }) =>
    listeners.map(({ name, address }) => `${name} ${address}`),
  )
  assert.deepEqual(addresses.sort(), [
    `http 127.0.0.1:${unit.port}`,
    `local unix:${unit.systemd.folder}/local.sock`,
    `metrics 127.0.0.1:${udp}`,
  ])
  // No new socket was bound: systemd still has all of them, and its store is empty.
  assert.equal((await unit.show('NFileDescriptorStore'))['NFileDescriptorStore'], '0')
})

test(
  'the start fails with one sentence when a passed socket has the name of a listener of another kind',
  { skip },
  async (t) => {
    const unit = await openUnit(t, {
      emit: ['--socket'],
      edit: (text) =>
        text.replace('ListenStream=127.0.0.1:', 'ListenDatagram=127.0.0.1:').replace(/^Backlog.*\n/m, ''),
    })
    const { code } = await unit.systemd.systemctl('start', 'web')
    assert.equal(code, 1)
    const { StatusText, StatusErrno, ExecMainStatus } = await unit.show(
      'StatusText',
      'StatusErrno',
      'ExecMainStatus',
    )
    assert.equal(
      StatusText,
      `listener "http": systemd passed a UDP socket (127.0.0.1:${unit.port}) with this name, wanted a TCP socket`,
    )
    assert.deepEqual([StatusErrno, ExecMainStatus], ['22', '2'])
  },
)

test('a passed socket that matches no listener is named and left open', { skip }, async (t) => {
  const other = await freePort()
  const unit = await openUnit(t, {
    emit: ['--socket'],
    edit: (text) =>
      text
        .replace(/^ListenStream=.*/m, `ListenStream=127.0.0.1:${other}`)
        .replace('FileDescriptorName=http', 'FileDescriptorName=https'),
  })
  await must(unit, 'start', 'web')
  assert.match(
    unit.log(),
    new RegExp(`systemd passed "https" \\(127.0.0.1:${other}\\), which is no service's listener`),
  )
  assert.equal(await ask(unit.port), 'one')
})

test('a passed socket with another name is matched by its address', { skip }, async (t) => {
  const unit = await openUnit(t, {
    emit: ['--socket'],
    edit: (text) => text.replace('FileDescriptorName=http\n', ''),
  })
  await must(unit, 'start', 'web')
  assert.equal(await ask(unit.port), 'one')
  assert.equal((await unit.show('NFileDescriptorStore'))['NFileDescriptorStore'], '0')
})
