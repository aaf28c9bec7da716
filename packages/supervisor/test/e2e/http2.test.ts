import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { SecureVersion } from 'node:tls'
import { connect } from 'node:tls'
import { test } from 'node:test'
import { countStreams } from './http2-frames.js'
import { http2Load } from './http2-load.js'
import { http2Service, upgradeOften } from './http2-service.js'

const upgrades = 4
/** The service takes longer for each answer: as many streams are open at any time, with fewer requests. */
const slower = { MORE_MS: '60' }

test('upgrade leaves no stream over plaintext unserved', async (t) => {
  const { rig, port, counted } = await http2Service(t, { TLS: '0', ...slower })
  const watched = await countStreams(t, port)
  const load = http2Load(t, { port: watched.port, secure: false, sessions: 10, streams: 8 })
  await upgradeOften(rig, upgrades)
  const { answered, refused, failures } = await load.stop()
  assert.deepEqual(failures, [])
  await rig.operate({ type: 'stop' })
  assert.equal(watched.sent(), answered)
  assert.equal(counted(), answered)
  t.diagnostic(`${answered} answered, ${refused} given up by the client unsent, over ${upgrades} upgrades`)
})

test('upgrade leaves over TLS only streams unserved that a client may send again', async (t) => {
  const { rig, port, counted } = await http2Service(t, { TLS: '1', ...slower })
  const load = http2Load(t, { port, sessions: 10, streams: 8 })
  await upgradeOften(rig, upgrades)
  const { answered, refused, failures } = await load.stop()
  assert.deepEqual(failures, [])
  await rig.operate({ type: 'stop' })
  // RFC 9113, 8.7: a stream that the application has seen must not be among the refused ones.
  assert.equal(counted(), answered)
  t.diagnostic(`${answered} answered, ${refused} refused, over ${upgrades} upgrades`)
})

test('upgrade lets clients resume their TLS sessions with the instances that come after', async (t) => {
  const { rig, port } = await http2Service(t, { TLS: '1' })
  const sessions: [SecureVersion, Buffer | undefined][] = []
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await handshake(port, maxVersion)
    assert.equal(first.reused, false)
    const sibling = await handshake(port, maxVersion, first.session)
    assert.equal(sibling.reused, true, `${maxVersion}: with the same or the other replica`)
    sessions.push([maxVersion, first.session])
  }
  assert.equal((await rig.upgrade()).code, 0)
  for (const [maxVersion, session] of sessions) {
    for (let i = 0; i < 4; i++) {
      const { reused } = await handshake(port, maxVersion, session)
      assert.equal(reused, true, `${maxVersion}: after the upgrade`)
    }
  }
})

/** Connects, with the ticket of an earlier connection if there is one; gives the newest ticket. */
async function handshake(port: number, maxVersion: SecureVersion, session?: Buffer) {
  const socket = connect({ port, rejectUnauthorized: false, maxVersion, ...(session && { session }) })
  let newest: Buffer | undefined
  socket.on('session', (given: Buffer) => (newest = given))
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  // With TLS 1.3 the tickets come after the handshake; an answer of the server comes after them.
  socket.end('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  return { reused, session: newest ?? session }
}
