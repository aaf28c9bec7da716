import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { bootSystemd, systemdUnavailable } from '@handover/testkit'

const skip = systemdUnavailable() ?? false

test('bootSystemd() boots the real one, and leaves nothing behind', { skip }, async () => {
  const t0 = Date.now()
  const systemd = await bootSystemd()
  console.log(Date.now() - t0)
  const { stdout } = await systemd.systemctl('is-system-running')
  assert.match(stdout, /running|degraded/)
  console.log((await systemd.run('systemctl','list-units')).stdout)
  await systemd.close()
  assert.equal(existsSync(systemd.folder), false)
})
