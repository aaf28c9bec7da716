import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { fixture, openLone } from './rig.js'

const upgrades = 20
/** Of each connection. */
const messages = 3

test(`SIGUSR2 loses no byte of a raw TCP service in ${upgrades} upgrades`, async (t) => {
  const service = await openLone(t, fixture('tcp.cjs'))
  await service.listens()
  const failures: string[] = []
  let echoed = 0
  let stopped = false
  t.after(() => (stopped = true))
  const client = async (): Promise<void> => {
    while (!stopped) {
      try {
        await converse(service.port)
        echoed += messages
      } catch (error) {
        failures.push(String(error))
      }
    }
  }
  const clients = Array.from({ length: 20 }, client)
  for (let i = 0; i < upgrades; i++) await service.upgrade()
  stopped = true
  await Promise.all(clients)
  assert.deepEqual(failures, [])
  assert.ok(echoed > 20 * upgrades, `${echoed} messages`)
  t.diagnostic(`${echoed} messages, ${failures.length} failures`)
})

/** Three messages with a pause after each, so that connections live on while the service is replaced; then a FIN. */
async function converse(port: number): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  socket.setEncoding('utf8').on('data', (chunk) => (received += String(chunk)))
  const ended = once(socket, 'end') // rejects on an error of the socket
  await once(socket, 'connect')
  let sent = ''
  for (let i = 0; i < messages; i++) {
    const message = `${Math.random()}\n`
    sent += message
    socket.write(message)
    await later(Math.random() * 100)
  }
  socket.end()
  await ended
  assert.equal(received, sent)
}
