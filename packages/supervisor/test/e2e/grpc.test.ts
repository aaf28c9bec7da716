import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js'
import grpc from '@grpc/grpc-js'
import { freePort, openRig } from '@handover/testkit'

const fixture = (path: string) => fileURLToPath(new URL(`../../test/fixtures/${path}`, import.meta.url))
const definition = createRequire(import.meta.url)(
  fixture('clients/grpc-service.cjs'),
) as grpc.ServiceDefinition

interface EchoClient extends grpc.Client {
  echo(message: Buffer, callback: (error: ServiceError | null, answer?: Buffer) => void): void
  count(last: Buffer): ClientReadableStream<Buffer>
  chat(): ClientDuplexStream<Buffer, Buffer>
}
const Client = grpc.makeClientConstructor(definition, 'Echo')

const upgrades = 6

test('upgrade fails no gRPC call, unary or streaming', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const service = { command: ['node', fixture('apps/grpc.cjs')], replicas: 2, listen: { grpc: port } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { web: service } }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)

  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure()) as unknown as EchoClient
  t.after(() => client.close())
  const state = { stopped: false }
  t.after(() => (state.stopped = true))
  const tally = { answered: 0, streamed: 0, chats: 0, failures: [] as string[] }
  const callers = [
    ...Array.from({ length: 8 }, () => repeat(state, () => echo(client, tally))),
    ...Array.from({ length: 4 }, () => repeat(state, () => count(client, tally))),
    ...Array.from({ length: 2 }, () => repeat(state, () => chat(client, tally))),
  ]
  for (let i = 0; i < upgrades; i++) assert.equal((await rig.upgrade()).code, 0)
  state.stopped = true
  await Promise.all(callers)
  t.diagnostic(JSON.stringify(tally))
  assert.deepEqual(tally.failures, [])
  assert.ok(tally.answered > 100 && tally.streamed > upgrades && tally.chats > upgrades)
})

type Tally = { answered: number; streamed: number; chats: number; failures: string[] }

async function repeat(state: { stopped: boolean }, work: () => Promise<void>): Promise<void> {
  while (!state.stopped) await work()
}

function echo(client: EchoClient, tally: Tally): Promise<void> {
  const message = Buffer.from(String(Math.random()))
  return new Promise((resolve) => {
    client.echo(message, (error, answer) => {
      if (answer !== undefined && message.equals(answer)) tally.answered++
      else tally.failures.push(`echo: ${error?.message ?? 'a wrong answer'}`)
      resolve()
    })
  })
}

/** A stream of half a second: it is open across an upgrade. */
async function count(client: EchoClient, tally: Tally): Promise<void> {
  const last = 50
  const call = client.count(Buffer.from(String(last)))
  let expected = 1
  call.on('data', (message: Buffer) => {
    if (String(message) !== String(expected++)) tally.failures.push(`count: ${String(message)}`)
  })
  const status = await statusOf(call)
  if (status === 'OK' && expected === last + 1) tally.streamed++
  else tally.failures.push(`count: ${status} after ${expected - 1}`)
}

/** Messages to and fro on one call, each an answer to the last. */
async function chat(client: EchoClient, tally: Tally): Promise<void> {
  const call = client.chat()
  const status = statusOf(call)
  for (let i = 0; i < 20; i++) {
    call.write(Buffer.from(String(i)))
    const answer = await Promise.race([once(call, 'data'), status])
    if (String(Array.isArray(answer) ? answer[0] : answer) !== String(i)) break
  }
  call.end()
  const end = await status
  if (end === 'OK') tally.chats++
  else tally.failures.push(`chat: ${end}`)
}

function statusOf(
  call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
): Promise<string> {
  return new Promise((resolve) => {
    call.on('error', () => {}) // 'status' says the same
    call.on('status', ({ code, details }) =>
      resolve(code === grpc.status.OK ? 'OK' : `${grpc.status[code]} ${details}`),
    )
  })
}
