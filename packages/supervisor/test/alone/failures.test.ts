import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../systemd/rig.js'
import { answers, fixture, openLone, serve, serveOnGo } from './rig.js'

test('an upgrade that fails leaves the old process serving, and says why', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_UPGRADE_SECONDS: '3', HANDOVER_DRAIN_SECONDS: '1' },
  })
  const { pid } = service
  const first = pid()
  const release = (source: string) => writeFileSync(join(service.folder, 'app.cjs'), source)
  await service.accepts()
  for (const [source, reason] of [
    ['process.exit(7)', / exited with 7 before it was ready/],
    ['process.kill(process.pid, "SIGKILL")', / was killed by SIGKILL before it was ready/],
    ['process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)', / was not ready within 3 s/],
    ['for (;;);', / was not ready within 3 s/],
  ] as const) {
    release(source)
    const seen = service.output().length
    process.kill(first, 'SIGUSR2')
    await service.untilOutputMatches(reason, seen)
    assert.equal(await ask(service.port), `one ${first}`)
    assert.equal(pid(), first)
  }
  release(serve('two'))
  const next = await service.upgrade()
  await answers(service.port, `two ${next}`)
})

test('a second signal is refused with the reason during an upgrade', async (t) => {
  const service = await openLone(t, 'app.cjs', { env: { HANDOVER_DRAIN_SECONDS: '1' } })
  await service.accepts()
  const first = service.pid()
  writeFileSync(join(service.folder, 'app.cjs'), serveOnGo('two'))
  process.kill(first, 'SIGUSR2')
  await service.untilOutput('two waits')
  process.kill(first, 'SIGUSR2')
  await service.untilOutputMatches(/No upgrade can begin now: the one to process \d+ is still under way/, 0)
  writeFileSync(join(service.folder, 'go'), '')
  const next = await service.until((pid) => pid !== first)
  await answers(service.port, `two ${next}`)
})

test('a switched link means the new release, of the folder and of the script', async (t) => {
  for (const args of [['app.cjs'], ['../current/app.cjs']]) {
    const service = await openLone(t, 'app.cjs', {
      args,
      prepare(folder) {
        for (const name of ['a', 'b']) {
          mkdirSync(join(folder, name))
          writeFileSync(join(folder, name, 'app.cjs'), serve(name))
        }
        symlinkSync('a', join(folder, 'current'))
        return { cwd: join(folder, 'current') }
      },
    })
    await service.untilOutput('a listens')
    symlinkSync('b', join(service.folder, 'next'))
    renameSync(join(service.folder, 'next'), join(service.folder, 'current'))
    const next = await service.upgrade()
    await answers(service.port, `b ${next}`)
    assert.equal(realpathSync(`/proc/${next}/cwd`), realpathSync(join(service.folder, 'b')))
  }
})

test('a pid file that cannot be written stops the first start, with a code', async (t) => {
  await assert.rejects(
    openLone(t, fixture('http.cjs'), { env: { HANDOVER_PID_FILE: '/nowhere/pid' } }),
    /ERR_HANDOVER_PID_FILE[^]*The pid file "\/nowhere\/pid" cannot be written|The pid file "\/nowhere\/pid" cannot be written/,
  )
})

test('a new version that is no child takes over twice, and its clients move', async (t) => {
  const env = (folder: string) => ({ HANDOVER_TAKEOVER: join(folder, 'takeover.sock') })
  const service = await openLone(t, fixture('http.cjs'), { prepare: (folder) => ({ env: env(folder) }) })
  await service.accepts()
  for (let i = 0; i < 2; i++) {
    const before = service.pid()
    service.startAnother()
    const next = await service.until((pid) => pid !== before)
    await answers(service.port, String(next))
  }
})

test('a stale takeover socket is replaced, and a new version that dies leaves the old one serving', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    prepare(folder) {
      const path = join(folder, 'takeover.sock')
      writeFileSync(path, '')
      chmodSync(path, 0o600)
      return { env: { HANDOVER_TAKEOVER: path } }
    },
  })
  await service.accepts()
  const first = service.pid()
  writeFileSync(join(service.folder, 'app.cjs'), 'process.exit(7)')
  service.startAnother()
  await service.untilOutputMatches(/The new process \d+ ended before it was ready/, 0)
  assert.equal(await ask(service.port), `one ${first}`)
  writeFileSync(join(service.folder, 'app.cjs'), serve('two'))
  service.startAnother()
  const next = await service.until((pid) => pid !== first)
  await answers(service.port, `two ${next}`)
})
