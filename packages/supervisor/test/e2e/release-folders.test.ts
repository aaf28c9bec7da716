import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Status } from 'handover/model'
import { freePort } from '@handover/testkit'

const bin = fileURLToPath(import.meta.resolve('handover/bin'))

interface Place {
  root: string
  port: number
  /** Runs a script of sh in which `$H` is the command. Rejects if it fails. */
  sh(script: string): Promise<string>
  status(): Promise<Status>
  /** The release that answers. */
  answer(): Promise<string>
  release(number: number, config?: string): void
  /** Lets `current` lead to another release. */
  point(number: number): void
}

/** `shop/releases/N` and `shop/current`, as deployment tools make them. */
async function openPlace(t: TestContext): Promise<Place> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'place-')))
  const shop = join(root, 'shop')
  const port = await freePort()
  const env = {
    ...process.env,
    NO_COLOR: '1',
    HANDOVER_HOME: join(root, 'home'),
    H: `${process.execPath} ${bin}`,
  }
  const sh = (script: string) =>
    new Promise<string>((resolve, reject) => {
      execFile('sh', ['-ec', script], { env, cwd: root, timeout: 120_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout + stderr)
        else reject(new Error(`${error.message}\n${stdout}${stderr}`))
      })
    })
  t.after(async () => {
    await sh('$H stop --name shop')
    rmSync(root, { recursive: true })
  })
  return {
    root,
    port,
    sh,
    status: async () => JSON.parse(await sh('$H status --json --name shop')) as Status,
    answer: async () =>
      (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(),
    release(number, config) {
      const folder = join(shop, `releases/${number}`)
      mkdirSync(folder, { recursive: true })
      writeFileSync(
        join(folder, 'app.cjs'),
        `require('node:http').createServer((_, response) => response.end('${number}')).listen(process.env.PORT)`,
      )
      if (config !== undefined) writeFileSync(join(folder, 'handover.config.yaml'), config)
    },
    point(number) {
      rmSync(join(shop, 'current'), { force: true })
      symlinkSync(`releases/${number}`, join(shop, 'current'))
    },
  }
}

const configFor = (port: number) => `services: { web: { script: app.cjs, listen: { http: ${port} } } }`

test('a service that was started inside a link follows the link', async (t) => {
  const place = await openPlace(t)
  place.release(1)
  place.release(2)
  place.point(1)
  await place.sh(`cd shop/current; $H start app.cjs -p ${place.port}`)
  assert.equal(await place.answer(), '1')
  place.point(2)
  rmSync(join(place.root, 'shop/releases/1'), { recursive: true })
  await place.sh('cd shop/current; $H upgrade')
  assert.equal(await place.answer(), '2')
})

test('a configuration inside a link is that of the next release', async (t) => {
  const place = await openPlace(t)
  place.release(1, configFor(place.port))
  place.release(2, `${configFor(place.port).slice(0, -3)}, replicas: 2 } }`)
  place.point(1)
  await place.sh('cd shop/current; $H start')
  place.point(2)
  rmSync(join(place.root, 'shop/releases/1'), { recursive: true })
  await place.sh('cd shop/releases/2; $H upgrade')
  assert.equal(await place.answer(), '2')
  const { supervisor, services } = await place.status()
  assert.equal(supervisor.config, join(place.root, 'shop/current/handover.config.yaml'))
  assert.equal(services[0]?.replicas, 2)
})

test('a deleted configuration is replaced by that of the folder, or the one after -c', async (t) => {
  const place = await openPlace(t)
  for (const number of [1, 2, 3]) place.release(number, configFor(place.port))
  place.point(2)
  await place.sh('cd -P shop/releases/1; $H start')
  assert.match(
    await place.sh('cd shop/current; $H upgrade'),
    /reads ".*\/1\/handover.config.yaml"; .*-c ".*\/current\//,
  )
  assert.equal(await place.answer(), '1')

  rmSync(join(place.root, 'shop/releases/1'), { recursive: true })
  await assert.rejects(
    place.sh('$H upgrade --name shop'),
    /releases\/1\/handover.config.yaml" does not exist any more/,
  )
  assert.equal(await place.answer(), '1')
  await place.sh('cd shop/current; $H upgrade')
  assert.equal(await place.answer(), '2')
  await place.sh('$H upgrade --name shop -c shop/releases/3/handover.config.yaml')
  assert.equal(await place.answer(), '3')
  await assert.rejects(
    place.sh('$H reload --name shop -c nowhere.yaml'),
    /there is no configuration file ".*nowhere.yaml"/,
  )
  const third = join(place.root, 'shop/releases/3/handover.config.yaml')
  const { supervisor, services } = await place.status()
  assert.equal(supervisor.config, third)

  process.kill(supervisor.pid, 'SIGKILL')
  place.release(1, configFor(place.port))
  await place.sh('cd -P shop/releases/1; $H start --name shop')
  const after = await place.status()
  assert.equal(after.supervisor.config, third, 'it is kept by the next supervisor')
  assert.deepEqual(after.services[0]?.instances, services[0]?.instances)
  await place.sh('$H stop --name shop; cd -P shop/releases/1; $H start')
  assert.equal(
    (await place.status()).supervisor.config,
    join(place.root, 'shop/releases/1/handover.config.yaml'),
  )
})

test('a service whose own folder was deleted serves on, and continues with a configuration', async (t) => {
  const place = await openPlace(t)
  place.release(1)
  await place.sh(`cd shop/releases/1; $H start app.cjs --name shop -p ${place.port}`)
  rmSync(join(place.root, 'shop/releases/1'), { recursive: true })
  place.release(2, `services: { app: { script: app.cjs, listen: { http: ${place.port} } } }`)
  await assert.rejects(
    place.sh('cd shop/releases/2; $H upgrade --name shop'),
    /the folder ".*\/1" of service "app" does not exist, wanted it, or .*"handover upgrade -c …"/,
  )
  assert.equal(await place.answer(), '1')
  await place.sh('cd shop/releases/2; $H upgrade --name shop -c handover.config.yaml')
  assert.equal(await place.answer(), '2')
})

test('commands work in a deleted folder where they need nothing from it', async (t) => {
  const place = await openPlace(t)
  place.release(1)
  place.point(1)
  writeFileSync(
    join(place.root, 'shop/shop.config.mjs'),
    `export default { services: { web: { cwd: 'current', script: 'app.cjs', listen: { http: ${place.port} } } } }`,
  )
  const gone = 'mkdir gone; cd gone; rmdir ../gone;'
  const config = join(place.root, 'shop/shop.config.mjs')
  await assert.rejects(
    place.sh(`${gone} $H status`),
    /"\S+\/gone \(deleted\)" does not exist, wanted a --name/,
  )
  await place.sh(`${gone} $H start -c ${config}`)
  place.release(2)
  place.point(2)
  await place.sh(`${gone} $H upgrade --name shop`)
  assert.equal(await place.answer(), '2')
})
