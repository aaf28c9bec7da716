import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { childrenOf, isAlive, terminate, until } from './processes.mjs'

const folderOfApplication = fileURLToPath(new URL('..', import.meta.url))

/**
 * gunicorn with two workers. `sync` is its default worker, which closes each connection after one answer; `gthread`
 * keeps connections alive.
 */
export function gunicorn(home, worker) {
  const threads = worker === 'gthread' ? ['--threads', '8'] : []
  let child
  return {
    version: /version ([\d.]+)/.exec(execFileSync('gunicorn', ['--version'], { encoding: 'utf8' }))[1],
    setup: `bench/app.py, ${['-w 2', `-k ${worker}`, ...threads].join(' ')}`,
    command: 'kill -HUP',
    async start(port) {
      const temporary = join(home, 'gunicorn')
      mkdirSync(temporary, { recursive: true })
      child = spawn(
        'gunicorn',
        [
          ...['-w', '2', '-k', worker, ...threads, '-b', `127.0.0.1:${port}`],
          ...['--worker-tmp-dir', temporary, '--log-level', 'error', 'app:application'],
        ],
        { cwd: folderOfApplication, stdio: ['ignore', 'ignore', 'inherit'] },
      )
      await until('gunicorn answers', () => answers(port))
    },
    async roll() {
      const old = childrenOf(child.pid)
      child.kill('SIGHUP')
      await until('the old workers have ended', () => !old.some(isAlive))
    },
    stop: () => terminate(child),
  }
}

const answers = (port) =>
  fetch(`http://127.0.0.1:${port}/`).then(
    ({ ok }) => ok,
    () => false,
  )
