import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { procStat } from '../../dist/shared/proc-stat.js'
import { signalGroup } from '../../dist/shared/signal-group.js'

test('procStat() accepts a name with blanks and parentheses, and is null for a process that has ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stat-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'a) R 1 (b')
  copyFileSync('/bin/sleep', program)
  const child = spawn(program, ['60'], { detached: true })
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const stat = procStat(pid)
  assert.equal(stat?.group, pid)
  assert.match(stat?.startTime ?? '', /^\d+$/)

  signalGroup(pid, 'SIGKILL')
  await once(child, 'exit')
  assert.equal(procStat(pid), null)
  signalGroup(pid, 'SIGKILL')
})
