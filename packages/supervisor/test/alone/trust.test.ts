import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '@handover/testkit'
import { ask } from '../systemd/rig.js'
import { answers, openLone, serve } from './rig.js'

/** Of no account on the machine: no name is needed to run as it. */
const stranger = 65_534
const library = fileURLToPath(new URL('../../../process/dist/index.js', import.meta.url))

/** Why no second user is to be had here; false: one is. */
function noStranger(): string | false {
  if (process.geteuid?.() !== 0) return 'only root can start a process of another user'
  const { status } = spawnSync(process.execPath, ['-e', `require('fs').accessSync('${library}')`], {
    uid: stranger,
  })
  return status === 0 ? false : `user ${stranger} cannot read ${library}`
}

/** Everybody may connect: what is left is that the kernel says who the peer is. */
const openToAll = (folder: string) => {
  chmodSync(folder, 0o777)
  return { env: { HANDOVER_TAKEOVER: join(folder, 'takeover.sock') } }
}

test(
  "the takeover socket refuses another user, by the file's mode and by who the peer is",
  { skip: noStranger() },
  async (t) => {
    const service = await openLone(t, 'app.cjs', { prepare: openToAll })
    await service.accepts()
    const first = service.pid()
    const socket = join(service.folder, 'takeover.sock')
    await until(() => existsSync(socket), 'the takeover socket is there')
    service.startAnother(stranger)
    await service.untilOutputMatches(
      /The service at ".*takeover\.sock" cannot be taken over: connect failed with EACCES, only the user who/,
      0,
    )
    assert.doesNotMatch(service.output(), /was refused to take over/)

    chmodSync(socket, 0o666)
    const seen = service.output().length
    service.startAnother(stranger)
    await service.untilOutputMatches(/cannot be taken over: another user is not trusted/, seen)
    await service.untilOutputMatches(/HandoverWarning: User 65534 was refused to take over/, seen)
    assert.match(service.output().slice(seen), /ERR_HANDOVER_TAKEOVER/)
    assert.equal(await ask(service.port), `one ${first}`)
    assert.equal(service.pid(), first)
  },
)

test(
  'a service refuses to be taken over by another user, and continues to serve',
  { skip: noStranger() },
  async (t) => {
    const service = await openLone(t, 'app.cjs', { uid: stranger, prepare: openToAll })
    await service.accepts()
    const first = service.pid()
    await until(() => existsSync(join(service.folder, 'takeover.sock')), 'the takeover socket is there')
    service.startAnother(process.geteuid?.())
    await service.untilOutputMatches(
      /cannot be taken over: it belongs to user 65534, wanted this process's user or root/,
      0,
    )
    assert.match(service.output(), /ERR_HANDOVER_TAKEOVER/)
    assert.equal(await ask(service.port), `one ${first}`)
    assert.equal(service.pid(), first)
    // The control: its own user may.
    writeFileSync(join(service.folder, 'app.cjs'), serve('two'))
    service.startAnother(stranger)
    const next = await service.until((pid) => pid !== first)
    await answers(service.port, `two ${next}`)
  },
)

test('a takeover path may have all of the 107 bytes that an address has, and not one more', async (t) => {
  const pathOf = (folder: string, bytes: number) => join(folder, 's'.repeat(bytes - folder.length - 1))
  const open = (bytes: number) =>
    openLone(t, 'app.cjs', { prepare: (folder) => ({ env: { HANDOVER_TAKEOVER: pathOf(folder, bytes) } }) })
  const service = await open(107)
  await service.accepts()
  const first = service.pid()
  await until(() => existsSync(pathOf(service.folder, 107)), 'the takeover socket is there')
  service.startAnother()
  await service.until((pid) => pid !== first)
  assert.doesNotMatch(service.output(), /Warning/)
  await assert.rejects(open(108), /cannot be taken over: the path is ".*", a path of 108 bytes/)
})

test('a pid file that cannot be written any more is a warning, and is right again in the next generation', async (t) => {
  const service = await openLone(t, 'app.cjs')
  await service.accepts()
  const first = service.pid()
  const pidFile = join(service.folder, 'pid')
  writeFileSync(join(service.folder, 'app.cjs'), serve('two'))
  rmSync(pidFile)
  mkdirSync(pidFile) // no file can be renamed to it, not even by root
  process.kill(first, 'SIGUSR2')
  await service.untilOutputMatches(/HandoverWarning: The pid file ".*pid" cannot be written: EISDIR/, 0)
  let answer = ''
  await until(async () => (answer = await ask(service.port)).startsWith('two '), 'the new release answers')
  const second = Number(answer.slice(4))
  assert.notEqual(second, first)

  rmdirSync(pidFile)
  process.kill(second, 'SIGUSR2')
  const third = await service.until((pid) => pid > 0)
  assert.notEqual(third, second)
  assert.equal(readFileSync(pidFile, 'utf8'), `${third}\n`)
  await answers(service.port, `two ${third}`)
})
