import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig, until } from '@handover/testkit'
import { loadFor } from '../load.js'

const app = fileURLToPath(new URL('../../test/fixtures/apps/commanded.cjs', import.meta.url))

interface Answer {
  pid: number
  seen: string[]
}

const ask = (port: number, command: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', path: `/${command}`, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve(JSON.parse(text) as Answer))
      })
      .on('error', reject)
  })

/** Without a supervisor. */
async function plainNode(t: TestContext): Promise<number> {
  const port = await freePort()
  const child = spawn(process.execPath, [app], { env: { ...process.env, PORT: String(port) } })
  t.after(() => child.kill('SIGKILL'))
  await until(
    () =>
      ask(port, '').then(
        () => true,
        () => false,
      ),
    'plain Node answers',
  )
  return port
}

test('an application of two instances sees on every address what it sees in plain Node', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const [port, plain] = [await freePort(), await plainNode(t)]
  const started = await rig.handover('start', app, '-i', '2', '-e', `PORT=${port}`)
  assert.equal(started.code, 0, started.stderr)
  const service = async () => {
    const [found] = (await rig.status()).services
    assert.ok(found)
    return found
  }
  /** Each instance does it, and sees the same. */
  const everywhere = async (command: string): Promise<string[]> => {
    const pids = (await service()).instances.flatMap(({ pid }) => pid ?? [])
    const answers = new Map<number, string[]>()
    for (const pid of pids) answers.set(pid, await askInstance(port, pid, command))
    const [first, ...others] = answers.values()
    assert.ok(first)
    for (const other of others) assert.deepEqual(other, first, command)
    return first
  }
  const path = join(rig.folder, 'web.sock')
  const sharesOneSocket = async (command: string) => {
    const expected = (await ask(plain, command)).seen
    if (command.includes('path')) await ask(plain, `close?path=${path}`)
    else await ask(plain, command.replace('listen', 'close'))
    assert.deepEqual(await everywhere(command), expected)
  }
  const [first, second, third] = [await freePort(), await freePort(), await freePort()]

  await t.test('an address that it asks for when both instances run is shared', async () => {
    await sharesOneSocket(`listen?port=${first}`)
    await sharesOneSocket(`listen?port=${second}&host=127.0.0.1`)
    assert.match(await line({ port: first }), /^\d+$/)
  })
  await t.test('a server that was closed can listen again, and two at a time cannot', async () => {
    await everywhere(`close?port=${first}`)
    const seen = await everywhere(`twice?port=${first}`)
    assert.deepEqual(
      seen,
      (await ask(plain, `twice?port=${third}`)).seen.map((text) =>
        text.replaceAll(String(third), String(first)),
      ),
    )
    assert.ok(seen.some((text) => text.includes('EADDRINUSE')))
    await everywhere(`listen?port=${first}`)
  })
  await t.test('the file of a unix socket stays, whatever an instance does with it', async () => {
    await sharesOneSocket(`listen?path=${path}`)
    const { ino } = statSync(path)
    const pid = (await service()).instances[0]?.pid ?? 0
    await askInstance(port, pid, `unlink?path=${path}`)
    await askInstance(port, pid, `close?path=${path}`)
    assert.equal(statSync(path).ino, ino)
    assert.notEqual(await line({ path }), String(pid))
  })
  await t.test('a UDP socket is shared', async (t) => {
    const udp = await freePort()
    assert.deepEqual(await everywhere(`bind?port=${udp}`), [
      JSON.stringify({ address: '127.0.0.1', family: 'IPv4', port: udp }),
    ])
    const client = createSocket('udp4')
    t.after(() => client.close())
    client.send('x', udp, '127.0.0.1')
    await once(client, 'message')
  })
  await t.test('an address of another program is an error, and the status names the program', async (t) => {
    const other = net.createServer().listen(0)
    t.after(() => other.close())
    const taken = (other.address() as net.AddressInfo).port
    const expected = (await ask(plain, `listen?port=${taken}`)).seen
    assert.deepEqual(await everywhere(`listen?port=${taken}`), expected)
    const named = (text: string) =>
      text.includes(`:${taken}, which is in use by`) && text.includes(`(pid ${process.pid})`)
    let texts: string[] = []
    const bothSayIt = async () => {
      texts = (await service()).instances.map(({ text }) => text ?? '')
      return texts.every(named)
    }
    await until(bothSayIt, () => `both name process ${process.pid}: ${texts.join('; ')}`, 10)
  })
  await t.test('the next instances have all of them, under load', async (t) => {
    const before = (await service()).listeners
    assert.equal(before.length, 6)
    assert.ok(before.every(({ discovered }) => discovered))
    const load = loadFor(t, {
      target: { host: '127.0.0.1', port },
      workloads: { newConnections: { perSecond: 200 }, keepAlive: [{ connections: 8, thinkMs: [0, 20] }] },
    })
    const { code } = await rig.upgrade()
    assert.equal(code, 0)
    const { answered, failed, failures } = await load.stop()
    assert.deepEqual(failures, [])
    assert.ok(answered > 100, `only ${answered}`)
    t.diagnostic(`${answered} requests, ${failed} failed`)
    assert.deepEqual((await service()).listeners, before)
  })
})

/** Any instance may accept a connection. Only the right one carries out the command. */
async function askInstance(port: number, pid: number, command: string): Promise<string[]> {
  let answer: Answer = { pid: 0, seen: [] }
  const isMeant = async () => (answer = await ask(port, `${command}&pid=${pid}`)).pid === pid
  await until(isMeant, `instance ${pid} answers`)
  return answer.seen
}

/** What a server answers. */
async function line(target: net.NetConnectOpts): Promise<string> {
  let text = ''
  for await (const chunk of net.connect(target).setEncoding('utf8')) text += String(chunk)
  return text.trim()
}
