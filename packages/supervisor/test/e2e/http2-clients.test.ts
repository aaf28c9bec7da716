import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { fixture, http2Service, upgradeOften, without } from './http2-service.js'

const upgrades = 6
/** Without it the processes of curl would take the time that the instances need to start. */
const thinkMs = 50

test("upgrade loses no request of Go's client over HTTP/2 with TLS", without('go'), async (t) => {
  const { rig, url } = await http2Service(t, { TLS: '1' })
  const program = join(rig.folder, 'client')
  execFileSync('go', ['build', '-o', program, fixture('clients/http2.go')], {
    env: { ...process.env, GO111MODULE: 'off' },
  })
  const client = spawn(program, [url], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => client.kill('SIGKILL'))
  await upgradeOften(rig, upgrades)
  client.stdin.end()
  const [answered = 0, failed] = (await text(client.stdout)).split(' ').map(Number)
  t.diagnostic(`${answered} answered, ${failed} failed`)
  assert.equal(failed, 0)
  assert.ok(answered > upgrades * 100)
})

test('upgrade loses no request of curl over HTTP/2 with TLS', without('curl'), async (t) => {
  const { rig, url } = await http2Service(t, { TLS: '1' })
  const state = { stopped: false, answered: 0, failures: [] as string[] }
  t.after(() => (state.stopped = true))
  const callers = [0, 1].map((caller) => curl(url, caller === 1, state))
  await upgradeOften(rig, upgrades)
  state.stopped = true
  await Promise.all(callers)
  t.diagnostic(`${state.answered} answered`)
  assert.deepEqual(state.failures, [])
  assert.ok(state.answered > upgrades)
})

/** One curl after another, each with twenty requests on one connection, and a pause between them. */
async function curl(
  url: string,
  post: boolean,
  state: { stopped: boolean; answered: number; failures: string[] },
) {
  const each = [
    '--http2',
    '-ksS',
    '-o',
    '/dev/null',
    '-w',
    '%{http_version} %{http_code}\\n',
    ...(post ? ['-d', 'x'] : []),
  ]
  const args = Array.from({ length: 20 }, () => [...each, url]).flatMap((one, i) =>
    i === 0 ? one : ['--next', ...one],
  )
  while (!state.stopped) {
    const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [lines, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    const answers = lines.trim().split('\n')
    state.answered += answers.filter((answer) => answer === '2 200').length
    state.failures.push(
      ...answers.filter((answer) => answer !== '2 200'),
      ...errors.split('\n').filter((line) => line !== ''),
    )
    await later(thinkMs)
  }
}
