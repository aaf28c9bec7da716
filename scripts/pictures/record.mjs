// Records a real `handover verify` in a terminal: an example service under the supervisor, real load, three real
// upgrades. Needs tmux, which is the terminal; its screens go to docs/pictures/upgrade.json, which `npm run pictures`
// draws.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../packages/testkit/dist/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const output = join(root, 'docs/pictures/upgrade.json')
const command = 'handover verify --upgrades 3'
// The header of the receipt is 126 columns wide.
const [columns, rows] = [128, 40]
const frameMs = 100
const keyMs = 60

const home = mkdtempSync(join(tmpdir(), 'handover-record-'))
const env = { ...process.env, HANDOVER_HOME: home, PATH: `${home}:${process.env.PATH}` }
delete env.TMUX
const program = join(root, 'packages/supervisor/bin/handover.js')
writeFileSync(join(home, 'handover'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
chmodSync(join(home, 'handover'), 0o755)

const example = join(root, 'examples/hello')
const handover = (...args) => execFileSync('handover', args, { cwd: example, env, stdio: 'ignore' })
const tmux = (...args) =>
  execFileSync('tmux', ['-S', join(home, 'tmux'), '-f', '/dev/null', ...args], { env, encoding: 'utf8' })

try {
  handover('start', 'server.js', '-i', '2', '-p', String(await freePort()))
  tmux(
    'new-session',
    '-d',
    '-x',
    String(columns),
    '-y',
    String(rows),
    '-c',
    example,
    'env',
    'PS1=$ ',
    'bash',
    '--norc',
  )
  await until(() => screen().lines[0] === '$')
  const frames = await record()
  writeFileSync(output, `${JSON.stringify({ command, columns, frames })}\n`)
  console.log(`${frames.length} screens in ${(frames.at(-1).ms / 1000).toFixed(1)} s`)
} finally {
  try {
    tmux('kill-server')
  } catch {
    // it was not started
  }
  handover('stop')
  rmSync(home, { recursive: true, force: true })
}

/** Types the command, and keeps each screen that differs from the one before, until the shell's prompt is back. */
async function record() {
  const start = performance.now()
  const frames = []
  const look = () => {
    const seen = screen()
    if (JSON.stringify(seen) === JSON.stringify(frames.at(-1)?.screen)) return seen
    frames.push({ ms: Math.round(performance.now() - start), screen: seen })
    return seen
  }
  look()
  await wait(500)
  for (const key of command) {
    tmux('send-keys', '-l', key)
    await wait(keyMs)
    look()
  }
  tmux('send-keys', 'Enter')
  await until(() => look().lines.length > 3)
  await until(() => look().lines.at(-1) === '$')
  return frames.map(({ ms, screen }) => ({ ms, ...screen }))
}

/** What stands on the terminal now, with its colours as escape sequences. */
function screen() {
  const cursorFormat = '#{cursor_x} #{cursor_y} #{cursor_flag}'
  const lines = tmux('capture-pane', '-e', '-p', ';', 'display-message', '-p', cursorFormat)
    .trimEnd()
    .split('\n')
  const [x, y, visible] = lines.pop().split(' ').map(Number)
  while (lines.at(-1) === '') lines.pop()
  return { lines, cursor: visible === 1 ? { x, y } : null }
}

/** Looks every `frameMs`. Throws after a minute. */
async function until(condition) {
  const end = performance.now() + 60_000
  while (!condition()) {
    if (performance.now() > end)
      throw new Error(`the terminal shows, after a minute:\n${screen().lines.join('\n')}`)
    await wait(frameMs)
  }
}
