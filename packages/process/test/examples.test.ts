import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { Balancer } from './balancer.js'
import { Container, noPid1 } from './container.js'

const examples = fileURLToPath(new URL('../../../examples/kubernetes/', import.meta.url))
const noGo = spawnSync('go', ['version']).status === 0 ? false : 'needs Go'

/** The command of the image. */
function commandOf(example: string): string[] {
  const dockerfile = fs.readFileSync(path.join(examples, example, 'Dockerfile'), 'utf8')
  return JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '') as string[]
}

for (const [example, skip] of [
  ['express', noPid1],
  ['go', noPid1 || noGo],
] as const) {
  void test(
    `the example ${example} refuses nobody within the delay as its image runs it`,
    { skip },
    async (t) => {
      let command = commandOf(example)
      if (example === 'go') {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-go-'))
        t.after(() => fs.rmSync(folder, { recursive: true }))
        const server = path.join(folder, 'server')
        const built = spawnSync('go', ['build', '-o', server, '.'], { cwd: path.join(examples, example) })
        assert.equal(built.status, 0, String(built.stderr))
        command = [server]
      }
      const env = { PORT: '0', HANDOVER_DRAIN_DELAY_SECONDS: '3', HANDOVER_IDLE_SECONDS: '0.5' }
      const container = Container.start(t, command, { env, folder: path.join(examples, example) })
      const balancer = new Balancer(t, await container.port())
      await balancer.warm()
      container.terminate()
      await after(1500)
      await balancer.withdraw()
      assert.deepEqual(await container.exited, { code: 0, signal: null }, container.output)
      assert.deepEqual(balancer.failures, [])
      assert.ok(balancer.closes.length > 0)
      t.diagnostic(`${example}: ${balancer.answered} requests, ${balancer.failures.length} failures`)
    },
  )
}
