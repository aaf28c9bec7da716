import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const preload = fileURLToPath(new URL('../dist/register.cjs', import.meta.url))
const program = `
for (let line = 0; line < 3; line++) setTimeout(() => console.log('a line'), line * 10)
setTimeout(() => process.exit(7), 100)
`

void test('an instance survives that the disk of its log is full', () => {
  const full = openSync('/dev/full', 'w')
  const { status } = spawnSync(process.execPath, ['--require', preload, '-e', program], {
    stdio: ['ignore', full, 'inherit'],
    env: { ...process.env, HANDOVER_SOCKET: '/nowhere/channel.sock' },
  })
  closeSync(full)
  assert.equal(status, 7)
})
