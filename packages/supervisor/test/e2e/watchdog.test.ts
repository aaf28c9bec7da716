import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRig, until } from '@handover/testkit'

const python = '/usr/bin/python3'
const skip = existsSync(python) ? false : `${python} does not exist`

/** Its first process stops sending WATCHDOG=1, later ones do not. */
const program = `
import os, socket, sys, time
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
say = lambda text: notify.sendto(text.encode(), os.environ['NOTIFY_SOCKET'])
say('READY=1\\nWATCHDOG_USEC=300000')
first = not os.path.exists('been-here')
open('been-here', 'w').close()
while True:
    time.sleep(0.05)
    if not first: say('WATCHDOG=1')
`

test('an instance that misses the watchdog that it asked for is started again', { skip }, async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  writeFileSync(join(rig.folder, 'app.py'), program)
  const started = await rig.handover('start', '--', python, 'app.py')
  assert.equal(started.code, 0, started.stderr)
  await until(async () => {
    const [instance] = (await rig.status()).services[0]?.instances ?? []
    return instance?.restarts === 1 && instance.state === 'ready'
  }, 'the instance was started again')
  const [instance] = (await rig.status()).services[0]?.instances ?? []
  assert.equal(instance?.restarts, 1)
})
