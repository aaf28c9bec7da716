// How many idle keep-alive connections move from one process to the next in a second: handed over by the library, and
// passed with Node's own IPC, `process.send(message, socket)`. In one run, one after the other; several rounds.
//
//     node bench/move.mjs [connections, default 10000] [rounds, default 5]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { App } from '../packages/process/dist-test/app.js'
import { heldTcp } from '../packages/process/dist-test/sockets.js'
import { openIdleClients } from '../packages/supervisor/dist-test/e2e/idle-clients.js'

const [connections = 10_000, rounds = 5] = process.argv.slice(2).map(Number)
const application = new URL('../packages/supervisor/test/fixtures/apps/patient.cjs', import.meta.url).pathname

const handover = await timesOf(handOver)
const ipc = await timesOf(passByIpc)
console.log(`${connections} idle connections, Node ${process.versions.node}; median of ${rounds} rounds`)
show('handover, the whole drain', handover)
show('process.send(message, socket)', ipc)

/** One drain of the library's, from its beginning until the successor has acknowledged the last connection. */
async function handOver() {
  const listener = heldTcp()
  const options = {
    listeners: { http: listener },
    env: { PORT: String(listener.port), HANDOVER_DRAIN_SECONDS: '60' },
  }
  const [old, next] = [await App.start(application, options), null]
  let successor = next
  try {
    await old.message('ready')
    const clients = await openIdleClients(listener.port, connections)
    successor = await App.start(application, options)
    await successor.message('ready')
    await old.handOverTo(successor)
    const { seconds, account } = await old.message('drained', 60_000)
    await check(clients, account.handedOver)
    return seconds
  } finally {
    await old.dispose()
    await successor?.dispose()
    listener.close()
  }
}

/** From the first `send` until the other process says that it has the last one. */
async function passByIpc() {
  const child = fork(new URL('ipc.cjs', import.meta.url), { serialization: 'advanced' })
  try {
    const [port] = await once(child, 'message')
    const clients = await openIdleClients(port, connections)
    child.send('move')
    const [{ seconds, moved }] = await once(child, 'message')
    await check(clients, moved)
    return seconds
  } finally {
    child.kill()
  }
}

async function check(clients, moved) {
  const answers = await clients.ask()
  if (clients.closed > 0 || moved !== connections || answers.size !== 1)
    throw new Error(`${moved} moved, ${clients.closed} closed, ${answers.size} processes answered`)
  clients.end()
}

async function timesOf(what) {
  const all = []
  for (let i = 0; i < rounds; i++) all.push(await what())
  return all.sort((a, b) => a - b)
}

function show(name, seconds) {
  const perSecond = (time) => Math.round(connections / time).toLocaleString('en')
  const median = seconds[seconds.length >> 1]
  console.log(
    `${name.padEnd(30)} ${(median * 1000).toFixed(0).padStart(6)} ms  ${perSecond(median).padStart(8)} a second ` +
      `(${perSecond(seconds.at(-1))} to ${perSecond(seconds[0])})`,
  )
}
