import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { within } from '@handover/testkit'
import { openSockets } from '../../dist/adapters/index.js'
import { ask, startInstance } from './probes-rig.js'
import { anyTcpPort, folderFor, listenFor } from './rig.js'

const target = { instance: 'web-1', pid: process.pid, listeners: [], probeDir: '/nowhere' }
const exec = (...command: string[]) => ({ type: 'exec', command }) as const

describe('openProber() with exec', () => {
  const table: [string, boolean, string][] = [
    ['exit 0', true, 'exited with 0'],
    ['exit 3', false, 'exited with 3'],
    ['echo first; echo not yet >&2; exit 1', false, 'exited with 1: not yet'],
    ['kill -9 $$', false, 'was killed by SIGKILL'],
  ]
  for (const [script, healthy, reason] of table) {
    test(script, async () => {
      assert.deepEqual(await ask(target, exec('sh', '-c', script)), {
        healthy,
        reason: `"sh -c ${script}" ${reason}`,
      })
    })
  }

  test('shows no more than the end of a long output', async () => {
    const { reason } = await ask(target, exec('sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x; exit 1'))
    assert.ok(reason.length < 400, reason)
  })

  test('says why the program could not be run', async () => {
    const { healthy, reason } = await ask(target, exec('no-such-program'))
    assert.equal(healthy, false)
    assert.equal(reason, '"no-such-program" could not be run: spawn no-such-program ENOENT')
  })

  test('kills the program and all its children at the timeout', async (t) => {
    const pipe = join(folderFor(t), 'pipe')
    execFileSync('mkfifo', [pipe])
    // Ends with the last process that can write to it.
    const written = text(createReadStream(pipe))
    const script = `sleep 100 > ${pipe} & wait`
    const verdict = await ask(target, exec('sh', '-c', script), { timeoutSeconds: 1 })
    assert.deepEqual(verdict, { healthy: false, reason: `"sh -c ${script}" did not exit within 1 s` })
    assert.equal(await within(written, 'end of the sleeping process'), '')
  })

  test('runs in the folder and environment of the instance, without its sockets', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const env = {
      COLOUR: 'green',
      LISTEN_FDS: '1',
      NOTIFY_SOCKET: '/x',
      HANDOVER_SOCKET: '/x',
      HANDOVER_INSTANCE: 'x',
    }
    const { target: instance } = await startInstance(t, listener, ['idle'], env)
    const wanted = `green:unset:unset:unset:${realpathSync(process.cwd())}`
    const shown = '$COLOUR:${LISTEN_FDS-unset}:${NOTIFY_SOCKET-unset}:${HANDOVER_SOCKET-unset}:$(pwd -P)'
    const { healthy, reason } = await ask(
      instance,
      exec('sh', '-c', `echo "${shown}"; test "${shown}" = "${wanted}"`),
    )
    assert.ok(healthy, reason)
  })
})
